"""A collector of traces, as OpenTelemetry's is to whoever sends it some."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

if TYPE_CHECKING:
    from opentelemetry.proto.trace.v1 import trace_pb2


class Span(NamedTuple):
    """A span; ids in hexadecimal, times in nanoseconds since 1970."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    start: int
    end: int
    is_error: bool
    attributes: dict[str, Any]

    @classmethod
    def of(cls, span: trace_pb2.Span) -> Self:
        """Read what was sent."""
        values = {each.key: getattr(each.value, str(each.value.WhichOneof("value"))) for each in span.attributes}
        return cls(
            span.name,
            span.trace_id.hex(),
            span.span_id.hex(),
            span.parent_span_id.hex(),
            span.start_time_unix_nano,
            span.end_time_unix_nano,
            span.status.code == span.status.STATUS_CODE_ERROR,
            values,
        )


class TraceCollector(trace_service_pb2_grpc.TraceServiceServicer):
    """Takes traces over gRPC as long as the context lasts.

    Attributes:
        endpoint: as `--traces-endpoint` takes it.
        spans: all that came so far.
        sent: all of it as bytes, to look for what must not be there.
    """

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.sent = b""
        self._server = grpc.server(ThreadPoolExecutor(2))
        trace_service_pb2_grpc.add_TraceServiceServicer_to_server(self, self._server)
        self.endpoint = f"http://127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop(None).wait()

    def Export(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: ARG002, N802 - the protocol's own
        """Take some spans."""
        self.sent += request.SerializeToString()
        for resource in request.resource_spans:
            for scope in resource.scope_spans:
                self.spans += map(Span.of, scope.spans)
        return trace_service_pb2.ExportTraceServiceResponse()

    def of_trace(self, trace_id: str) -> dict[str, list[Span]]:
        """Return one trace's spans by name."""
        found: dict[str, list[Span]] = {}
        for span in self.spans:
            if span.trace_id == trace_id:
                found.setdefault(span.name, []).append(span)
        return found
