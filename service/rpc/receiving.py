"""Requests are received before a thread is taken for their call, so that a call without one holds no thread.

grpcio hands a call to a thread as soon as its headers are there, and that thread waits for the message: sixteen calls
that are begun and never finished stop sixteen threads. The executor here is what grpcio hands calls to instead. It
starts to receive, and passes the call on when the whole message has come; one that takes too long is ended. That spares
a call two context switches, too. And what is passed on tells already which workspace it is about.

What is called `received` is called by grpcio's one serving thread, which must hardly ever wait.
"""

from __future__ import annotations

import logging
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial
from threading import Event, Thread
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol

from grpc_status import rpc_status

from service.access.principals import NOBODY, UNVERIFIED
from service.rpc import grpc_internals as grpcio
from service.rpc import statuses
from service.rpc.grpc_internals import ACCEPTED, CLOSED, RECEIVING, Begun, finish, message_of
from service.rpc.received import Received, Refusal
from service.rpc.unread import Unread
from service.telemetry import logs
from service.telemetry.metrics import EndedCalls

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from service.access.principals import Principal

    Recognize = Callable[[Iterable[tuple[str, str | bytes]], Callable[[], Mapping[str, Iterable[bytes]]]], Principal]

    import grpc

# How late a call may be ended, as a share of what it may take.
_LOOKS = 50

# Bytes of the large requests that calls in progress may have together. Read, a request takes about four times as much.
_LARGE = 64 * 1024
_BUDGET = 40 * 1024 * 1024

_log = logging.getLogger(__name__)


class Threads(Protocol):
    """What answers calls: `service.runtime.call_threads.CallThreads`."""

    def submit(self, call: Received) -> None:
        """Have a call answered, or refused."""

    def refuse(self, call: Received, refusal: Refusal) -> None:
        """Have a call refused."""


class Receiver:
    """Receives the requests of calls, and ends calls whose request, or response, takes too long.

    Args:
        timeout_s: how long a request may take from its call's beginning, in seconds.
        response_timeout_s: how long a response may take to be taken, in seconds.
    """

    def __init__(self, timeout_s: float, response_timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._unread = Unread(response_timeout_s)
        self._too_slow = rpc_status.to_status(statuses.request_too_slow(timeout_s))
        self._waiting: dict[Any, tuple[float, Begun]] = {}  # by state, the oldest first
        self._large: dict[Any, int] = {}  # bytes, by state; all in grpcio's serving thread, where calls end, too
        self._closed = Event()
        self._reaper = Thread(target=self._reap, name="half-sent", daemon=True)
        self._reaper.start()

    def close(self) -> None:
        """End nothing any more."""
        self._closed.set()
        self._reaper.join()

    def receive(
        self, begun: Begun, submit: Callable[[Received], object], refuse: Callable[[Received, Refusal], object]
    ) -> None:
        """Receive the request of a call, then have it answered, or refused if large requests are too many."""
        state, waiting, note = begun.state, self._waiting, self._unread.note

        def received(event: Any) -> Any:
            del waiting[state]
            message = message_of(event)
            if message is None:
                return self._none_received(begun, event)
            with state.condition:
                finished = finish(state, RECEIVING)
                is_large = len(message) > _LARGE
                has_room = not is_large or self._take_room(state, len(message))
            call = Received(begun, message, note, partial(self._large.pop, state, None) if is_large else None)
            if has_room:
                submit(call)
            else:
                refuse(call, Refusal.BYTES)
            return finished

        waiting[state] = (monotonic(), begun)
        grpcio.start_receiving(begun, received)

    def without_request(self, begun: Begun) -> Received:
        """Return a stranger's call as one that was received, without having received anything."""
        return Received(begun, b"", self._unread.note).made_by(NOBODY)

    def count(self, begun: Begun, size: int) -> None:
        """Count so many bytes of responses on their way, until their call is over; it may not take too long."""
        self._unread.note(begun.state, begun.event.call, size)

    def _none_received(self, begun: Begun, event: Any) -> Any:
        """Answer a call that has no request, if anybody waits for that."""
        state = begun.state
        with state.condition:
            finished = grpcio.receive_message(state, begun.event.call, None)(event)
            if grpcio.is_active(state) and state.client is CLOSED:
                self._refuse(begun, _NO_REQUEST)
        return finished

    def _refuse(self, begun: Begun, status: grpc.Status) -> None:
        """Answer a call with an error, by its state, whose lock is held."""
        grpcio.refuse(begun, status)
        self.count(begun, 0)

    def _take_room(self, state: Any, size: int) -> bool:
        """Take room for a large request until it is over or refused; false if those in progress leave none."""
        if not grpcio.is_active(state):
            return True  # nobody waits for it any more, so it is not read
        if sum(self._large.values()) + size > _BUDGET:
            return False
        self._large[state] = size
        state.callbacks.append(partial(self._large.pop, state, None))
        return True

    def _reap(self) -> None:
        half_sent = logs.Tally(_log, "calls ended: their request did not come")
        not_taken = logs.Tally(_log, "calls ended: their response was not taken")
        ended = EndedCalls()
        while not self._closed.wait(self._timeout_s / _LOOKS):
            try:
                late = self._end_late(monotonic() - self._timeout_s)
                half_sent.add(late)
                ended.request_too_slow(late)
                unread = self._unread.end_late()
                not_taken.add(unread)
                ended.response_not_taken(unread)
            except Exception:  # noqa: BLE001 - the next calls have to be ended, too
                _log.exception("calls that take too long could not be ended")

    def _end_late(self, before: float) -> int:
        """End the calls that began before some time and are still without their request; return how many."""
        ended = 0
        for since, begun in self._waiting.copy().values():
            if since > before:
                break
            with begun.state.condition:
                if RECEIVING in begun.state.due and grpcio.is_active(begun.state):
                    self._refuse(begun, self._too_slow)
                    ended += 1
        return ended


class ReceivingExecutor(Executor):
    """Takes calls from grpcio, and hands each to threads when its request is there.

    Args:
        receiver: receives.
        threads: answer calls.
        recognize: tells by its metadata, and what gRPC knows of its caller by name, who makes a call; None: everybody
            may do all.
    """

    def __init__(
        self,
        receiver: Receiver,
        threads: Threads,
        recognize: Recognize | None = None,
    ) -> None:
        self._receiver = receiver
        self._threads = threads
        self._recognize = recognize

    def submit(self, fn: Callable[..., object], /, *args: Any, **kwargs: Any) -> Any:  # noqa: ARG002
        """Receive the request of a call, but not a stranger's; then have `fn(*args)` called.

        Its result is dropped: grpcio needs none.
        """
        begun = Begun(fn, *args)
        if self._recognize is None:
            self._receiver.receive(begun, self._threads.submit, self._threads.refuse)
            return ACCEPTED
        event = begun.event
        caller = self._recognize(event.invocation_metadata, lambda: grpcio.properties_of(event.call))
        if caller is NOBODY:
            # Refused as others are, but no memory is held, and nothing waited for, for those whom nobody knows.
            self._threads.submit(self._receiver.without_request(begun))
        else:
            if caller is not UNVERIFIED:
                grpcio.note_caller(begun, caller)
            self._receiver.receive(begun, lambda call: self._threads.submit(call.made_by(caller)), self._threads.refuse)
        return ACCEPTED


class ReceivingThread(ThreadPoolExecutor):
    """A thread of some methods' own, for `experimental_thread_pool`, which grpcio accepts of no other class.

    Args:
        receiver: receives.
        name: the thread's.
    """

    def __init__(self, receiver: Receiver, name: str) -> None:
        super().__init__(1, thread_name_prefix=name)
        self._receiver = receiver

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:  # noqa: ARG002
        """Receive the request of a call; then have the thread call `fn(*args)`."""
        begun = Begun(fn, *args)
        self._receiver.receive(begun, lambda call: self.do(call.run), lambda *_: _overload(begun))
        return ACCEPTED

    def do(self, work: Callable[..., object], *args: Any) -> None:
        """Have the thread call `work(*args)`."""
        super().submit(work, *args)


def _overload(begun: Begun) -> None:
    with begun.state.condition:
        grpcio.refuse(begun, _OVERLOADED)


_OVERLOADED = rpc_status.to_status(statuses.overloaded())
_NO_REQUEST = rpc_status.to_status(statuses.no_request())
