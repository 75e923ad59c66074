"""gRPC, served by this process."""

from __future__ import annotations

import gc
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, cast

import grpc
from grpc_health.v1 import health_pb2_grpc  # type: ignore[import-untyped,unused-ignore]
from grpc_reflection.v1alpha import (  # type: ignore[import-untyped,unused-ignore]
    reflection,
    reflection_pb2_grpc,
)

from service.app import App
from service.config.addresses import with_port
from service.rpc import health
from service.runtime import ports as listening
from service.runtime.call_threads import CallPool
from service.runtime.process import say_ready, start_listener
from service.telemetry import logs, metrics

if TYPE_CHECKING:
    from service.config import Settings
    from service.runtime.process import StopSignals

_MESSAGE_BYTES = 16 * 1024 * 1024
"""Room for 10,000 rules, or 1000 contacts with some 16 KiB each. gRPC's default is 4 MiB."""

_log = logging.getLogger(__name__)

_REFLECTION_THREADS = 4

# After so many new objects that are still there garbage is looked for. Python's 700 come together within three sets of
# rules, each of which then costs half as much again; what calls leave is freed without a look.
_GARBAGE_OBJECTS = 20_000


class _Reflection(reflection.ReflectionServicer):  # type: ignore[misc,unused-ignore]
    """The standard reflection service, with threads of its own: a client holds one as long as its stream is open."""

    def ServerReflectionInfo(self, request_iterator: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        return super().ServerReflectionInfo(request_iterator, context)


class Server:
    """gRPC, served by this process.

    Args:
        settings: All settings.
        redis_url: Where the state is.
        listen: Where to serve, if not where the settings say.
        share: Whether other processes serve the same port, and this one's metrics.

    Attributes:
        fairness: Collects the metrics of fairness; None where nobody wants any.
    """

    def __init__(self, settings: Settings, redis_url: str, listen: str = "", *, share: bool = False) -> None:
        self._settings = settings
        self._listen = listen or settings.listen
        self._pool = CallPool(settings.threads, settings.max_concurrent)
        self._app = App(settings, redis_url, is_worker=share)
        self.fairness = self._app.fairness
        self._health = health.Health(self._app.service_names)
        self._server = grpc.server(cast("ThreadPoolExecutor", self._pool), options=_options(settings, share=share))
        self._app.register(self._server, self._pool.is_surplus)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        _Reflection.ServerReflectionInfo.experimental_thread_pool = ThreadPoolExecutor(  # type: ignore[attr-defined]
            _REFLECTION_THREADS, thread_name_prefix="reflection"
        )
        names = [*self._app.service_names, health.SERVICE_NAME, reflection.SERVICE_NAME]
        reflection_pb2_grpc.add_ServerReflectionServicer_to_server(_Reflection(names), self._server)

    def start(self) -> str:
        """Serve; return where, with the port that was taken.

        Raises:
            SettingsError: Cannot listen there.
        """
        try:
            port = self._server.add_insecure_port(self._listen)
        except RuntimeError as error:
            raise listening.refused(self._settings, OSError("the address is taken")) from error
        metrics.set_build_info()
        self._app.add_redis_listener(metrics.set_redis_up)
        self._app.add_redis_listener(self._health.set_redis_up)
        # What is there by now stays. Looking for garbage among it would hold up all calls for 20 ms each time.
        gc.freeze()
        gc.set_threshold(_GARBAGE_OBJECTS)
        self._server.start()
        return with_port(self._listen, port)

    def stop(self) -> None:
        """Let those who send calls notice, let calls in progress finish, and close everything."""
        settings = self._settings
        logs.event(_log, logging.INFO, "stopping", endpoint_wait_s=settings.endpoint_wait_s, drain_s=settings.drain_s)
        self._health.drain()
        threading.Event().wait(self._settings.endpoint_wait_s)
        stopped = self._server.stop(self._settings.drain_s)
        self._health.end_watches()
        stopped.wait()
        self._app.close()
        self._pool.close()
        logs.event(_log, logging.INFO, "stopped")


def run(settings: Settings, redis_url: str, redis_text: str, signals: StopSignals) -> None:
    """Serve in this process until a signal says to stop; `redis_text` is what the ready line calls Redis.

    Raises:
        SettingsError: Cannot listen where the settings say.
    """
    listening.check(settings)
    server = Server(settings, redis_url)
    listener = start_listener(settings, server.fairness)
    say_ready(server.start(), redis_text, listener)
    signals.wait()
    server.stop()
    if listener is not None:
        listener.close()


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
        ("grpc.max_connection_age_ms", milliseconds(settings.max_connection_age_s)),
        ("grpc.max_connection_age_grace_ms", milliseconds(settings.max_connection_age_grace_s)),
    ]
