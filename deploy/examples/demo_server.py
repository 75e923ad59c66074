"""Starts `evenhand serve` for the demo, and leaves nothing of it behind."""

from __future__ import annotations

import contextlib
import os
import re
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

START_SECONDS = 30.0
STOP_SECONDS = 15.0
_READY = re.compile(r"serving on (\S+)")


@contextlib.contextmanager
def running_service() -> Iterator[str]:
    """Run the service on a free port and an empty embedded Redis; gives its address.

    Raises:
        SystemExit: The service did not start; the message has what it printed.
    """
    with tempfile.TemporaryDirectory(prefix="evenhand-") as folder:
        evenhand = Path(sys.executable).with_name("evenhand")
        environment = {name: value for name, value in os.environ.items() if not name.startswith("EVENHAND_")}
        process = subprocess.Popen(
            [evenhand, "serve", "--listen", "127.0.0.1:0", "--data-dir", folder],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
            start_new_session=True,  # Ctrl-C reaches only the demo, which then ends the service in order
        )
        try:
            yield _address(process)
        finally:
            _end(process)


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
        address = found.get(timeout=START_SECONDS)
    except Empty:
        address = None
    if address is None:
        raise SystemExit(f"The service did not start. It printed:\n{''.join(printed)}")
    return address


def _end(process: subprocess.Popen[str]) -> None:
    """End the service and whatever it started, also if Ctrl-C is pressed again meanwhile."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        process.terminate()
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    finally:
        signal.signal(signal.SIGINT, before)
