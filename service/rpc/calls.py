"""What every call has in common: admission, deadline, errors, metrics. A handler is wrapped once, when registered."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import partial
from time import monotonic, perf_counter
from typing import TYPE_CHECKING, Any, TypeVar

import grpc
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc import code_pb2
from grpc_status import rpc_status

from service.decisions.errors import DeadlineError, InvalidError, RefusedError
from service.redis_client.client import RedisAwayError
from service.rpc import statuses
from service.telemetry import logs
from service.telemetry.metrics import MethodMetrics

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.rpc.status_pb2 import Status

    from service.telemetry.tracing import Tracing


_log = logging.getLogger(__name__)

Request = TypeVar("Request", bound=Message)
Response = TypeVar("Response", bound=Message)

# Time that the answer needs on its way back, and that a call must have left to be worth starting.
_MARGIN_SECONDS = 0.002
# Stands for a request that is no message; grpc would answer INTERNAL by itself.
_UNREADABLE: Any = object()
_OUR_FAULT = frozenset({code_pb2.INTERNAL, code_pb2.UNAVAILABLE})
_REFUSALS_SECONDS = 1.0
# Made once: who refuses has no time for it.
_OVERLOADED = rpc_status.to_status(statuses.overloaded())


@dataclass(frozen=True, slots=True)
class Admission:
    """Which calls are taken on.

    Attributes:
        is_surplus: tells whether the call that this thread handles is one too many.
        patience_s: how long a call waits for Redis at most.
    """

    is_surplus: Callable[[], bool]
    patience_s: float

    def admit(self, context: grpc.ServicerContext) -> float | None:
        """Return how long the call may wait for Redis, in seconds; None: as long as the settings say.

        Raises:
            RefusedError: the call is not taken on.
        """
        remaining = context.time_remaining()
        if remaining is None or remaining > self.patience_s + _MARGIN_SECONDS:
            return None
        if remaining <= _MARGIN_SECONDS:
            raise DeadlineError
        return remaining - _MARGIN_SECONDS


class _Refusals:
    """Logs calls that were too many: a line a second, since a line for each would make the flood worse.

    Only the thread that refuses may use it.
    """

    def __init__(self) -> None:
        self._count = 0
        self._since = monotonic()

    def note(self) -> None:
        """Note one call."""
        self._count += 1
        now = monotonic()
        if now - self._since >= _REFUSALS_SECONDS:
            logs.event(_log, logging.WARNING, "calls refused: too many are waiting", calls=self._count)
            self._count, self._since = 0, now


def _log_failure(
    method: str,
    request: Any,
    context: grpc.ServicerContext,
    *,
    status: Status,
    problem: Exception | None,
    seconds: float,
) -> None:
    """Log one call that was refused or failed."""
    headers = {key: value for key, value in context.invocation_metadata() if key == "traceparent"}
    logs.event(
        _log,
        logging.ERROR if status.code == code_pb2.INTERNAL else logging.INFO,
        "call failed" if status.code in _OUR_FAULT else "call refused",
        problem,
        method=method,
        code=code_pb2.Code.Name(status.code),
        reason=statuses.reason_of(status),
        workspace=getattr(request, "workspace_id", ""),
        request_id=getattr(request, "request_id", ""),
        trace_id=logs.trace_id_of(str(headers.get("traceparent", ""))),
        milliseconds=round(seconds * 1000, 3),
    )


def handler(
    name: str,
    behavior: Callable[[Request, float | None], Response],
    request_type: type[Request],
    admission: Admission,
    metrics: MethodMetrics,
    *,
    traced: Callable[[Any], Any] | None,
) -> grpc.RpcMethodHandler[Request, Response]:
    """Wrap `behavior(request, timeout_s)` into a gRPC handler that answers every failure with a Status.

    Args:
        name: the method's.
        behavior: what it does.
        request_type: what it takes.
        admission: which calls are taken on.
        metrics: of the method.
        traced: wraps what answers calls, so that each has a span; None: none does.
    """
    is_surplus = admission.is_surplus
    begin, end = metrics.begin, metrics.end
    refusals = _Refusals()

    def call(request: Request, context: grpc.ServicerContext) -> Response:
        begin()
        if is_surplus():
            metrics.refuse()
            refusals.note()
            context.abort_with_status(_OVERLOADED)
        started = perf_counter()
        status: Status
        problem: Exception | None = None
        try:
            if request is _UNREADABLE:
                raise InvalidError(statuses.UNREADABLE)  # noqa: TRY301 - a function for it would cost a call
            response = behavior(request, admission.admit(context))
        except RefusedError as error:
            status = statuses.status_of(error)
        except RedisAwayError:
            status = statuses.redis_unavailable()
        except Exception as error:  # noqa: BLE001 - grpc would send its text to the caller
            problem = error
            status = statuses.internal()
        else:
            end(code_pb2.OK, perf_counter() - started)
            return response
        seconds = perf_counter() - started
        end(status.code, seconds)
        _log_failure(name, request, context, status=status, problem=problem, seconds=seconds)
        context.abort_with_status(rpc_status.to_status(status))
        raise AssertionError("abort_with_status raises")

    def read(serialized: bytes) -> Any:
        try:
            return request_type.FromString(serialized)
        except DecodeError:
            return _UNREADABLE

    return grpc.unary_unary_rpc_method_handler(
        call if traced is None else traced(call),
        request_deserializer=read,
        response_serializer=lambda response: response.SerializeToString(),
    )


def register(
    server: grpc.Server,
    service: Any,
    methods: dict[str, Callable[[Any, float | None], Any]],
    admission: Admission,
    tracing: Tracing | None,
) -> None:
    """Add a service's methods to the server.

    Args:
        server: the server.
        service: the service's descriptor.
        methods: what to do, by method name. Every method of the service must be there.
        admission: which calls are taken on.
        tracing: makes a span for each call; None: there are none.
    """
    handlers = {
        method.name: handler(
            method.name,
            methods[method.name],
            GetMessageClass(method.input_type),
            admission,
            MethodMetrics(service.full_name, method.name),
            traced=partial(tracing.traced, service.full_name, method.name) if tracing is not None else None,
        )
        for method in service.methods
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service.full_name, handlers),))
    server.add_registered_method_handlers(service.full_name, handlers)
