"""A signal to stop is never lost."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

PROGRAM = """
import signal
import threading
import time
from service.runtime.signals import StopSignals

signals = StopSignals()
other = threading.Thread(target=time.sleep, args=(60,), daemon=True)
other.start()
{ask}
signals.wait()
print("stopping", flush=True)
{then}
"""
TO_A_THREAD = "threading.Timer(0.2, signal.pthread_kill, (other.ident, signal.SIGTERM)).start()"
BEFOREHAND = "signal.raise_signal(signal.SIGINT)"
BY_HAND = "threading.Timer(0.2, signals.ask).start()"


def run(ask: str, then: str = "") -> tuple[int, str, str]:
    """Run a program that waits to be asked; return its exit code, what it said, and its log."""
    program = PROGRAM.format(ask=ask, then=then)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("ask", [TO_A_THREAD, BEFOREHAND, BY_HAND])
def test_the_first_ends_the_wait(ask: str) -> None:
    """Whichever thread the kernel hands it to, and also if it comes before anybody waits."""
    assert run(ask) == (0, "stopping\n", "")


@pytest.mark.parametrize("ask", [TO_A_THREAD, BEFOREHAND, BY_HAND])
def test_the_next_ends_the_process(ask: str) -> None:
    """Who does not want to wait for the end asks twice, and the log says so."""
    code, _, log = run(ask, then="signal.raise_signal(signal.SIGTERM); time.sleep(60)")
    assert code == 128 + signal.SIGTERM
    assert log == "asked to stop once more: ending at once\n"


def test_the_next_ends_the_process_whoever_gets_it() -> None:
    """Also while the main thread waits for something, and the kernel hands the second signal to another thread."""
    code, *_ = run(TO_A_THREAD, then="signal.pthread_kill(other.ident, signal.SIGTERM); threading.Event().wait(60)")
    assert code == 128 + signal.SIGTERM
