"""A child process that is started again whenever it ends."""

from __future__ import annotations

import logging
import signal
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

_log = logging.getLogger(__name__)

_FIRST_DELAY_SECONDS = 0.1
_LONGEST_DELAY_SECONDS = 10.0
_STEADY_SECONDS = 60.0
_ASK_SECONDS = 1.0


class DidNotStartError(Exception):
    """The process ended before it ever served; the text says how ("exit code 2")."""


class KeptProcess:
    """One child process, and the thread that keeps it running.

    The first start must succeed. After that, an end is logged and the process started again, at once at first and
    then at intervals that double from 0.1 s to 10 s, until one start has held for a minute.

    Args:
        name: what to call it in the log: "the embedded Redis".
        spawn: starts the process. Always called in the same thread, which lives as long as the process is kept.
        serves: waits until the process serves (true) or has ended (false).
        ask: asks it to end; called again each second, in case it did not listen.
        ended: called with the process whenever it has ended.
    """

    def __init__(
        self,
        name: str,
        spawn: Callable[[], subprocess.Popen[bytes]],
        serves: Callable[[subprocess.Popen[bytes]], bool],
        ask: Callable[[subprocess.Popen[bytes]], None],
        ended: Callable[[subprocess.Popen[bytes]], None] = lambda _: None,
    ) -> None:
        self._name = name
        self._spawn = spawn
        self._serves = serves
        self._ask = ask
        self._ended = ended
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._keep, name=name, daemon=True)
        self._decided = threading.Event()  # it served once, or never will
        self._failure: Exception | None = None
        self._stopping = threading.Event()
        self._delay = 0.0

    @property
    def stopping(self) -> bool:
        """Whether `stop` was called."""
        return self._stopping.is_set()

    def start(self) -> None:
        """Start it; `wait` says when it serves."""
        self._thread.start()

    def wait(self) -> None:
        """Return as soon as it serves for the first time.

        Raises:
            DidNotStartError: it ended instead.
            OSError: it could not even be started.
        """
        self._decided.wait()
        if self._failure is not None:
            raise self._failure

    def ask_to_stop(self) -> None:
        """Ask the process to end, for good; `stop` waits for that."""
        self._stopping.set()
        if self._process is not None:
            self._ask(self._process)

    def stop(self, grace_s: float) -> None:
        """End it: ask, and after `grace_s` seconds insist with SIGKILL. May be called again."""
        end = time.monotonic() + grace_s
        self._stopping.set()
        while self._thread.is_alive():
            if time.monotonic() < end:
                self.ask_to_stop()
            else:
                self.kill()
            self._thread.join(_ASK_SECONDS)

    def kill(self) -> None:
        """End it at once, without waiting for that, and for good."""
        self._stopping.set()
        if self._process is not None:
            self._process.kill()

    def _keep(self) -> None:
        while not self._stopping.is_set():
            started = time.monotonic()
            try:
                how = self._run()
            except OSError as error:
                how = str(error)
                failure: Exception = error
            else:
                failure = DidNotStartError(how)
            if self._stopping.is_set() or not self._decided.is_set():
                self._failure = failure
                self._decided.set()
                return
            self._next_delay(time.monotonic() - started)
            _log.error("%s ended (%s): starting it again in %.1f s", self._name, how, self._delay)
            self._stopping.wait(self._delay)

    def _run(self) -> str:
        """Run the process once; return how it ended."""
        process = self._process = self._spawn()
        if self._serves(process):
            if self._decided.is_set():
                _log.info("%s is back", self._name)
            self._decided.set()
        code = process.wait()
        self._ended(process)
        return f"{signal.Signals(-code).name}" if code < 0 else f"exit code {code}"

    def _next_delay(self, lived_s: float) -> None:
        if self._delay == 0.0 or lived_s > _STEADY_SECONDS:
            self._delay = _FIRST_DELAY_SECONDS
        else:
            self._delay = min(self._delay * 2, _LONGEST_DELAY_SECONDS)
