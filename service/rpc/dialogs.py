"""Calls with many requests, each of which is answered before the next one is received, as reflection's are."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from grpc_status import rpc_status

from service.rpc import grpc_internals as grpcio
from service.rpc import statuses
from service.rpc.grpc_internals import ACCEPTED, SENDING, Begun
from service.rpc.received import read

if TYPE_CHECKING:
    from collections.abc import Callable

    from service.rpc.receiving import Receiver

_log = logging.getLogger(__name__)


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
        begun = Begun(fn, *args)
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

    def __init__(self, begun: Begun, do: Callable[..., object], count: Callable[[Begun, int], None]) -> None:
        self._count = count
        self._begun = begun
        self._state = begun.state
        self._do = do

    def receive(self) -> None:
        """Receive the next request; the state's lock is held."""
        grpcio.start_receiving(self._begun, self._received)

    def _received(self, event: Any) -> Any:
        state = self._state
        with state.condition:
            finished = grpcio.receive_message(state, self._begun.event.call, None)(event)
            message, state.request = state.request, None
            if message is None and grpcio.is_active(state):
                grpcio.end(self._begun.event, state, None)
        if message is not None:
            self._do(self._answer, message)
        return finished

    def _answer(self, message: bytes) -> None:
        begun, state = self._begun, self._state
        try:
            request = read(begun, message)
            response = begun.write(begun.behavior(request)) if request is not None else None
        except Exception:  # noqa: BLE001 - the caller would wait for ever
            _log.exception("a call broke off")
            with state.condition:
                grpcio.refuse(begun, _INTERNAL)
            return
        with state.condition:
            if response is None or not grpcio.is_active(state):
                return
            self._count(begun, len(response))
            operations = [grpcio.SendMessage(response, 0)]
            if state.initial_metadata_allowed:
                operations.insert(0, grpcio.initial_metadata(state, None))
                state.initial_metadata_allowed = False
            begun.event.call.start_server_batch(operations, self._sent)
            state.due.add(SENDING)

    def _sent(self, event: Any) -> Any:
        with self._state.condition:
            finished = grpcio.sent_message(self._state, SENDING)(event)
            if grpcio.is_active(self._state):
                self.receive()
        return finished


_INTERNAL = rpc_status.to_status(statuses.internal())
