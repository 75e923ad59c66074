"""Serves /metrics over HTTP, to Prometheus.

With several workers each writes its numbers to files in the folder `PROMETHEUS_MULTIPROC_DIR`, which prometheus-client
reads when it is imported, and the supervisor serves their sum.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import prometheus_client
from prometheus_client import CollectorRegistry
from prometheus_client.multiprocess import MultiProcessCollector

from service.config import SettingsError
from service.config.addresses import split_address, with_port
from service.telemetry.http import MetricsServer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from ssl import SSLContext

    from prometheus_client.registry import Collector

    from service.config import Settings


class MetricsListener:
    """Serves /metrics over HTTP.

    Attributes:
        address: where, with the port that was taken.
    """

    def __init__(self, server: MetricsServer, thread: threading.Thread, listen: str) -> None:
        self._server = server
        self._thread = thread
        self.address = with_port(listen, server.server_port)

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def start_listener(
    settings: Settings,
    fairness: Collector,
    workers_folder: Path | None = None,
    tls: Callable[[], SSLContext] | None = None,
) -> MetricsListener:
    """Serve the metrics of this process, or the sum of those that workers write to `workers_folder`.

    Args:
        settings: say where.
        fairness: what reads the metrics of fairness from Redis.
        workers_folder: the workers' `PROMETHEUS_MULTIPROC_DIR`.
        tls: returns what a new connection is encrypted by; None: plain text.

    Raises:
        SettingsError: cannot listen there.
    """
    registry = prometheus_client.REGISTRY
    if workers_folder is not None:
        registry = CollectorRegistry()
        MultiProcessCollector(registry, str(workers_folder))  # type: ignore[no-untyped-call]
    registry.register(fairness)
    listen = settings.metrics_listen
    host, port = split_address(listen)
    try:
        server = MetricsServer(host, port, registry, tls)
    except OSError as error:
        raise SettingsError(
            settings.name_of("metrics_listen"), f"cannot listen on {listen}: {error.strerror or error}"
        ) from error
    thread = threading.Thread(target=server.serve_forever, name="metrics", daemon=True)
    thread.start()
    return MetricsListener(server, thread, listen)
