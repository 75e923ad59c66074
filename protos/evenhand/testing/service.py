"""Starts `evenhand serve` on a free port, with an empty Redis of its own, and leaves nothing of it behind."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections import deque
from pathlib import Path
from queue import Empty, Queue
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_START_SECONDS = 30.0
_STOP_SECONDS = 15.0
_READY = re.compile(r"serving on (\S+)")


class ServiceDidNotStartError(RuntimeError):
    """The service did not start; the message has what it printed."""


@contextlib.contextmanager
def running_service(*options: str) -> Iterator[str]:
    """Run the service as long as the context lasts.

    What EVENHAND_ variables say is for other services, and not for this one.

    Args:
        options: more options of `evenhand serve`.

    Yields:
        its address, such as "127.0.0.1:40123".

    Raises:
        ServiceDidNotStartError: it is not installed, or did not start.
    """
    with tempfile.TemporaryDirectory(prefix="evenhand-") as folder:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("EVENHAND_")}
        process = subprocess.Popen(
            [_program(), "serve", "--listen", "127.0.0.1:0", "--data-dir", folder, *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
            start_new_session=True,  # Ctrl-C reaches only whoever runs this, who then ends the service in order
        )
        try:
            yield _address(process)
        finally:
            _end(process)


def _program() -> str:
    """Return where `evenhand` is: beside this Python, or else on PATH."""
    beside = Path(sys.executable).with_name("evenhand")
    found = str(beside) if beside.exists() else shutil.which("evenhand")
    if found is None:
        raise ServiceDidNotStartError(
            "There is no evenhand here: install the service beside your tests, with its extra `embedded`"
        )
    return found


def _address(process: subprocess.Popen[str]) -> str:
    """Wait for the line that says where the service listens, and go on reading, lest the pipe fill up."""
    printed: deque[str] = deque(maxlen=20)
    found: Queue[str | None] = Queue()

    def read() -> None:
        for line in process.stdout or ():
            printed.append(line)
            if match := _READY.search(line):
                found.put(match[1])
        found.put(None)

    threading.Thread(target=read, daemon=True).start()
    try:
        address = found.get(timeout=_START_SECONDS)
    except Empty:
        address = None
    if address is None:
        raise ServiceDidNotStartError(f"The service did not start. It printed:\n{''.join(printed)}")
    return address


def _end(process: subprocess.Popen[str]) -> None:
    """End the service and whatever it started, also if Ctrl-C is pressed again meanwhile."""
    with _undisturbed():
        try:
            process.terminate()
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Ignore Ctrl-C as long as the context lasts; only the main thread, which Python interrupts, has to."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
