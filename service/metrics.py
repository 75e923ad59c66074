"""What the service counts and measures, and the listener that serves it to Prometheus.

| metric                       | kind      | labels                               | meaning                            |
| ---------------------------- | --------- | ------------------------------------ | ---------------------------------- |
| grpc_server_handled_total    | counter   | grpc_service, grpc_method, grpc_code | calls answered, by outcome (`OK`)  |
| grpc_server_handling_seconds | histogram | grpc_service, grpc_method            | time in a thread, from start to end|
| assignment_decisions_total   | counter   | outcome, strategy                    | decisions, replayed ones included  |
| assignment_redis_up          | gauge     |                                      | 1 while Redis answers, else 0      |
| evenhand_build_info          | gauge     | version, python, grpcio              | always 1                           |

Label values are looked up once, not for each call. With several workers each writes its numbers to files in the folder
`PROMETHEUS_MULTIPROC_DIR`, which prometheus-client reads when it is imported, and the supervisor serves their sum.
"""

from __future__ import annotations

import platform
from importlib import metadata
from typing import TYPE_CHECKING

import grpc
import prometheus_client
from evenhand.v1 import decision_pb2, rules_pb2
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.multiprocess import MultiProcessCollector

from service.config import split_address

if TYPE_CHECKING:
    import threading
    from pathlib import Path
    from wsgiref.simple_server import WSGIServer

_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
"""Seconds. The default ones start at 5 ms, ten times what a decision takes."""

prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]

_handled = Counter("grpc_server_handled", "Calls answered, by outcome.", ["grpc_service", "grpc_method", "grpc_code"])
_handling = Histogram(
    "grpc_server_handling_seconds",
    "Seconds from a thread taking the call to its end.",
    ["grpc_service", "grpc_method"],
    buckets=_BUCKETS,
)
_decisions = Counter("assignment_decisions", "Decisions, replayed ones included.", ["outcome", "strategy"])
_redis_up = Gauge("assignment_redis_up", "1 while Redis answers, else 0.", multiprocess_mode="livemin")
_build = Gauge("evenhand_build_info", "Always 1.", ["version", "python", "grpcio"], multiprocess_mode="livemax")


class MethodMetrics:
    """Outcome and duration of the calls of one method."""

    __slots__ = ("_codes", "_seconds")

    def __init__(self, codes: dict[int, Counter], seconds: Histogram) -> None:
        self._codes = codes
        self._seconds = seconds

    def observe(self, code: int, seconds: float) -> None:
        """Count one call that ended with the status `code` after `seconds`."""
        self._codes[code].inc()
        self._seconds.observe(seconds)


class RpcMetrics:
    """Outcome and duration of calls. Every instance counts the same."""

    def for_method(self, service: str, method: str) -> MethodMetrics:
        """Return the metrics of a method, by full service name and method name."""
        codes = {code.value[0]: _handled.labels(service, method, code.name) for code in grpc.StatusCode}
        return MethodMetrics(codes, _handling.labels(service, method))


class DecisionMetrics:
    """Decisions by outcome and strategy. Every instance counts the same."""

    __slots__ = ("_children",)

    def __init__(self) -> None:
        self._children: dict[tuple[int, int], Counter] = {
            (outcome, strategy): _decisions.labels(_label(outcome_name, "OUTCOME_"), _label(strategy_name, "STRATEGY_"))
            for outcome_name, outcome in decision_pb2.Outcome.items()
            for strategy_name, strategy in rules_pb2.Strategy.items()
            if outcome
        }

    def count(self, outcome: int, strategy: int) -> None:
        """Count one decision, by the numbers of its enums."""
        self._children[outcome, strategy].inc()


def set_redis_up(up: bool) -> None:
    """Tell whether Redis answers."""
    _redis_up.set(up)


def set_build_info() -> None:
    """Tell which versions run here."""
    _build.labels(metadata.version("evenhand"), platform.python_version(), grpc.__version__).set(1)


class MetricsListener:
    """Serves /metrics over HTTP.

    Attributes:
        address: Where, with the port that was taken.
    """

    def __init__(self, server: WSGIServer, thread: threading.Thread, host: str) -> None:
        self._server = server
        self._thread = thread
        self.address = f"[{host}]:{server.server_port}" if ":" in host else f"{host}:{server.server_port}"

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def start_metrics(listen: str, workers_folder: Path | None = None) -> MetricsListener:
    """Serve the metrics of this process, or the sum of those that workers write to `workers_folder`.

    Args:
        listen: `host:port`.
        workers_folder: The workers' `PROMETHEUS_MULTIPROC_DIR`.

    Raises:
        OSError: Cannot listen there.
    """
    registry = prometheus_client.REGISTRY
    if workers_folder is not None:
        registry = CollectorRegistry()
        MultiProcessCollector(registry, str(workers_folder))  # type: ignore[no-untyped-call]
    host, port = split_address(listen)
    server, thread = prometheus_client.start_http_server(port, host, registry)
    return MetricsListener(server, thread, host)


def _label(name: str, prefix: str) -> str:
    """Return an enum's name as a label: `round_robin`; `none` for the unspecified one."""
    return name.removeprefix(prefix).lower().replace("unspecified", "none")
