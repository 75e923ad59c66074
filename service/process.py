"""What every process of the service does around serving: signals, logging, the ready line, the metrics listener."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING

from service.config import Settings, SettingsError
from service.metrics import MetricsListener, start_metrics

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class StopSignals:
    """SIGTERM and SIGINT: the first asks to stop, a second one ends the process at once.

    Attributes:
        last_words: Called before the process ends at once.
    """

    def __init__(self) -> None:
        self.last_words: Callable[[], None] = lambda: None
        self._asked = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._handle)

    def wait(self) -> None:
        """Return once asked to stop."""
        self._asked.wait()

    def ask(self) -> None:
        """Ask to stop, as the first signal does."""
        self._asked.set()

    def _handle(self, number: int, _frame: object) -> None:
        if self._asked.is_set():
            self.last_words()
            os._exit(128 + number)
        self._asked.set()


def configure_logging() -> None:
    """Log to standard error, one line an event, with time and process id."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(process)d %(levelname)s %(message)s")


def say_ready(address: str, redis_text: str, listener: MetricsListener | None) -> None:
    """Print the one line on standard output that says where the service is to be found."""
    metrics_text = f", metrics on {listener.address}" if listener else ""
    sys.stdout.write(f"evenhand: serving on {address} (redis: {redis_text}{metrics_text})\n")
    sys.stdout.flush()


def start_listener(settings: Settings, workers_folder: Path | None = None) -> MetricsListener | None:
    """Serve /metrics if the settings say where; see `start_metrics`.

    Raises:
        SettingsError: Cannot listen there.
    """
    try:
        return start_metrics(settings.metrics_listen, workers_folder)
    except OSError as error:
        raise SettingsError(
            settings.name_of("metrics_listen"), f"cannot listen on {settings.metrics_listen}: {error.strerror or error}"
        ) from error
