"""Several processes on one port (`--workers`): a supervisor that starts them, starts them again, and ends them.

The supervisor makes no gRPC object: gRPC's threads do not live through a fork, and the port is not its own to serve.
It holds the port so that it stays the same, and the kernel deals out connections among the workers (SO_REUSEPORT). A
worker reads what to do from standard input, says on standard output where it serves, and stops when its standard input
ends: so also when the supervisor is killed.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from random import SystemRandom
from typing import IO, TYPE_CHECKING, Any

from service.config import Settings, SettingsError
from service.runtime import ports as listening
from service.runtime.process import StopSignals, say_ready, start_listener
from service.runtime.respawning import DidNotStartError, KeptProcess

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from service.telemetry.collector import FairnessCollector

_METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # prometheus-client's name for it
_MORE_SECONDS = 10.0
"""How long a worker may take to end beyond the waits that the settings allow."""


def run(settings: Settings, redis_url: str, redis_text: str, signals: StopSignals) -> None:
    """Run `settings.workers` workers until a signal says to stop.

    Raises:
        SettingsError: The port is taken, or a worker did not start; what that said is on standard error.
    """
    held, listen = listening.hold(settings)
    with held, _metrics_folder(settings) as folder:
        workers = [
            _worker(number, _order(settings, redis_url, listen, core), folder)
            for number, core in enumerate(_cores(settings), 1)
        ]
        signals.last_words = lambda: _kill(workers)
        try:
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.wait()
            with _fairness(settings, redis_url) as fairness:
                listener = start_listener(settings, fairness, folder)
                say_ready(listen, redis_text, listener)
                signals.wait()
                if listener is not None:
                    listener.close()
        except DidNotStartError as error:
            raise SettingsError(settings.name_of("workers"), f"a worker did not start ({error})") from error
        finally:
            for worker in workers:
                worker.ask_to_stop()
            for worker in workers:
                worker.stop(settings.endpoint_wait_s + settings.drain_s + _MORE_SECONDS)


def read_order(line: bytes) -> tuple[Settings, str, str, int | None]:
    """Return what `run` sends to a worker: settings, the URL of Redis, where to listen, and the core to keep to."""
    order: dict[str, Any] = json.loads(line)
    values: dict[str, Any] = order["settings"]
    values["data_dir"] = Path(values["data_dir"])
    return Settings(**values), order["redis_url"], order["listen"], order["core"]


def _cores(settings: Settings) -> Sequence[int | None]:
    """Return for each worker the core to keep to; None: whichever the system picks from moment to moment."""
    allowed = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if not settings.pin_workers or len(allowed) < settings.workers:
        return [None] * settings.workers
    # Any of them, so that two services on one machine do not both take the first ones.
    return SystemRandom().sample(allowed, settings.workers)


def _order(settings: Settings, redis_url: str, listen: str, core: int | None) -> bytes:
    values = asdict(settings)
    values["data_dir"] = str(settings.data_dir)
    # By standard input and not as arguments: everybody may read those, and the URL may hold a password.
    return json.dumps({"settings": values, "redis_url": redis_url, "listen": listen, "core": core}).encode() + b"\n"


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


@contextlib.contextmanager
def _fairness(settings: Settings, redis_url: str) -> Iterator[FairnessCollector | None]:
    """Collect the metrics of fairness, since no worker does; not if nobody listens for them."""
    if not settings.metrics_listen:
        yield None
        return
    # By name, because a supervisor without metrics needs none of it.
    redis = import_module("service.redis_client.client").RedisClient(redis_url, settings.redis_timeout_s)
    shares = import_module("service.store.shares").Shares(
        redis, settings.metrics_workspaces, settings.metrics_interval_s, candidate=True
    )
    collector = import_module("service.telemetry.collector").FairnessCollector(shares, settings, list)
    try:
        yield collector
    finally:
        collector.close()
        redis.close()


def _worker(number: int, order: bytes, metrics_folder: Path | None) -> KeptProcess:
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
            _pipe(process.stdin).write(order)
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
