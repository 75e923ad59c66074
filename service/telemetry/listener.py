"""Serves /metrics over HTTP, to Prometheus.

With several workers each writes its numbers to files in the folder `PROMETHEUS_MULTIPROC_DIR`, which prometheus-client
reads when it is imported, and the supervisor serves their sum.
"""

from __future__ import annotations

import logging
import socket
import sys
import threading
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any, Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import prometheus_client
from prometheus_client import CollectorRegistry
from prometheus_client.multiprocess import MultiProcessCollector

from service.config import SettingsError
from service.config.addresses import split_address, with_port
from service.telemetry import logs

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from ssl import SSLContext

    from prometheus_client.registry import Collector

    from service.config import Settings


_READ_SECONDS: Final = 10.0
"""How long a connection may say nothing, its handshake included."""

_log = logging.getLogger(__name__)


class MetricsListener:
    """Serves /metrics over HTTP.

    Attributes:
        address: where, with the port that was taken.
    """

    def __init__(self, server: WSGIServer, thread: threading.Thread, listen: str) -> None:
        self._server = server
        self._thread = thread
        self.address = with_port(listen, server.server_port)

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingMixIn, WSGIServer):
    """A thread a request, and TLS where it is wanted.

    Attributes:
        tls: returns what a new connection is encrypted by; None: plain text.
    """

    daemon_threads = True
    tls: Callable[[], SSLContext] | None = None

    def get_request(self) -> tuple[socket.socket, Any]:
        """Take a connection; its own thread does the handshake as it reads, so that a slow one delays no other."""
        connection, address = super().get_request()
        if self.tls is not None:
            connection = self.tls().wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, address

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log a connection that failed; socketserver would print a traceback."""
        del request
        error = sys.exception()
        level = logging.DEBUG if isinstance(error, OSError) else logging.ERROR
        problem = None if isinstance(error, OSError) else error
        logs.event(_log, level, "metrics not served", problem, peer=str(client_address), reason=str(error))


class _Handler(WSGIRequestHandler):
    """Reads a request, and logs none."""

    timeout = _READ_SECONDS

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (http.server's own name)
        """Log nothing."""


def _listen(host: str, port: int, registry: CollectorRegistry, tls: Callable[[], SSLContext] | None) -> _Server:
    """Listen, IPv6 included, without serving yet."""
    family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
    made = type("Server", (_Server,), {"address_family": family, "tls": tls and staticmethod(tls)})
    return make_server(host, port, prometheus_client.make_wsgi_app(registry), made, _Handler)


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
        server = _listen(host, port, registry, tls)
    except OSError as error:
        raise SettingsError(
            settings.name_of("metrics_listen"), f"cannot listen on {listen}: {error.strerror or error}"
        ) from error
    thread = threading.Thread(target=server.serve_forever, name="metrics", daemon=True)
    thread.start()
    return MetricsListener(server, thread, listen)
