"""gRPC, served by this process."""

from __future__ import annotations

import gc
import logging
import resource
import threading
from typing import TYPE_CHECKING, cast

import grpc

from service.app import App
from service.config.addresses import with_port
from service.rpc.receiving import Receiver, ReceivingExecutor
from service.runtime import ports
from service.runtime.call_threads import CallThreads
from service.runtime.certificates import Certificates, server_credentials
from service.runtime.quotas import Quotas
from service.runtime.ready import say_ready
from service.telemetry import logs
from service.telemetry.listener import start_listener

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

    from service.config import Settings
    from service.runtime.signals import StopSignals

_MESSAGE_BYTES = 16 * 1024 * 1024
"""Room for 10,000 rules, or 1000 contacts with some 16 KiB each. gRPC's default is 4 MiB."""

_HEADER_BYTES = 16 * 1024
"""Room for a bearer token of 8 KiB and what else a caller and proxies add: gRPC's default for what is too much."""

_CONNECTION_STREAMS = 1000

_PENDING_CALLS = 2 * _CONNECTION_STREAMS
"""So many calls may wait for gRPC's own thread to take them on. Of more gRPC ends some by chance as CANCELLED, those of
neighbors too, and from 3000 on all. By default that begins with 1000, which two connections that begin at once pass."""

_HANDSHAKE_SECONDS = 10.0

_GATHERING_SECONDS = 0.05
"""How long answers are held back before gRPC is told to stop. It cancels calls that it has not handed over, and those
that come until a caller hears of its end; by then it has handed over all, and who waits sends nothing more."""

_REFUSING_SECONDS = 1.0
"""So long before the end of the time for calls in progress those that still wait are refused."""

_log = logging.getLogger(__name__)

# After so many new objects that are still there garbage is looked for. Python's 700 come together within three sets of
# rules, each of which then costs half as much again; objects of a finished call are freed without a look.
_GARBAGE_OBJECTS = 20_000


class Server:
    """gRPC, served by this process.

    Args:
        settings: all settings.
        redis_url: where the state is.
        listen: where to serve, if not where the settings say.
        share: whether other processes serve the same port, and this one's metrics.

    Attributes:
        fairness: collects the metrics of fairness; None where nobody wants any.
    """

    def __init__(self, settings: Settings, redis_url: str, listen: str = "", *, share: bool = False) -> None:
        self._settings = settings
        self._listen = listen or settings.listen
        self._receiver = Receiver(settings.request_timeout_s, settings.response_timeout_s)
        self._app = App(settings, redis_url, self._receiver, is_worker=share)
        quotas = Quotas(settings.workspace_quota) if settings.workspace_quota else None
        self._threads = CallThreads(settings.threads, settings.max_concurrent, self._app.costly, quotas)
        self.fairness = self._app.fairness
        executor = ReceivingExecutor(self._receiver, self._threads, self._app.recognize)
        self._server = grpc.server(cast("ThreadPoolExecutor", executor), options=_options(settings, share=share))
        self._app.register(self._server, quotas.owe if quotas is not None else None)

    def start(self) -> str:
        """Serve; return where, with the port that was taken.

        Raises:
            SettingsError: cannot listen there, or not with these certificates.
        """
        _take_all_files()
        try:
            if self._settings.tls_cert:
                port = self._server.add_secure_port(self._listen, server_credentials(self._settings))
            else:
                port = self._server.add_insecure_port(self._listen)
        except RuntimeError as error:
            raise ports.refused(self._settings, OSError("it is taken, or cannot be made")) from error
        self._app.start()
        # What is there by now stays. Looking for garbage among it would hold up all calls for 20 ms each time.
        gc.freeze()
        gc.set_threshold(_GARBAGE_OBJECTS)
        self._server.start()
        return with_port(self._listen, port)

    def stop(self) -> None:
        """Let callers notice by health, let calls in progress finish, and close everything."""
        settings = self._settings
        logs.event(_log, logging.INFO, "stopping", endpoint_wait_s=settings.endpoint_wait_s, drain_s=settings.drain_s)
        self._app.health.drain()
        threading.Event().wait(settings.endpoint_wait_s)
        self._threads.hold()
        threading.Event().wait(_GATHERING_SECONDS)
        stopped = self._server.stop(settings.drain_s)
        self._threads.release()
        self._app.health.end_watches()
        if not stopped.wait(settings.drain_s - min(_REFUSING_SECONDS, settings.drain_s / 2)):
            self._threads.refuse_all()
            stopped.wait()
        self._app.close()
        self._threads.close()
        self._receiver.close()
        logs.event(_log, logging.INFO, "stopped")


def run(settings: Settings, redis_url: str, redis_text: str, signals: StopSignals) -> None:
    """Serve in this process until a signal says to stop; `redis_text` is what the ready line calls Redis.

    Raises:
        SettingsError: cannot listen where the settings say.
    """
    ports.check(settings)
    server = Server(settings, redis_url)
    tls = Certificates(settings, "metrics").context if settings.tls_cert else None
    listener = start_listener(settings, server.fairness, tls=tls) if server.fairness is not None else None
    say_ready(settings, server.start(), redis_text, listener)
    signals.wait()
    server.stop()
    if listener is not None:
        listener.close()


def _take_all_files() -> None:
    """Have this process open as many files as it may; by default it may far fewer, and each connection takes one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _options(settings: Settings, *, share: bool) -> list[tuple[str, int]]:
    """Return gRPC's options. Names and meaning: grpc/impl/channel_arg_names.h."""

    def milliseconds(seconds: float) -> int:
        return int(seconds * 1000)

    return [
        ("grpc.so_reuseport", int(share)),  # on by default: a second service would silently get half of the calls
        ("grpc.max_receive_message_length", _MESSAGE_BYTES),
        ("grpc.max_send_message_length", _MESSAGE_BYTES),
        ("grpc.keepalive_time_ms", milliseconds(settings.keepalive_s)),
        ("grpc.keepalive_timeout_ms", milliseconds(settings.keepalive_timeout_s)),
        # Without these two, clients that keep idle connections alive are disconnected for "too many pings".
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", milliseconds(settings.min_ping_interval_s)),
        # More calls than that are begun when others are over. It also tells gRPC when it is flooded with calls that are
        # begun and reset.
        ("grpc.max_concurrent_streams", _CONNECTION_STREAMS),
        ("grpc.server.max_pending_requests", _PENDING_CALLS),
        # One bound: by default calls with more than half of it would be refused at random, more of them the more it is.
        ("grpc.max_metadata_size", _HEADER_BYTES),
        ("grpc.absolute_max_metadata_size", _HEADER_BYTES),
        # Calls with wrong headers would be kept for a second or two, and all their headers with them.
        ("grpc.http.tarpit", 0),
        # A connection that says nothing, or on which no call is made, takes one of the files that a process may open.
        ("grpc.server_handshake_timeout_ms", milliseconds(_HANDSHAKE_SECONDS)),
        ("grpc.max_connection_idle_ms", milliseconds(settings.max_connection_idle_s)),
        ("grpc.max_connection_age_ms", milliseconds(settings.max_connection_age_s)),
        ("grpc.max_connection_age_grace_ms", milliseconds(settings.max_connection_age_grace_s)),
    ]
