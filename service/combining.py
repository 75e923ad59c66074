"""Flat combining: of the threads that want the same kind of thing, one does it for all that wait.

Source: Hendler, Incze, Shavit and Tzafrir, "Flat combining and the synchronization-parallelism tradeoff", SPAA 2010.

Work that is done for many at once costs each of them less: one run of a script instead of many, one call to the
operating system, code and data that are still in the processor's cache. Nobody waits for others to come: a thread that
finds no leader leads at once, and the threads that come meanwhile are the next to be served together.
"""

from __future__ import annotations

from collections import deque
from threading import Lock
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Item = TypeVar("Item")
Result = TypeVar("Result")

_NONE: Any = object()


class _Seat(Generic[Item, Result]):
    """A thread that waits.

    Attributes:
        item: what it asks for.
        result: its result, or the exception to raise; `_NONE` as long as there is neither.
        wake: released when the result is there, or when it is this thread's turn to lead.
    """

    __slots__ = ("item", "result", "wake")

    def __init__(self, item: Item) -> None:
        self.item = item
        self.result: Result | Exception = _NONE
        self.wake = Lock()
        self.wake.acquire()


class Combiner(Generic[Item, Result]):
    """Does work for many threads at once.

    Args:
        work: returns the results for many items, in their order. In the place of a result stands an exception where
            there is one to raise; what `work` raises itself is raised to all.
        most: how many items `work` is given at most. If more wait, all owners have as many among them as others.
        owner_of: returns whose an item is.
    """

    def __init__(
        self,
        work: Callable[[list[Item]], Sequence[Result | Exception]],
        most: int,
        owner_of: Callable[[Item], object] = lambda _: None,
    ) -> None:
        self._work = work
        self._most = most
        self._owner_of = owner_of
        self._waiting: deque[_Seat[Item, Result]] = deque()
        self._lead = Lock()

    def ask(self, item: Item) -> Result:
        """Have the work done for this item, by this thread or another one, and return its result or raise it."""
        own: _Seat[Item, Result] = _Seat(item)
        waiting = self._waiting
        waiting.append(own)
        leads = self._lead.acquire(blocking=False)
        if not leads:
            own.wake.acquire()
            leads = own.result is _NONE  # the last leader has appointed this thread
        served: list[_Seat[Item, Result]] = []
        try:
            # A leader before this one may have served this thread too, and left, between the first two steps above.
            while own.result is _NONE:
                seats = [waiting.popleft() for _ in range(len(waiting))]
                if len(seats) > self._most:
                    seats = self._seated(seats)
                served += seats
                results: Sequence[Result | Exception] = [InterruptedError("the leader was stopped")] * len(seats)
                try:
                    results = self._work([seat.item for seat in seats])
                except Exception as error:  # noqa: BLE001 - each of them raises it
                    results = [error] * len(seats)
                finally:
                    for seat, result in zip(seats, results, strict=True):
                        seat.result = result
        finally:
            if leads:
                self._hand_over()
                # The next leader first, and the others only now: each thread that wakes acquires the GIL at once.
                for seat in served:
                    if seat is not own:
                        seat.wake.release()
        result = own.result
        if isinstance(result, Exception):
            raise result
        return result

    def _seated(self, seats: list[_Seat[Item, Result]]) -> list[_Seat[Item, Result]]:
        """Return who is served now, the first of every owner before the second of any; the rest waits on, in order."""
        turns: dict[object, int] = {}
        places = []
        for place, seat in enumerate(seats):
            owner = self._owner_of(seat.item)
            turns[owner] = turn = turns.get(owner, 0) + 1
            places.append((turn, place))
        chosen = sorted(place for _, place in sorted(places)[: self._most])
        served = set(chosen)
        self._waiting.extendleft(seats[place] for place in reversed(range(len(seats))) if place not in served)
        return [seats[place] for place in chosen]

    def _hand_over(self) -> None:
        """Appoint the first thread that waits; only if there is none, the lead is free for whichever comes."""
        waiting = self._waiting
        while not waiting:
            self._lead.release()
            # A thread that came between the look and the release has found the lead taken, and sleeps.
            if not waiting or not self._lead.acquire(blocking=False):
                return
        waiting[0].wake.release()
