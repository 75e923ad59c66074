"""`make demo`: comes out as it says, and leaves nothing behind."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

DEMO = Path(__file__).parents[2] / "deploy" / "examples" / "demo.py"


@pytest.fixture
def folder():
    """A temporary folder for the demo's own; its path is short, as a unix socket is in it."""
    with tempfile.TemporaryDirectory(prefix="eh-") as name:
        yield name


def start(folder: str, *options: str) -> subprocess.Popen[str]:
    """Start the demo, without a terminal."""
    environment = os.environ | {"TMPDIR": folder, "PYTHONUNBUFFERED": "1"}
    # A process in the background of a shell is told to ignore SIGINT, and passes that on to all that it starts.
    minding_interrupts = ["env", "--default-signal=INT", sys.executable, str(DEMO), *options]
    return subprocess.Popen(minding_interrupts, env=environment, stdout=subprocess.PIPE, text=True)


def left_behind(folder: str) -> list[str]:
    """Give the command lines of processes that work in the folder, and the files that are in it."""
    found = [str(path) for path in Path(folder).iterdir()]
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            command = (process / "cmdline").read_bytes()
            if folder.encode() in command:
                found.append(f"{process.name}: {command!r}")
    return found


@pytest.mark.parametrize("options", [[], ["--tls"]], ids=["plain", "tls"])
def test_every_story_comes_out_as_it_says(folder, options):
    """The demo passes, shows the ten contacts of each agent, fits 100 columns, and leaves nothing behind."""
    demo = start(folder, *options)
    printed, _ = demo.communicate(timeout=60)
    assert demo.returncode == 0, printed
    assert ("over TLS" in printed) is bool(options)
    tens = [line for line in printed.splitlines() if re.search(r"█ 10 +new-dm-to-sales, team sales, round robin", line)]
    assert [line.split()[0] for line in tens] == ["Asha", "Bilal", "Chitra"]
    assert max(len(line) for line in printed.splitlines()) <= 100
    assert left_behind(folder) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_ends_its_service(folder, number):
    """Ctrl-C (or SIGTERM) in the middle ends the service and its Redis too."""
    demo = start(folder)
    assert demo.stdout is not None
    with demo.stdout:
        assert "serves on" in demo.stdout.readline()
        demo.send_signal(number)
        demo.stdout.read()
    assert demo.wait(30) == 128 + number
    deadline = time.monotonic() + 10
    while left_behind(folder) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert left_behind(folder) == []
