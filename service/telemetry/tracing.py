"""Traces by OpenTelemetry, where they are wanted: a span for each call, in it one for rules and one for each script.

A call that comes with a W3C `traceparent` goes on with its caller's trace. Calls may be decided together by the thread
of one of them; each trace then gets spans of its own for what was done for all. Ids are attributes, what a contact
holds never is. Without `--traces-endpoint` nothing of this is loaded.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from time import time_ns
from typing import TYPE_CHECKING, Any, Protocol

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


_PROPAGATOR = TraceContextTextMapPropagator()
_NANOSECONDS = 1_000_000_000
# How long the collector may take to answer; at the end, how long the last spans may hold up the process.
_TIMEOUT_S = 2


class Tracing:
    """Makes spans, and sends them to a collector in a thread of its own.

    Args:
        endpoint: of the collector, which speaks OTLP over gRPC: `http://host:4317`, or `https://` for TLS.
        version: of the service.
    """

    def __init__(self, endpoint: str, version: str) -> None:
        self._provider = TracerProvider(
            resource=Resource.create({"service.name": "evenhand", "service.version": version}), shutdown_on_exit=False
        )
        exporter = OTLPSpanExporter(endpoint=endpoint, insecure=endpoint.startswith("http:"), timeout=_TIMEOUT_S)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("evenhand")
        self._here = threading.local()

    def traced(self, service: str, method: str, call: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
        """Wrap a handler, which takes a request and grpc's context, so that each call of the method has a span."""
        attributes = {"rpc.system": "grpc", "rpc.service": service, "rpc.method": method}

        def traced_call(request: Any, context: Any) -> Any:
            carrier = {key: value for key, value in context.invocation_metadata() if isinstance(value, str)}
            span = self._tracer.start_span(
                f"{service}/{method}", _PROPAGATOR.extract(carrier), SpanKind.SERVER, attributes
            )
            for name in ("workspace_id", "request_id"):
                if value := getattr(request, name, ""):
                    span.set_attribute(f"evenhand.{name}", value)
            code: Any = None
            try:
                with self.together([span]):
                    return call(request, context)
            except BaseException:
                code = context.code()
                span.set_status(StatusCode.ERROR)
                raise
            finally:
                span.set_attribute("rpc.grpc.status_code", code.value[0] if code else 0)
                span.end()

        return traced_call

    def current(self) -> Span | None:
        """Return the span of the call that this thread answers; None if it answers none, or several."""
        spans: Sequence[Span] = getattr(self._here, "spans", ())
        return spans[0] if len(spans) == 1 else None

    @contextmanager
    def together(self, spans: Sequence[Span | None]) -> Iterator[None]:
        """Have all that this thread does meanwhile noted in each of these spans; None stands for no span."""
        before = getattr(self._here, "spans", ())
        self._here.spans = [span for span in spans if span is not None]
        try:
            yield
        finally:
            self._here.spans = before

    def took(self, name: str, seconds: float) -> None:
        """Note that something which has just ended took so many seconds."""
        end = time_ns()
        start = end - int(seconds * _NANOSECONDS)
        for span in getattr(self._here, "spans", ()):
            self._tracer.start_span(name, trace.set_span_in_context(span), start_time=start).end(end)

    def close(self) -> None:
        """Send what is left, and end the thread."""
        self._provider.shutdown()


class Timings(Protocol):
    """Is told how long Redis takes: `service.redis_client.client.Timings`."""

    def sent(self, seconds: float, /) -> None:
        """Note that commands which were sent together were all answered after so many seconds."""

    def ran(self, script: str, seconds: float, /) -> None:
        """Note that a script by that name was answered after so many seconds."""


class TracedTimings:
    """Tells the traces, beside another listener, how long Redis takes."""

    def __init__(self, timings: Timings, tracing: Tracing) -> None:
        self.sent = timings.sent
        self._ran = timings.ran
        self._took = tracing.took

    def ran(self, script: str, seconds: float) -> None:
        """Note that a script by that name was answered after so many seconds."""
        self._ran(script, seconds)
        self._took(f"script {script}", seconds)
