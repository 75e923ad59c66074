"""The signals that ask a process of the service to stop."""

from __future__ import annotations

import logging
import os
import signal
from threading import Event, Thread
from typing import TYPE_CHECKING

from service.telemetry import logs

if TYPE_CHECKING:
    from collections.abc import Callable

_log = logging.getLogger(__name__)


class StopSignals:
    """SIGTERM and SIGINT: the first asks to stop, a second one ends the process at once.

    Python handles signals in the main thread, as soon as it wakes; but the system may give a signal to any thread, and
    then the main thread sleeps on. So a thread of its own is told of signals, through a pipe.

    Attributes:
        last_words: called before the process ends at once.
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
                name = signal.Signals(number).name
                logs.event(_log, logging.WARNING, "asked to stop once more: ending at once", signal=name)
                self.last_words()
                os._exit(128 + number)
            self._asked.set()
