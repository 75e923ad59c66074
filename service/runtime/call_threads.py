"""The threads that answer calls."""

from __future__ import annotations

import logging
import sys
from threading import Lock, Thread
from time import sleep
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from service.rpc.received import Refusal
from service.runtime.fair_queue import FairQueue

if TYPE_CHECKING:
    from collections.abc import Collection

    from service.runtime.quotas import Quotas

# Between two calls that are refused. Who floods the service sends the next call as soon as one is refused, and HTTP/2
# lets a connection have only so many under way: what is not refused yet slows down nobody but them.
_SHED_SECONDS = 0.001
# Where as many refusals wait as calls may, gRPC's own thread takes the next call so much later, since what it takes on
# costs those that are answered. 1 ms would cost a neighbor of the flood more than it may wait.
_TAKEN_SECONDS = 0.000_25
# So many calls may wait for that, each with 17 KiB that gRPC has of it; more are refused without a pause.
_HELD = 8000

# A request of more bytes is answered by one of a few threads that are there for such, so that the others stay free.
_LARGE = 16 * 1024
_LARGE_THREADS = 3
# One workspace may keep two of those busy: one works while the other waits for Redis.
_LARGE_SHARE = 2

# Bytes that one workspace is served at a turn.
_TURN = 1024
_LARGE_TURN = 64 * 1024

# How long a thread may go on while others wait for the GIL and something slow is worked on. A call acquires the GIL
# some six times on its way, and may wait so long each time; Python's 5 ms would come to 30. Without anything slow that
# would only cost: a twentieth of a call.
_SWITCH_SECONDS = 0.000_5

_log = logging.getLogger(__name__)


class Received(Protocol):
    """A call whose request is there: `service.rpc.received.Received`."""

    @property
    def workspace(self) -> str:
        """The workspace that it is about; empty: nobody knows."""

    @property
    def turn(self) -> str:
        """Whose turn it takes: workspaces take turns."""

    @property
    def stranger(self) -> bool:
        """Whether it takes from no workspace's quota, as it will be refused, or its caller is not verified yet."""

    @property
    def size(self) -> int:
        """Bytes of its request."""

    @property
    def slow(self) -> bool:
        """Whether it may take long however small its request is."""

    def run(self) -> object:
        """Answer it."""

    def let_go(self) -> object:
        """Let go of its request, since it will be refused."""

    def refuse(self, refusal: Refusal, wait_s: float) -> bool:
        """Answer it by refusing it; `wait_s` is when it may be made again, in seconds, where that is known.

        Returns:
            Whether anybody was waiting for an answer.
        """


class _Threads(NamedTuple):
    """Threads and what waits for them."""

    queue: FairQueue[Received]
    threads: list[Thread]


class _ToRefuse(NamedTuple):
    """A call that is to be refused, why, and when it may be made again, as for `Received.refuse`."""

    call: Received
    refusal: Refusal
    wait_s: float

    def now(self) -> bool:
        """Refuse it; return whether anybody was waiting for an answer."""
        try:
            return self.call.refuse(self.refusal, self.wait_s)
        except Exception:  # noqa: BLE001 - the next call needs this thread
            _log.exception("a refusal broke off")
            return True


class _Yielding:
    """Has threads take the GIL from one another sooner, for as long as any does something slow."""

    def __init__(self) -> None:
        self._usual = sys.getswitchinterval()
        self._slow = 0
        self._lock = Lock()

    def enter(self) -> None:
        """Begin something slow."""
        self._count(1)

    def leave(self) -> None:
        """End it."""
        self._count(-1)

    def _count(self, threads: int) -> None:
        with self._lock:
            self._slow += threads
            sys.setswitchinterval(_SWITCH_SECONDS if self._slow else self._usual)


class CallThreads:
    """A fixed number of threads that serve workspaces in turn, a few for calls that take long, and one to refuse.

    The standard library's ThreadPoolExecutor makes a future with a condition for every call, and takes several locks
    that all threads share, which costs a tenth to a quarter of an empty call: deploy/adr/0004-speed.md.

    Args:
        threads: how many.
        bound: how many calls may wait for one of them, and how many for one of the few. Of more, the latest of the
            workspace with most of them is refused.
        slow: workspaces about which calls take long, whatever they are, as of now.
        quotas: what each workspace may ask for; None: as much as it likes.
    """

    def __init__(
        self,
        threads: int,
        bound: int,
        slow: Collection[str] = (),
        quotas: Quotas | None = None,
    ) -> None:
        self._bound = bound
        self._quotas = quotas
        self._slow_workspaces = slow
        self._refused: FairQueue[_ToRefuse] = FairQueue(1, 1, _HELD, _TURN)
        self._quick = self._start("call", threads, FairQueue(threads, threads, bound, _TURN))
        few: FairQueue[Received] = FairQueue(_LARGE_THREADS, _LARGE_SHARE, bound, _LARGE_TURN)
        self._slow = self._start("slow-call", _LARGE_THREADS, few, _Yielding())
        Thread(target=self._refuse, name="overload", daemon=True).start()

    def submit(self, call: Received) -> None:
        """Have a call answered by one of the threads, or refused."""
        if self._quotas is not None and not call.stranger and not self._quotas.take(call.workspace):
            self.refuse(call, Refusal.QUOTA, self._quotas.wait_s(call.workspace))
            return
        slow = call.size > _LARGE or call.slow or call.workspace in self._slow_workspaces
        queue = (self._slow if slow else self._quick).queue
        dropped = queue.put(call.turn, call.size, call)
        if dropped is not None:
            self.refuse(dropped, Refusal.CALLS)

    def refuse(self, call: Received, refusal: Refusal, wait_s: float = 0.0) -> None:
        """Have a call refused by the thread that is only there for that; `wait_s` as for `Received.refuse`.

        grpc's own thread, which takes everybody's calls on, never waits here for a workspace beyond its quota. It does
        where the service has more to do than it can: what it takes on then costs the calls that are answered.
        """
        call.let_go()
        refused = _ToRefuse(call, refusal, wait_s)
        waiting = self._refused.waiting
        if refusal is Refusal.CALLS and waiting >= self._bound:
            sleep(_TAKEN_SECONDS)
        if waiting < _HELD:
            self._refused.put(call.turn, 0, refused)
        else:
            refused.now()

    def hold(self) -> None:
        """Begin no call, and refuse none, until `release`; those that are in progress go on."""
        for queue in self._queues():
            queue.hold()

    def release(self) -> None:
        """Go on with all that was held."""
        for queue in self._queues():
            queue.release()

    def refuse_all(self) -> None:
        """Refuse all that waits, since the service ends before its turn."""
        for queue, _ in (self._quick, self._slow):
            for call in queue.drop_all():
                _ToRefuse(call, Refusal.STOPPING, 0.0).now()
        for refused in self._refused.drop_all():
            refused.now()

    def close(self) -> None:
        """End the threads, once they have done what waits by now."""
        for queue, threads in (self._quick, self._slow):
            queue.close(len(threads))
        self._refused.close(1)

    def _queues(self) -> tuple[FairQueue[Any], ...]:
        return self._quick.queue, self._slow.queue, self._refused

    def _start(self, name: str, count: int, queue: FairQueue[Received], yielding: _Yielding | None = None) -> _Threads:
        work = (queue, yielding)
        threads = [Thread(target=self._work, args=work, name=f"{name}-{at}", daemon=True) for at in range(count)]
        for thread in threads:
            thread.start()
        return _Threads(queue, threads)

    def _work(self, queue: FairQueue[Received], yielding: _Yielding | None) -> None:
        while (found := queue.first()) is not None:
            if yielding is not None:
                yielding.enter()
            while found is not None:
                workspace, call = found
                try:
                    call.run()
                except Exception:  # noqa: BLE001 - the next call needs this thread
                    _log.exception("a call broke off")
                # So that a call's memory is freed now, and not when the next one comes.
                del found, call
                found = queue.following(workspace)
            if yielding is not None:
                yielding.leave()

    def _refuse(self) -> None:
        while (found := self._refused.first()) is not None:
            while found is not None:
                turn, refused = found
                waited_for = refused.now()
                del found, refused
                if waited_for:
                    sleep(_SHED_SECONDS)
                found = self._refused.following(turn)
