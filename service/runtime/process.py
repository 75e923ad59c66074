"""What every process of the service does around serving: signals, the ready line, the metrics listener."""

from __future__ import annotations

import os
import signal
import sys
from importlib import import_module
from threading import Event, Thread
from typing import TYPE_CHECKING

from service.config import Settings, SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from service.telemetry.collector import FairnessCollector
    from service.telemetry.metrics import MetricsListener


class StopSignals:
    """SIGTERM and SIGINT: the first asks to stop, a second one ends the process at once.

    Python handles signals in the main thread, as soon as it wakes; but the system may give a signal to any thread, and
    then the main thread sleeps on. So a thread of its own is told of signals, through a pipe.

    Attributes:
        last_words: Called before the process ends at once.
    """

    def __init__(self) -> None:
        self.last_words: Callable[[], None] = lambda: None
        self._asked = Event()
        self._bell, rope = os.pipe()
        os.set_blocking(rope, False)
        signal.set_wakeup_fd(rope)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda _number, _frame: None)  # the bell rings by itself
        Thread(target=self._listen, name="stop-signals", daemon=True).start()

    def wait(self) -> None:
        """Return once asked to stop."""
        self._asked.wait()

    def ask(self) -> None:
        """Ask to stop, as the first signal does."""
        self._asked.set()

    def _listen(self) -> None:
        while True:
            (number,) = os.read(self._bell, 1)
            if self._asked.is_set():
                self.last_words()
                os._exit(128 + number)
            self._asked.set()


def say_ready(address: str, redis_text: str, listener: MetricsListener | None) -> None:
    """Print the one line on standard output that says where the service is to be found."""
    metrics_text = f", metrics on {listener.address}" if listener else ""
    sys.stdout.write(f"evenhand: serving on {address} (redis: {redis_text}{metrics_text})\n")
    sys.stdout.flush()


def start_listener(
    settings: Settings, fairness: FairnessCollector | None, workers_folder: Path | None = None
) -> MetricsListener | None:
    """Serve /metrics if there is anything that reads fairness for it; see `start_metrics`.

    Raises:
        SettingsError: Cannot listen there.
    """
    if fairness is None:
        return None
    metrics = import_module(
        "service.telemetry.metrics"
    )  # by name: who supervises workers without metrics needs none of it
    try:
        listener: MetricsListener = metrics.start_metrics(settings.metrics_listen, fairness, workers_folder)
    except OSError as error:
        raise SettingsError(
            settings.name_of("metrics_listen"), f"cannot listen on {settings.metrics_listen}: {error.strerror or error}"
        ) from error
    return listener
