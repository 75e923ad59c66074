"""Threads that have their work done together: each gets its own answer, and none waits for ever."""

from __future__ import annotations

import random
import sys
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from time import sleep
from typing import TYPE_CHECKING, Any

import pytest

from service.combining import Combiner

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

THREADS = 16
ASKS_A_THREAD = 1500


class WrongError(Exception):
    """What a test's work raises."""


def in_threads(count: int, ask: Callable[[int], bool]) -> list[bool]:
    """What `ask` returns in so many threads; one that waits for ever is a failure, and holds up nobody."""
    answers: SimpleQueue[bool] = SimpleQueue()
    for number in range(count):
        threading.Thread(target=lambda number=number: answers.put(ask(number)), daemon=True).start()
    return [answers.get(timeout=30) for _ in range(count)]


def test_each_thread_gets_the_answer_to_its_own_item():
    """However many threads ask at once, every answer reaches the one who asked, and items are worked on in order."""
    seen: list[tuple[int, int]] = []
    sizes: set[int] = set()

    def work(items: list[tuple[int, int]]) -> list[tuple[int, int]]:
        sizes.add(len(items))
        seen.extend(items)
        return [(-thread, -at) for thread, at in items]

    combiner = Combiner(work, 10)
    assert all(in_threads(THREADS, lambda n: all(combiner.ask((n, at)) == (-n, -at) for at in range(ASKS_A_THREAD))))
    assert sorted(seen) == [(n, at) for n in range(THREADS) for at in range(ASKS_A_THREAD)]
    for thread in range(THREADS):
        assert [at for n, at in seen if n == thread] == list(range(ASKS_A_THREAD))
    assert max(sizes) <= 10


class _Dawdling(deque[Any]):
    """The line of those who wait, in which the first stands for a while before it looks whether somebody leads."""

    def __init__(self) -> None:
        super().__init__()
        self.stands, self.go_on = threading.Event(), threading.Event()

    def append(self, seat: Any) -> None:
        super().append(seat)
        if not self.stands.is_set():
            self.stands.set()
            assert self.go_on.wait(10)


def test_who_finds_its_answer_there_does_not_keep_the_lead():
    """A thread that is served before it looks whether somebody leads finds the lead free, and leaves it to others."""
    combiner: Combiner[int, int] = Combiner(lambda items: [-item for item in items], 4)
    combiner._waiting = line = _Dawdling()
    with ThreadPoolExecutor(2) as threads:
        slow = threads.submit(combiner.ask, 1)
        assert line.stands.wait(10)
        assert threads.submit(combiner.ask, 2).result(10) == -2
        assert line == deque(), "the slow one was served along"
        line.go_on.set()
        assert slow.result(10) == -1
        assert combiner._lead.acquire(blocking=False), "nobody leads, so the lead is free"


def test_those_who_come_meanwhile_are_served_together():
    """While one is worked for the others gather, and the next round serves them all, but no more than it may."""
    started, go = threading.Event(), threading.Event()
    rounds: list[list[int]] = []

    def work(items: list[int]) -> list[int]:
        rounds.append(items)
        started.set()
        assert go.wait(10)
        return items

    combiner = Combiner(work, 4)
    with ThreadPoolExecutor(7) as threads:
        first = threads.submit(combiner.ask, 0)
        assert started.wait(10)
        others = [threads.submit(combiner.ask, n) for n in range(1, 7)]
        while len(combiner._waiting) < 6:
            sleep(0.001)
        go.set()
        assert [first.result(10), *(other.result(10) for other in others)] == list(range(7))
    assert [len(items) for items in rounds] == [1, 4, 2]


def test_an_exception_reaches_whom_it_is_for():
    """An exception in the place of an answer is raised to that thread alone; one that the work raises, to all."""

    def work(items: list[int]) -> list[int | Exception]:
        if -1 in items:
            raise WrongError("all")
        return [WrongError(str(item)) if item % 3 == 0 else item for item in items]

    combiner = Combiner(work, 50)

    def ask(n: int) -> bool:
        for at in range(n, ASKS_A_THREAD, THREADS):
            if at % 3 == 0:
                with pytest.raises(WrongError, match=f"^{at}$"):
                    combiner.ask(at)
            elif combiner.ask(at) != at:
                return False
        return True

    with ThreadPoolExecutor(THREADS) as threads:
        assert all(threads.map(ask, range(THREADS)))
    with pytest.raises(WrongError, match="all"):
        combiner.ask(-1)
    assert combiner.ask(1) == 1


def test_who_is_stopped_while_leading_leaves_nobody_behind():
    """A thread that is stopped in the middle (Ctrl-C) raises that; those it worked for get an error; work goes on."""
    started, go = threading.Event(), threading.Event()

    def work(items: list[int]) -> list[int]:
        started.set()
        assert go.wait(10)
        if 1 in items:
            raise KeyboardInterrupt
        return items

    combiner = Combiner(work, 50)

    def ask(n: int) -> type[BaseException] | int:
        try:
            return combiner.ask(n)
        except BaseException as error:  # noqa: BLE001 - it is what the test is about
            return type(error)

    with ThreadPoolExecutor(4) as threads:
        first = threads.submit(ask, 0)
        assert started.wait(10)
        others = []
        for n in (1, 2, 3):
            others.append(threads.submit(ask, n))
            while len(combiner._waiting) < n:
                sleep(0.001)
        go.set()
        assert first.result(10) == 0
        assert [other.result(10) for other in others] == [KeyboardInterrupt, InterruptedError, InterruptedError]
    assert combiner.ask(5) == 5


def test_nobody_waits_for_ever_wherever_threads_are_held_up():
    """Threads that are held up before any line, for longer than others take for everything, all get their answers."""
    chance = random.Random(20261125)

    def held_up(frame: FrameType, event: str, _argument: object) -> Any:
        if frame.f_code.co_filename != sys.modules[Combiner.__module__].__file__:
            return None
        if event == "line" and chance.random() < 0.06:
            sleep(chance.choice((0, 0, 0.0001, 0.003)))
        return held_up

    def asks(combiner: Combiner[int, int], number: int) -> bool:
        sys.settrace(held_up)
        try:
            return all(combiner.ask(item) == -item for item in range(number, number + 15))
        finally:
            sys.settrace(None)

    for _ in range(40):
        combiner: Combiner[int, int] = Combiner(lambda items: [-item for item in items], 3)
        assert all(in_threads(5, lambda n, combiner=combiner: asks(combiner, 100 * n)))
        assert combiner._lead.acquire(blocking=False), "nobody leads, so the lead is free"
