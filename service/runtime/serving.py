"""Serves as the settings say: Redis first, then gRPC, until a signal says to stop."""

from __future__ import annotations

import gc
import logging
import os
from concurrent import futures
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING

from service.config import Settings, SettingsError, misspelt
from service.config.addresses import is_local, redact
from service.runtime.embedded_redis import EmbeddedRedis, EmbeddedRedisError
from service.runtime.redis_binary import NoRedisBinaryError
from service.runtime.signals import StopSignals
from service.telemetry import logs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


_log = logging.getLogger(__name__)


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, and say on standard output, in one line, when it is ready.

    Raises:
        SettingsError: what the settings ask for cannot be had, such as a port that is taken.
    """
    logs.configure(settings)
    for name, setting in misspelt(os.environ):
        _log.warning("%s is no setting, and ignored; did you mean %s?", name, setting)
    if settings.tls_cert:
        import_module("service.runtime.certificates").load(settings)  # wrong ones are named before anything starts
    else:
        _warn_of_plain_text(settings)
    if settings.access:
        file = import_module("service.access.access").load(settings)  # the same
        if not settings.tls_client_ca and any(principal.certificates for principal in file.principals.values()):
            logs.event(
                _log,
                logging.WARNING,
                "the access file names certificates, and callers are asked for none: set --tls-client-ca",
                file=settings.access,
            )
    elif not is_local(settings.listen):
        logs.event(
            _log,
            logging.WARNING,
            "everybody who reaches the service may do all: set --access, or have something before it decide",
            listen=settings.listen,
        )
    signals = StopSignals()
    with _redis(settings) as wait:
        run = _load("service.runtime.supervisor" if settings.workers > 1 else "service.runtime.server")
        redis_url, redis_text = wait()
        run(settings, redis_url, redis_text, signals)


def _warn_of_plain_text(settings: Settings) -> None:
    """Log where everybody on the way could read and change what callers say."""
    listens = [each for each in (settings.listen, settings.metrics_listen) if each and not is_local(each)]
    if listens:
        logs.event(
            _log,
            logging.WARNING,
            "serving in plain text: set --tls-cert and --tls-key, or have something before it encrypt",
            listen=", ".join(listens),
        )


def _load(module: str) -> Callable[[Settings, str, str, StopSignals], None]:
    """Return the function `run` of a module that is loaded by name, and so not before Redis is on its way.

    gRPC alone takes longer to load than Redis takes to start meanwhile.
    """
    gc.disable()  # modules stay; looking for garbage among them would be a tenth of the time
    try:
        run: Callable[[Settings, str, str, StopSignals], None] = import_module(module).run
    finally:
        gc.freeze()  # or all of them would be looked at as soon as that is enabled
        gc.enable()
    return run


@contextmanager
def _redis(settings: Settings) -> Iterator[Callable[[], tuple[str, str]]]:
    """Run the embedded Redis, if that is the one to use, as long as the context lasts.

    Yields:
        a function that waits until it answers, and returns the URL of the Redis to use and its name in the ready line.
    """
    url = settings.external_redis()
    if url is not None:
        given = url, redact(url)
        yield lambda: given
        return
    embedded = EmbeddedRedis(settings.data_dir)
    elsewhere = futures.ThreadPoolExecutor(1, thread_name_prefix="embedded-redis-start")
    started = elsewhere.submit(embedded.start)
    elsewhere.shutdown(wait=False)

    def wait() -> tuple[str, str]:
        try:
            started.result()
        except NoRedisBinaryError as error:
            raise SettingsError(settings.name_of("redis_url"), f"none was given, and there is {error}") from error
        except EmbeddedRedisError as error:
            raise SettingsError(settings.name_of("data_dir"), str(error)) from error
        return embedded.url, f"embedded {embedded.version} in {settings.data_dir}"

    try:
        yield wait
    finally:
        futures.wait([started])
        embedded.stop()
