"""Requests are received before a thread is taken for their call, so that a call without one holds no thread.

grpcio hands a call to a thread as soon as its headers are there, and that thread waits for the message: sixteen calls
that are begun and never finished stop sixteen threads. The executor here is what grpcio hands calls to instead. It
starts to receive, and passes the call on when the whole message has come; one that takes too long is ended. That spares
a call two changes of threads, too. And what is passed on tells already which workspace it is about.

There is no public way to this, so names of `grpc._server` are used, which is why they are all here. An upgrade that
renames one fails at import; one that changes how they work, in tests/faults/test_half_sent.py. What is called
`received` or `sent` is called by grpcio's one serving thread, which must never wait.
"""

from __future__ import annotations

import logging
from concurrent.futures import Executor, ThreadPoolExecutor
from enum import Enum
from threading import Event, Thread
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import grpc
from google.protobuf.message import DecodeError
from grpc import _server as grpcio
from grpc._cython import cygrpc  # type: ignore[attr-defined]
from grpc_status import rpc_status

from service.access.principals import NOBODY
from service.rpc import statuses
from service.rpc.unread import Unread
from service.telemetry import logs
from service.telemetry.metrics import EndedCalls

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from service.access.principals import Principal

    Recognize = Callable[[Iterable[tuple[str, str | bytes]], Callable[[], Mapping[str, Iterable[bytes]]]], Principal]

# How late a call may be ended, as a share of what it may take.
_LOOKS = 50

# Bytes of the large requests that calls in progress may have together. Read, a request takes about four times as much.
_LARGE = 64 * 1024
_BUDGET = 40 * 1024 * 1024

_log = logging.getLogger(__name__)

_receive_message = grpcio._receive_message  # noqa: SLF001
_is_active = grpcio._is_rpc_state_active  # noqa: SLF001
_abort = grpcio._abort  # noqa: SLF001
_RECEIVING = grpcio._RECEIVE_MESSAGE_TOKEN  # noqa: SLF001
_CLOSED = grpcio._CLOSED  # noqa: SLF001
_SENDING = grpcio._SEND_MESSAGE_TOKEN  # noqa: SLF001
_sent_message = grpcio._send_message  # noqa: SLF001
_initial_metadata = grpcio._get_initial_metadata_operation  # noqa: SLF001
_end = grpcio._status  # noqa: SLF001
_respond: Any = grpcio._unary_response_in_pool  # noqa: SLF001


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


class Refusal(Enum):
    """Why a call is not answered. A refused call's request is one of these."""

    CALLS = "calls"
    """Too many calls are waiting."""
    BYTES = "bytes"
    """Large requests in progress take too many bytes."""
    QUOTA = "quota"
    """Its workspace asks for more than its quota."""
    STOPPING = "stopping"
    """The service ends before its turn."""


class Received:
    """A call whose request is there.

    Attributes:
        workspace: whose turn it takes: the workspace that it is about, as the request names it. Empty: nobody's.
        size: bytes of the request.
        slow: whether it may take long however small its request is.
    """

    __slots__ = ("_begun", "_message", "size", "slow", "workspace")

    def __init__(self, begun: _Begun, message: bytes) -> None:
        self._begun = begun
        self._message = message
        self.size = len(message)
        self.slow: bool = getattr(begun.read, "slow", False)
        self.workspace = workspace_of(message)

    def made_by(self, caller: Principal) -> Received:
        """Return it, at no workspace's cost if its caller may not make it there: it will be refused."""
        if not caller.may(self._begun.read.right, self.workspace):  # type: ignore[attr-defined]  # see `calls._handler`
            self.workspace = ""
        return self

    def run(self) -> object:
        """Answer it."""
        run, answer, event, state, behavior, _, read, write = self._begun
        return run(answer, event, state, behavior, self._read, read, write)

    def refuse(self, refusal: Refusal) -> object:
        """Answer it by refusing it."""
        run, answer, event, state, behavior, _, read, write = self._begun
        return run(answer, event, state, behavior, lambda: refusal, read, write)

    def _read(self) -> Any:
        """Return the request; none if it names another workspace than the one that it was let in for."""
        request = _read(self._begun, self._message)
        if self.workspace and getattr(request, "workspace_id", "") not in (self.workspace, ""):
            return self._begun.read(_NO_MESSAGE)
        return request


# No message begins so: there is no field 0.
_NO_MESSAGE = b"\0"

# How a message begins whose first field, a text of less than 128 bytes, is set. Clients write fields in their order.
_FIRST_FIELD = 0x0A
_TWO_BYTES = 0x80


def workspace_of(message: bytes) -> str:
    """Return the workspace that a request is about, without reading the request: its field 1, if that comes first.

    Who writes its fields in another order shares the turns of all who do.
    """
    if len(message) < 2 or message[0] != _FIRST_FIELD:  # noqa: PLR2004 - a tag and a length
        return ""
    size = message[1]
    if size < _TWO_BYTES:
        return str(message[2 : 2 + size], "utf-8", "replace")
    if len(message) < 3 or message[2] >= _TWO_BYTES:  # noqa: PLR2004 - no id is so long
        return ""
    return str(message[3 : 3 + (size & 0x7F | message[2] << 7)], "utf-8", "replace")


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
        self._waiting: dict[Any, tuple[float, _Begun]] = {}  # by state, the oldest first
        self._large = 0  # bytes; calls end where they are received, in grpcio's serving thread
        self._closed = Event()
        self._reaper = Thread(target=self._reap, name="half-sent", daemon=True)
        self._reaper.start()

    def close(self) -> None:
        """End nothing any more."""
        self._closed.set()
        self._reaper.join()

    def receive(
        self, begun: _Begun, submit: Callable[[Received], object], refuse: Callable[[Received, Refusal], object]
    ) -> None:
        """Receive the request of a call, then have it answered, or refused if large requests are too many."""
        state = begun.state
        receive = _receive_message(state, begun.event.call, None)
        if begun.answer is _respond:
            begun = begun._replace(answer=self._respond)

        def received(event: Any) -> Any:
            self._waiting.pop(state, None)
            with state.condition:
                finished = receive(event)
                message, state.request = state.request, None
                if message is None and _is_active(state) and state.client is _CLOSED:
                    self._refuse(begun, _NO_REQUEST)
                has_room = message is None or len(message) <= _LARGE or self._take_room(state, len(message))
            if not has_room:
                refuse(Received(begun, b""), Refusal.BYTES)
            elif message is not None:
                submit(Received(begun, message))
            return finished

        self._waiting[state] = (monotonic(), begun)
        with state.condition:
            begun.event.call.start_server_batch((cygrpc.ReceiveMessageOperation(0),), received)
            state.due.add(_RECEIVING)

    def count(self, begun: _Begun, size: int) -> None:
        """Count so many bytes of responses on their way, until their call is over; it may not take too long."""
        self._unread.note(begun.state, begun.event.call, size)

    def _respond(self, event: Any, state: Any, *others: Any) -> None:
        """Answer a call with one message, or an error, and count that until the call is over."""
        *passed_on, write = others
        counted = False

        def counting(response: Any) -> Any:
            nonlocal counted
            written = write(response)
            self._unread.note(state, event.call, len(written))
            counted = True
            return written

        _respond(event, state, *passed_on, counting)
        if not counted:
            self._unread.note(state, event.call, 0)

    def _refuse(self, begun: _Begun, status: grpc.Status) -> None:
        """Answer a call with an error, by its state, whose lock is held."""
        _refuse(begun, status)
        self.count(begun, 0)

    def _take_room(self, state: Any, size: int) -> bool:
        """Take room for a large request until its call is over; false if those in progress leave none."""
        if not _is_active(state):
            return True  # nobody waits for it any more, so it is not read
        if self._large + size > _BUDGET:
            return False

        def give_back() -> None:
            self._large -= size

        self._large += size
        state.callbacks.append(give_back)
        return True

    def _reap(self) -> None:
        half_sent = logs.Tally(_log, "calls ended: their request did not come")
        not_taken = logs.Tally(_log, "calls ended: their response was not taken")
        ended = EndedCalls()
        while not self._closed.wait(self._timeout_s / _LOOKS):
            late = self._end_late(monotonic() - self._timeout_s)
            half_sent.add(late)
            ended.request_too_slow(late)
            unread = self._unread.end_late()
            not_taken.add(unread)
            ended.response_not_taken(unread)

    def _end_late(self, before: float) -> int:
        """End the calls that began before some time and are still without their request; return how many."""
        ended = 0
        for since, begun in self._waiting.copy().values():
            if since > before:
                break
            with begun.state.condition:
                if _RECEIVING in begun.state.due and _is_active(begun.state):
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
        begun = _Begun(fn, *args)
        if self._recognize is None:
            self._receiver.receive(begun, self._threads.submit, self._threads.refuse)
            return ACCEPTED
        event = begun.event
        caller = self._recognize(event.invocation_metadata, lambda: _properties(event.call))
        if caller is NOBODY:
            # Refused as others are, but no memory is held, and nothing waited for, for those whom nobody knows.
            self._threads.submit(Received(begun, b""))
        else:
            self._receiver.receive(begun, lambda call: self._threads.submit(call.made_by(caller)), self._threads.refuse)
        return ACCEPTED


def _properties(call: Any) -> dict[str, Iterable[bytes]]:
    """Return what gRPC knows of a caller, by name."""
    return {name.decode(): values for name, values in cygrpc.auth_context(call).items()}


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
        begun = _Begun(fn, *args)
        self._receiver.receive(begun, lambda call: self.do(call.run), lambda *_: _overload(begun))
        return ACCEPTED

    def do(self, work: Callable[..., object], *args: Any) -> None:
        """Have the thread call `work(*args)`."""
        super().submit(work, *args)


class DialogThread(ThreadPoolExecutor):
    """A thread that answers callers who ask again and again in one call, for `experimental_thread_pool`.

    The methods are `request -> response`. A call holds the thread only while a response is made: neither a caller who
    asks nothing more, nor one who does not read, is waited for. A call counts as one whose response is not taken, since
    neither can be told from the other.

    Args:
        receiver: counts calls, and ends those that take too long.
        name: the thread's.
    """

    def __init__(self, receiver: Receiver, name: str) -> None:
        super().__init__(1, thread_name_prefix=name)
        self._receiver = receiver

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:  # noqa: ARG002
        """Answer a call, request by request."""
        begun = _Begun(fn, *args)
        with begun.state.condition:
            _Dialog(begun, super().submit, self._receiver.count).receive()
            self._receiver.count(begun, 0)
        return ACCEPTED


class _Dialog:
    """One call with many requests. The next one is received when the response to the last is on its way.

    Args:
        begun: the call.
        do: has a thread call a function with arguments.
        count: counts bytes of responses of a call.
    """

    def __init__(self, begun: _Begun, do: Callable[..., object], count: Callable[[_Begun, int], None]) -> None:
        self._count = count
        self._begun = begun
        self._state = begun.state
        self._do = do

    def receive(self) -> None:
        """Receive the next request; the state's lock is held."""
        self._begun.event.call.start_server_batch((cygrpc.ReceiveMessageOperation(0),), self._received)
        self._state.due.add(_RECEIVING)

    def _received(self, event: Any) -> Any:
        state = self._state
        with state.condition:
            finished = _receive_message(state, self._begun.event.call, None)(event)
            message, state.request = state.request, None
            if message is None and _is_active(state):
                _end(self._begun.event, state, None)
        if message is not None:
            self._do(self._answer, message)
        return finished

    def _answer(self, message: bytes) -> None:
        begun, state = self._begun, self._state
        try:
            request = _read(begun, message)
            response = begun.write(begun.behavior(request)) if request is not None else None
        except Exception:  # noqa: BLE001 - the caller would wait for ever
            _log.exception("a call broke off")
            with state.condition:
                _refuse(begun, _INTERNAL)
            return
        with state.condition:
            if response is None or not _is_active(state):
                return
            self._count(begun, len(response))
            operations = [cygrpc.SendMessageOperation(response, 0)]
            if state.initial_metadata_allowed:
                operations.insert(0, _initial_metadata(state, None))
                state.initial_metadata_allowed = False
            begun.event.call.start_server_batch(operations, self._sent)
            state.due.add(_SENDING)

    def _sent(self, event: Any) -> Any:
        with self._state.condition:
            finished = _sent_message(self._state, _SENDING)(event)
            if _is_active(self._state):
                self.receive()
        return finished


def _refuse(begun: _Begun, status: grpc.Status) -> None:
    """Answer a call with an error, by its state, whose lock is held."""
    state = begun.state
    state.code, state.details, state.trailing_metadata = status.code, status.details.encode(), status.trailing_metadata
    _abort(state, begun.event.call, cygrpc.StatusCode.unknown, b"")


def _overload(begun: _Begun) -> None:
    with begun.state.condition:
        _refuse(begun, _OVERLOADED)


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
_OVERLOADED = rpc_status.to_status(statuses.overloaded())
_INTERNAL = rpc_status.to_status(statuses.internal())
_NO_REQUEST = rpc_status.to_status(statuses.no_request())
