"""What every call has in common: it is taken on, fails with a Status, is counted. Handlers are wrapped once."""

from __future__ import annotations

import logging
from functools import cache
from math import ceil
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import grpc
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass
from google.rpc import code_pb2
from grpc_status import rpc_status

from service.access.errors import AccessError
from service.access.rights import RIGHTS
from service.rpc import statuses
from service.rpc.admission import UNREADABLE
from service.rpc.received import Refusal
from service.telemetry import logs
from service.telemetry.metrics import MethodMetrics, count_refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
    from google.rpc.status_pb2 import Status

    from service.access.rights import Right
    from service.call import Call
    from service.rpc.admission import Admission


_logger = logging.getLogger(__name__)

_OUR_FAULT = frozenset({code_pb2.INTERNAL, code_pb2.UNAVAILABLE})
# How many calls of one method that fail by one reason are logged.
_LINES_A_SECOND = 5
# Methods that read or write all rules, agents or contacts of a workspace, however small the request is.
_SLOW = frozenset(
    {
        "ConfigureRules",
        "GetRules",
        "ConfigureRoster",
        "GetRoster",
        "UpdateAgents",
        "RemoveAgents",
        "UpdateTeams",
        "ForgetContact",
        "ListContacts",
    }
)
# How the gRPC ecosystem's metrics name kinds of methods.
_UNARY, _STREAM = "unary", "server_stream"
# Made once: the thread that refuses calls has no time for it.
_REFUSED = {
    Refusal.CALLS: rpc_status.to_status(statuses.overloaded()),
    Refusal.BYTES: rpc_status.to_status(statuses.overloaded()),
    Refusal.STOPPING: rpc_status.to_status(statuses.stopping()),
}


@cache
def _over_quota(wait_s: int) -> grpc.Status:
    """Return what a call is told whose workspace has to wait so many seconds; made once for each number of them."""
    status: grpc.Status = rpc_status.to_status(statuses.quota_exceeded(wait_s))
    return status


class _Failed(NamedTuple):
    """A call that failed.

    Attributes:
        error: how.
        request: its request.
        context: grpc's.
        seconds: how long it took.
        taken: the call, once it was taken on; None: it was not.
    """

    error: Exception
    request: Any
    context: grpc.ServicerContext
    seconds: float
    taken: Call | None


class _Method:
    """What every call of one method has in common.

    Args:
        name: the method's.
        right: what its calls ask for; None: nothing is known of it, so that no principal may make them.
        admission: which calls are taken on.
        metrics: of the method.
    """

    def __init__(self, name: str, right: Right | None, admission: Admission, metrics: MethodMetrics) -> None:
        self._name = name
        self._right = right
        self._admission = admission
        self._metrics = metrics
        self._sample = logs.Sample(_LINES_A_SECOND)
        self._refusals = {
            Refusal.CALLS: logs.Tally(_logger, "calls refused: too many are waiting"),
            Refusal.BYTES: logs.Tally(_logger, "calls refused: too many bytes are in progress"),
            Refusal.QUOTA: logs.Tally(_logger, "calls refused: their workspace is beyond its quota"),
            Refusal.STOPPING: logs.Tally(_logger, "calls refused: this replica is going down"),
        }

    def unary(self, behavior: Callable[[Any, Call], Any]) -> Callable[[Any, grpc.ServicerContext], Any]:
        """Wrap what answers a call with one message, so that every failure is answered with a Status."""
        admit, tell, right = self._admission.admit, self._tell, self._right
        begin, end = self._metrics.begin, self._metrics.end

        def call(request: Any, context: grpc.ServicerContext) -> Any:
            tell(begin)
            started = perf_counter()
            taken = None
            try:
                taken = admit(request, context, right)
                response = behavior(request, taken)
            except Exception as error:  # noqa: BLE001 - grpc would send its text to the caller
                self._fail(_Failed(error, request, context, perf_counter() - started, taken))
            tell(end, code_pb2.OK, perf_counter() - started)
            return response

        return call

    def stream(
        self, behavior: Callable[[Any, Call, Callable[[Any], None]], None]
    ) -> Callable[[Any, grpc.ServicerContext, Callable[[Any], None]], None]:
        """Wrap what answers a call with a stream of messages.

        The behavior is given a function that sends a message, or with None ends the stream; it may be called after the
        behavior has returned, by any one thread, so an open stream holds no thread of its own. A failure before that is
        answered with a Status.
        """
        tell, begin, end = self._tell, self._metrics.begin, self._metrics.end

        def call(request: Any, context: grpc.ServicerContext, send: Callable[[Any], None]) -> None:
            tell(begin)
            started = perf_counter()
            context.add_callback(lambda: tell(end, _code_of(context), perf_counter() - started))
            taken = None
            try:
                taken = self._admission.admit(request, context, self._right)
                behavior(request, taken, send)
            except Exception as error:  # noqa: BLE001 - grpc would send its text to the caller
                self._fail(_Failed(error, request, context, perf_counter() - started, taken), counted=True)

        call.experimental_non_blocking = True  # type: ignore[attr-defined]  # how grpcio is told that it returns early
        return call

    def refused(self, refusal: Refusal, workspace: str, wait_s: float) -> grpc.Status:
        """Count a call that is refused before it is begun, and return what its caller is told.

        Args:
            refusal: why.
            workspace: whose turn it was to take; empty: nobody's.
            wait_s: when it may be made again, in seconds; 0: nobody knows.
        """
        status = _over_quota(ceil(wait_s)) if refusal is Refusal.QUOTA else _REFUSED[refusal]
        self._tell(self._metrics.begin)
        self._tell(self._metrics.refuse, refusal.value, status.code.value[0])
        self._refusals[refusal].add(1, workspace=workspace)
        return status

    def _fail(self, failed: _Failed, *, counted: bool = False) -> NoReturn:
        """Answer a call with the status of its failure, and log it."""
        status = statuses.status_of(failed.error)
        if not counted:
            self._tell(self._metrics.end, status.code, failed.seconds)
        if isinstance(failed.error, AccessError):
            self._tell(count_refused, statuses.reason_of(status))
        self._tell(self._log, status, failed)
        failed.context.abort_with_status(rpc_status.to_status(status))

    def _log(self, status: Status, failed: _Failed) -> None:
        """Log one call that was refused or failed, if not too many others of its kind were."""
        reason = statuses.reason_of(status)
        left_out = self._sample.take(reason)
        if left_out is None:
            return
        error, request, context, seconds, taken = failed
        headers = {key: value for key, value in context.invocation_metadata() if key == "traceparent"}
        internal = status.code == code_pb2.INTERNAL
        logs.event(
            _logger,
            logging.ERROR if internal else logging.INFO,
            "call failed" if status.code in _OUR_FAULT else "call refused",
            getattr(error, "problem", error) if internal else None,
            method=self._name,
            code=code_pb2.Code.Name(status.code),
            reason=reason,
            workspace=getattr(request, "workspace_id", ""),
            request_id=getattr(request, "request_id", ""),
            caller=context.peer(),
            who=taken.who if taken is not None else getattr(error, "who", ""),
            why=getattr(error, "why", ""),
            trace_id=logs.trace_id_of(str(headers.get("traceparent", ""))),
            milliseconds=round(seconds * 1000, 3),
            left_out=left_out or "",
        )

    def _tell(self, listener: Callable[..., None], *what: Any) -> None:
        """Tell metrics or logs. Their failure is their own, and no call's."""
        try:
            listener(*what)
        except Exception:
            _logger.exception("a call could not be noted")


def _code_of(context: grpc.ServicerContext) -> int:
    """Return the status code with which a stream ended; one that its client left ended as CANCELLED."""
    internals: Any = context  # the stubs of grpc leave `code` out
    code = internals.code()
    if code is not None:
        return int(code.value[0])
    return int(code_pb2.OK if context.is_active() else code_pb2.CANCELLED)


def register(
    server: grpc.Server,
    service: ServiceDescriptor,
    methods: dict[str, Callable[..., Any]],
    admission: Admission,
) -> None:
    """Add a service's methods to the server.

    Args:
        server: the server.
        service: the service's descriptor.
        methods: what to do, by method name: `(request, call) -> response`, or where the responses are a stream
            `(request, call, send)`, see `_Method.stream`. Every method of the service must be there.
        admission: which calls are taken on.
    """
    handlers = {method.name: _handler(service, method, methods[method.name], admission) for method in service.methods}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service.full_name, handlers),))
    server.add_registered_method_handlers(service.full_name, handlers)


def _handler(
    service: ServiceDescriptor, method: MethodDescriptor, behavior: Callable[..., Any], admission: Admission
) -> grpc.RpcMethodHandler[Any, Any]:
    """Return the gRPC handler of one method."""
    request_type = GetMessageClass(method.input_type)

    def read(serialized: bytes) -> Any:
        try:
            return request_type.FromString(serialized)
        except DecodeError:
            return UNREADABLE

    read.slow = method.name in _SLOW  # type: ignore[attr-defined]  # for `service.rpc.received`, which is given this
    kind = _STREAM if method.server_streaming else _UNARY
    right = read.right = RIGHTS.get(method.full_name)  # type: ignore[attr-defined]  # for the same
    common = _Method(method.name, right, admission, MethodMetrics(kind, service.full_name, method.name))
    read.refused = common.refused  # type: ignore[attr-defined]  # for the same
    codec: dict[str, Any] = {
        "request_deserializer": read,
        "response_serializer": GetMessageClass(method.output_type).SerializeToString,
    }
    if method.server_streaming:
        return grpc.unary_stream_rpc_method_handler(common.stream(behavior), **codec)
    call = common.unary(behavior)
    if admission.tracing is not None:
        call = admission.tracing.traced(service.full_name, method.name, call)
    return grpc.unary_unary_rpc_method_handler(call, **codec)
