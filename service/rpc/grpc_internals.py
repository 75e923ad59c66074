"""What the service uses of grpcio's inside: all of it is named here.

There is no public way to receive a request before a thread is taken for its call, nor to answer a call with several
requests one by one. An upgrade of grpcio that renames one of these names fails at import; one that changes how they
work, in tests/faults/test_half_sent.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from grpc import _server as grpcio
from grpc._cython import cygrpc  # type: ignore[attr-defined]

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import grpc

receive_message = grpcio._receive_message  # noqa: SLF001
message_of: Any = grpcio._serialized_request  # noqa: SLF001
finish = grpcio._possibly_finish_call  # noqa: SLF001
is_active = grpcio._is_rpc_state_active  # noqa: SLF001
sent_message = grpcio._send_message  # noqa: SLF001
initial_metadata = grpcio._get_initial_metadata_operation  # noqa: SLF001
end = grpcio._status  # noqa: SLF001
answer_unary: Any = grpcio._unary_response_in_pool  # noqa: SLF001
_call_behavior: Any = grpcio._call_behavior  # noqa: SLF001
_serialize: Any = grpcio._serialize_response  # noqa: SLF001
_Context: Any = grpcio._Context  # noqa: SLF001
_abort = grpcio._abort  # noqa: SLF001
RECEIVING = grpcio._RECEIVE_MESSAGE_TOKEN  # noqa: SLF001
SENDING = grpcio._SEND_MESSAGE_TOKEN  # noqa: SLF001
CLOSED = grpcio._CLOSED  # noqa: SLF001
SendMessage = cygrpc.SendMessageOperation
EXHAUSTED = cygrpc.StatusCode.resource_exhausted


class _Accepted:
    """What grpcio gets for a call that it handed over."""

    __slots__ = ()

    def add_done_callback(self, callback: Callable[[_Accepted], object]) -> None:
        """Call back at once: grpcio counts by it against `maximum_concurrent_rpcs`, which we leave unset."""
        callback(self)


ACCEPTED: Any = _Accepted()


class Begun(NamedTuple):
    """A call, as grpcio hands it to an executor for a thread to run `run(answer, ...)`; its state's lock is held."""

    run: Callable[..., object]
    answer: Callable[..., object]
    event: Any
    state: Any
    behavior: Callable[..., object]
    request: Callable[[], Any]
    read: Callable[[bytes], Any]
    write: Callable[[Any], bytes]


def start_receiving(begun: Begun, received: Callable[[Any], Any]) -> None:
    """Have gRPC receive the next request of a call, whose state's lock is held, and call `received`."""
    begun.event.call.start_server_batch((cygrpc.ReceiveMessageOperation(0),), received)
    begun.state.due.add(RECEIVING)


def properties_of(call: Any) -> dict[str, Iterable[bytes]]:
    """Return what gRPC knows of a caller, by name."""
    return {name.decode(): values for name, values in cygrpc.auth_context(call).items()}


def note_caller(begun: Begun, caller: object) -> None:
    """Note of a call who makes it, for `caller_of`."""
    begun.state.caller = caller


def caller_of(context: grpc.ServicerContext) -> Any:
    """Return who makes a call, if that was noted; else None."""
    return getattr(context._state, "caller", None)  # type: ignore[attr-defined]  # noqa: SLF001


def refuse(begun: Begun, status: grpc.Status) -> None:
    """Answer a call with an error, by its state, whose lock is held."""
    state = begun.state
    state.code, state.details, state.trailing_metadata = status.code, status.details.encode(), status.trailing_metadata
    _abort(state, begun.event.call, cygrpc.StatusCode.unknown, b"")


def respond(begun: Begun, request: Callable[[], Any], note: Callable[[Any, Any, int], None]) -> None:
    """Answer a call with one message, or an error, as `answer_unary` does.

    That makes a context manager for each call and imports names twice, which costs more than all of this.

    Args:
        begun: the call.
        request: returns its request; None: it is answered.
        note: is told state, gRPC's call and bytes of the message, as soon as it is sure that the call is answered.
    """
    _, _, event, state, behavior, _, read, _ = begun
    cygrpc.install_context_from_request_call_event(event)
    try:
        message: bytes | None = None
        argument = request()
        if argument is not None:
            try:
                response = behavior(argument, _Context(event, state, read))
            except Exception as error:  # noqa: BLE001 - grpcio answers it
                _fail(begun, error)
            else:
                message = _written(begun, response)
        note(state, event.call, len(message or b""))
        if message is not None:
            end(event, state, message)
    finally:
        cygrpc.uninstall_context()


def _written(begun: Begun, response: Any) -> bytes | None:
    """Return a response as it is sent; None if it cannot be, which grpcio logs and answers."""
    try:
        return begun.write(response)
    except Exception:  # noqa: BLE001 - it fails once more, where grpcio handles that
        unwritten: bytes | None = _serialize(begun.event, begun.state, response, begun.write)
        return unwritten


def _fail(begun: Begun, error: Exception) -> None:
    """Answer a call whose behavior raised this."""

    def failing(_request: Any, _context: grpc.ServicerContext) -> None:
        raise error

    _call_behavior(begun.event, begun.state, failing, None, None)
