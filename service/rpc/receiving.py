"""Requests are received before a thread is taken for their call, so that a call without one holds no thread.

grpcio hands a call to a thread as soon as its headers are there, and that thread waits for the message: sixteen calls
that are begun and never finished stop sixteen threads. The executor here is what grpcio hands calls to instead. It
starts to receive, and passes the call on when the whole message has come; one that takes too long is ended. That spares
a call two changes of threads, too.

There is no public way to this, so names of `grpc._server` are used, which is why they are all here. An upgrade that
renames one fails at import; one that changes how they work, in tests/faults/test_half_sent.py. Everything is called by
grpcio's one serving thread, except `_end_late`.
"""

from __future__ import annotations

import logging
from concurrent.futures import Executor, ThreadPoolExecutor
from threading import Event, Thread
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple

import grpc
from google.protobuf.message import DecodeError
from grpc import _server as grpcio
from grpc._cython import cygrpc  # type: ignore[attr-defined]
from grpc_status import rpc_status

from service.rpc import statuses
from service.telemetry import logs

if TYPE_CHECKING:
    from collections.abc import Callable

# How late a call may be ended, as a share of what it may take.
_LOOKS = 50

_log = logging.getLogger(__name__)

_receive_message = grpcio._receive_message  # noqa: SLF001
_is_active = grpcio._is_rpc_state_active  # noqa: SLF001
_abort = grpcio._abort  # noqa: SLF001
_RECEIVING = grpcio._RECEIVE_MESSAGE_TOKEN  # noqa: SLF001
_CLOSED = grpcio._CLOSED  # noqa: SLF001


class _Accepted:
    """What grpcio gets for a call that it handed over."""

    __slots__ = ()

    def add_done_callback(self, callback: Callable[[_Accepted], object]) -> None:
        """Call back at once: grpcio counts by it against `maximum_concurrent_rpcs`, which we leave unset."""
        callback(self)


ACCEPTED: Any = _Accepted()


class _Begun(NamedTuple):
    """A call, as grpcio hands it to an executor for a thread to run `run(answer, ...)`."""

    run: Callable[..., object]
    answer: Callable[..., object]
    event: Any
    state: Any
    behavior: Callable[..., object]
    request: Callable[[], Any]
    read: Callable[[bytes], Any]
    write: Callable[[Any], bytes]


class Receiver:
    """Receives the requests of calls, and ends calls whose request takes too long.

    Args:
        timeout_s: how long a request may take from its call's beginning, in seconds.
    """

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._too_slow = rpc_status.to_status(statuses.request_too_slow(timeout_s))
        self._waiting: dict[Any, tuple[float, _Begun]] = {}  # by state, the oldest first
        self._closed = Event()
        self._reaper = Thread(target=self._reap, name="half-sent", daemon=True)
        self._reaper.start()

    def close(self) -> None:
        """End nothing any more."""
        self._closed.set()
        self._reaper.join()

    def receive(self, begun: _Begun, submit: Callable[..., object]) -> None:
        """Receive the request of a call, then have `submit` run the call."""
        state = begun.state
        receive = _receive_message(state, begun.event.call, None)

        def received(event: Any) -> Any:
            self._waiting.pop(state, None)
            with state.condition:
                finished = receive(event)
                message, state.request = state.request, None
                if message is None and _is_active(state) and state.client is _CLOSED:
                    _refuse(begun, _NO_REQUEST)
            if message is not None:
                submit(*begun._replace(request=lambda: _read(begun, message)))
            return finished

        self._waiting[state] = (monotonic(), begun)
        with state.condition:
            begun.event.call.start_server_batch((cygrpc.ReceiveMessageOperation(0),), received)
            state.due.add(_RECEIVING)

    def _reap(self) -> None:
        ended = logs.Tally(_log, "calls ended: their request did not come")
        while not self._closed.wait(self._timeout_s / _LOOKS):
            ended.add(self._end_late(monotonic() - self._timeout_s))

    def _end_late(self, before: float) -> int:
        """End the calls that began before some time and are still without their request; return how many."""
        ended = 0
        for since, begun in self._waiting.copy().values():
            if since > before:
                break
            with begun.state.condition:
                if _RECEIVING in begun.state.due and _is_active(begun.state):
                    _refuse(begun, self._too_slow)
                    ended += 1
        return ended


class ReceivingExecutor(Executor):
    """Takes calls from grpcio, and hands each to another executor when its request is there.

    Args:
        receiver: receives.
        executor: runs the calls.
    """

    def __init__(self, receiver: Receiver, executor: Executor) -> None:
        self._receiver = receiver
        self._executor = executor

    def submit(self, fn: Callable[..., object], /, *args: Any, **kwargs: Any) -> Any:  # noqa: ARG002
        """Receive the request of a call; then have `fn(*args)` called. Its result is dropped: grpcio needs none."""
        self._receiver.receive(_Begun(fn, *args), self._executor.submit)
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
        self._receiver.receive(_Begun(fn, *args), self.do)
        return ACCEPTED

    def do(self, work: Callable[..., object], *args: Any) -> None:
        """Have the thread call `work(*args)`."""
        super().submit(work, *args)


def _refuse(begun: _Begun, status: grpc.Status) -> None:
    """Answer a call with an error, by its state, whose lock is held."""
    state = begun.state
    state.code, state.details, state.trailing_metadata = status.code, status.details.encode(), status.trailing_metadata
    _abort(state, begun.event.call, cygrpc.StatusCode.unknown, b"")


def _read(begun: _Begun, message: bytes) -> Any:
    """Return the request; None if it is none, which has been answered, or if nobody waits for an answer any more."""
    state = begun.state
    try:
        return begun.read(message) if _is_active(state) else None
    except DecodeError:
        with state.condition:
            if _is_active(state):
                _refuse(begun, _UNREADABLE)
        return None


_UNREADABLE = rpc_status.to_status(statuses.invalid(statuses.UNREADABLE))
_NO_REQUEST = rpc_status.to_status(statuses.no_request())
