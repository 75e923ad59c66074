"""Threads that want the same kind of thing: one of them does it for all who wait.

Work that is done for many at once costs each of them less: one run of a script instead of many, one call to the
operating system, code and data that are still in the processor's cache. Nobody waits for others to come: a thread that
finds nobody at work begins at once, and those who come meanwhile are the next to be served together.
"""

from __future__ import annotations

from collections import deque
from threading import Lock
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Item = TypeVar("Item")
Answer = TypeVar("Answer")

_NONE: Any = object()


class _Seat(Generic[Item, Answer]):
    """A thread that waits.

    Attributes:
        item: what it asks for.
        answer: the answer, or the exception to raise; `_NONE` as long as there is neither.
        wake: released when the answer is there, or when it is this thread's turn to lead.
    """

    __slots__ = ("answer", "item", "wake")

    def __init__(self, item: Item) -> None:
        self.item = item
        self.answer: Answer | Exception = _NONE
        self.wake = Lock()
        self.wake.acquire()


class Combiner(Generic[Item, Answer]):
    """Does work for many threads at once.

    Args:
        work: answers many items, in their order. In the place of an answer stands an exception where there is one to
            raise; what `work` raises itself is raised to all.
        most: how many items it is given at most.
    """

    __slots__ = ("_lead", "_most", "_waiting", "_work")

    def __init__(self, work: Callable[[list[Item]], Sequence[Answer | Exception]], most: int) -> None:
        self._work = work
        self._most = most
        self._waiting: deque[_Seat[Item, Answer]] = deque()
        self._lead = Lock()

    def ask(self, item: Item) -> Answer:
        """Have `work` done for this item, by this thread or another one, and return its answer or raise it."""
        seat: _Seat[Item, Answer] = _Seat(item)
        self._waiting.append(seat)
        leads = self._lead.acquire(blocking=False)
        if not leads:
            seat.wake.acquire()
        if seat.answer is _NONE:
            self._lead_until_answered(seat)
        elif leads:
            # Who led before has served this thread too, and left, between the two steps above.
            self._leave_lead()
        answer = seat.answer
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _lead_until_answered(self, own: _Seat[Item, Answer]) -> None:
        """Answer those who wait, in their order."""
        waiting = self._waiting
        served: list[_Seat[Item, Answer]] = []
        try:
            while own.answer is _NONE:
                seats = [waiting.popleft() for _ in range(min(len(waiting), self._most))]
                served += seats
                answers: Sequence[Answer | Exception] = [InterruptedError("who led was stopped")] * len(seats)
                try:
                    answers = self._work([seat.item for seat in seats])
                except Exception as error:  # noqa: BLE001 - each of them raises it
                    answers = [error] * len(seats)
                finally:
                    for seat, answer in zip(seats, answers, strict=True):
                        seat.answer = answer
        finally:
            self._leave_lead()
            # The next leader first, and the others only now: whoever wakes wants the interpreter at once.
            for seat in served:
                if seat is not own:
                    seat.wake.release()

    def _leave_lead(self) -> None:
        """Appoint the first of those who wait; only if there is nobody, the lead is free for whoever comes."""
        waiting = self._waiting
        while not waiting:
            self._lead.release()
            # Who came between the look and the release has found the lead taken, and sleeps.
            if not waiting or not self._lead.acquire(blocking=False):
                return
        waiting[0].wake.release()
