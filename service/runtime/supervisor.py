"""Several processes on one port (`--workers`): a supervisor that starts them, starts them again, and ends them.

The supervisor makes no gRPC object: gRPC's threads do not live through a fork, and the port is not its own to serve.
It holds the port so that it stays the same, and the kernel deals out connections among the workers (SO_REUSEPORT). A
worker reads what to do from standard input, says on standard output where it serves, and stops when its standard input
ends: so also when the supervisor is killed.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from random import SystemRandom
from typing import IO, TYPE_CHECKING

from service.config import SettingsError
from service.runtime import ports
from service.runtime.orders import Order, write_order
from service.runtime.ready import say_ready
from service.runtime.respawning import DidNotStartError, KeptProcess

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager

    from service.config import Settings
    from service.runtime.signals import StopSignals
    from service.telemetry.listener import MetricsListener

_METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # prometheus-client's name for it
_MORE_SECONDS = 10.0
"""How long a worker may take to end beyond the waits that the settings allow."""


def run(settings: Settings, redis_url: str, redis_text: str, signals: StopSignals) -> None:
    """Run `settings.workers` workers until a signal says to stop.

    Raises:
        SettingsError: the port is taken, or a worker did not start; what it said is on standard error.
    """
    held, listen = ports.hold(settings)
    with held, _metrics_folder(settings) as folder:
        workers = [
            _worker(number, Order(settings=settings, redis_url=redis_url, listen=listen, core=core), folder)
            for number, core in enumerate(_cores(settings), 1)
        ]
        signals.last_words = lambda: _kill(workers)
        try:
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.wait()
            with _metrics(settings, redis_url, folder) as listener:
                say_ready(settings, listen, redis_text, listener)
                signals.wait()
        except DidNotStartError as error:
            raise SettingsError(settings.name_of("workers"), f"a worker did not start ({error})") from error
        finally:
            for worker in workers:
                worker.ask_to_stop()
            for worker in workers:
                worker.stop(settings.endpoint_wait_s + settings.drain_s + _MORE_SECONDS)


def _cores(settings: Settings) -> Sequence[int | None]:
    """Return for each worker the core to keep to; None: whichever the system picks from moment to moment."""
    allowed = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if not settings.pin_workers or len(allowed) < settings.workers:
        return [None] * settings.workers
    # Any of them, so that two services on one machine do not both take the first ones.
    return SystemRandom().sample(allowed, settings.workers)


@contextlib.contextmanager
def _metrics_folder(settings: Settings) -> Iterator[Path | None]:
    """Give a folder for the workers' metrics while they run; none if nobody listens for them."""
    if not settings.metrics_listen:
        yield None
        return
    try:
        folder = tempfile.TemporaryDirectory(prefix="evenhand-metrics-")
    except OSError as error:
        raise SettingsError(
            settings.name_of("metrics_listen"),
            f"with several workers needs a temporary folder (TMPDIR): {error.strerror}",
        ) from error
    with folder as name:
        yield Path(name)


def _metrics(settings: Settings, redis_url: str, folder: Path | None) -> AbstractContextManager[MetricsListener | None]:
    """Serve the metrics while the context lasts, if anybody listens for them."""
    if folder is None:
        return contextlib.nullcontext()
    # By name, because a supervisor without metrics needs none of it.
    tls = None
    if settings.tls_cert:
        tls = import_module("service.runtime.certificates").Certificates(settings, "metrics").context
    serving: AbstractContextManager[MetricsListener] = import_module("service.app").supervisor_metrics(
        settings, redis_url, folder, tls
    )
    return serving


def _worker(number: int, order: Order, metrics_folder: Path | None) -> KeptProcess:
    environment = {name: value for name, value in os.environ.items() if name != _METRICS_FOLDER}
    if metrics_folder is not None:
        environment[_METRICS_FOLDER] = str(metrics_folder)

    def spawn() -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "service.runtime.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            start_new_session=True,  # a Ctrl-C in the terminal is for the supervisor
        )
        with contextlib.suppress(OSError):  # it ended already; that is noticed where it is waited for
            _pipe(process.stdin).write(write_order(order))
            _pipe(process.stdin).flush()
        return process

    def ended(process: subprocess.Popen[bytes]) -> None:
        _ask_to_stop(process)
        _pipe(process.stdout).close()
        if metrics_folder is not None:
            # By name, because a supervisor without metrics needs none of it.
            import_module("prometheus_client.multiprocess").mark_process_dead(process.pid, str(metrics_folder))

    return KeptProcess(f"worker {number}", spawn, _serves, _ask_to_stop, ended)


def _kill(workers: list[KeptProcess]) -> None:
    for worker in workers:
        worker.kill()


def _serves(process: subprocess.Popen[bytes]) -> bool:
    return bool(_pipe(process.stdout).readline())


def _ask_to_stop(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(OSError):
        _pipe(process.stdin).close()


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise ValueError("the process was started without this pipe")
    return pipe
