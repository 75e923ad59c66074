"""The threads that answer calls."""

from __future__ import annotations

import logging
from concurrent.futures import Executor
from queue import SimpleQueue
from threading import Thread
from time import sleep
from typing import TYPE_CHECKING, Any

from service.rpc.receiving import ACCEPTED

if TYPE_CHECKING:
    from collections.abc import Callable

# How long no further call is taken on after one that is shed.
_SHED_SECONDS = 0.001

_log = logging.getLogger(__name__)

Work = tuple["Callable[..., object]", tuple[Any, ...]]


class CallThreads(Executor):
    """A fixed number of threads, one queue, and one more thread that sheds calls under overload.

    The standard library's ThreadPoolExecutor makes a future with a condition for every call, and takes several locks
    that all threads share, which costs a tenth to a quarter of an empty call: deploy/adr/0004-speed.md.

    Args:
        threads: how many.
        bound: how many calls may wait for one of them. A call beyond that is handled at once, by the thread that is
            only there to refuse it.

    Attributes:
        shedder: the thread whose calls are to be refused, by its identifier.
    """

    def __init__(self, threads: int, bound: int) -> None:
        self._bound = bound
        self._queue: SimpleQueue[Work | None] = SimpleQueue()
        self._shed: SimpleQueue[Work | None] = SimpleQueue()
        self._threads = [Thread(target=self._work, args=(self._queue,), name=f"call-{at}") for at in range(threads)]
        self._refuser = Thread(target=self._work, args=(self._shed,), name="overload")
        for thread in (*self._threads, self._refuser):
            thread.daemon = True
            thread.start()
        self.shedder = self._refuser.ident

    def submit(self, fn: Callable[..., object], /, *args: Any, **kwargs: Any) -> Any:  # noqa: ARG002
        """Have `fn(*args)` called by one of the threads; its result is dropped, as grpc needs none."""
        if self._queue.qsize() < self._bound:
            self._queue.put((fn, args))
        else:
            self.shed(fn, *args)
            # grpc's own thread takes calls on as fast as it can. Refusing costs nearly as much as answering, so with
            # nothing to slow it down the threads that answer would get nowhere.
            sleep(_SHED_SECONDS)
        return ACCEPTED

    def shed(self, fn: Callable[..., object], /, *args: Any) -> None:
        """Have `fn(*args)` called by the thread that is only there to refuse calls."""
        self._shed.put((fn, args))

    def close(self) -> None:
        """End the threads, once they have done what waits by now."""
        for _ in self._threads:
            self._queue.put(None)
        self._shed.put(None)

    def _work(self, queue: SimpleQueue[Work | None]) -> None:
        take = queue.get
        while (work := take()) is not None:
            fn, args = work
            try:
                fn(*args)
            except Exception:  # noqa: BLE001 - the next call needs this thread
                _log.exception("a call broke off")
            # So that a call's memory is freed now, and not when the next one comes.
            del work, fn, args
