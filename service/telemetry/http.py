"""HTTP for scrapers: /metrics and nothing else, and nobody who does not finish a request keeps others from theirs."""

from __future__ import annotations

import contextlib
import logging
import socket
import sys
import threading
from time import monotonic
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler

from prometheus_client import make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer

from service.telemetry import logs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from ssl import SSLContext

    from prometheus_client import CollectorRegistry

PATH = "/metrics"
CONNECTIONS = 32
"""How many are open at once; one more ends the oldest."""
SECONDS = 10.0
"""How long one may take from its beginning to the end of the answer: Prometheus's own default."""

_NOT_FOUND = "404 Not Found"

_log = logging.getLogger(__name__)


class MetricsServer(ThreadingWSGIServer):
    """Serves a registry's metrics, a thread for each connection.

    Args:
        host: name or address of the interface.
        port: the port; 0: any free one.
        registry: whose metrics.
        tls: returns what a new connection is encrypted by; None: plain text.

    Raises:
        OSError: cannot listen there.
    """

    def __init__(
        self, host: str, port: int, registry: CollectorRegistry, tls: Callable[[], SSLContext] | None = None
    ) -> None:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        self.address_family, _, _, _, address = found[0]
        self._tls = tls
        self._lock = threading.Lock()
        self._open: dict[Any, float] = {}  # when it began, by socket; the oldest first
        super().__init__((str(address[0]), port), _Handler)
        self.set_app(_only_metrics(registry))

    def get_request(self) -> tuple[Any, Any]:
        """Take a connection; its own thread does the handshake as it reads, so that a slow one delays no other."""
        connection, address = super().get_request()
        if self._tls is not None:
            connection = self._tls().wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, address

    def process_request(self, request: Any, client_address: Any) -> None:
        """Have a thread answer one more connection."""
        with self._lock:
            if len(self._open) >= CONNECTIONS:
                self._end(next(iter(self._open)))
            self._open[request] = monotonic()
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Close a connection that is answered."""
        with self._lock:
            self._open.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """End connections that take too long; called every half second."""
        before = monotonic() - SECONDS
        with self._lock:
            for request in [request for request, began in self._open.items() if began < before]:
                self._end(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log a connection that failed; one that its client broke at level debug, since it could break thousands."""
        del request
        error = sys.exception()
        broken = isinstance(error, OSError)
        level, problem = (logging.DEBUG, None) if broken else (logging.ERROR, error)
        logs.event(_log, level, "metrics not served", problem, peer=str(client_address), reason=str(error))

    def _end(self, request: Any) -> None:
        """Have the thread of a connection find it closed."""
        del self._open[request]
        with contextlib.suppress(OSError):  # its client was faster
            request.shutdown(socket.SHUT_RDWR)


class _Handler(WSGIRequestHandler):
    """Logs no request."""

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's own name
        pass


def _only_metrics(registry: CollectorRegistry) -> Callable[..., Iterable[bytes]]:
    """Return the WSGI application that serves the metrics at their path; prometheus-client's serves them anywhere."""
    metrics: Callable[..., Iterable[bytes]] = make_wsgi_app(registry)

    def answer(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"] == PATH:
            return metrics(environ, start_response)
        start_response(_NOT_FOUND, [("Content-Type", "text/plain")])
        return [f"{_NOT_FOUND}: the metrics are at {PATH}\n".encode()]

    return answer
