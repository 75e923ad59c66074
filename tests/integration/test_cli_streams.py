"""What `evenhand` does with arguments that are no text, and with a standard output that cannot be written to."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from evenhand.v1 import roster_service_pb2 as pb

from tests.support.client import Service, Workspace
from tests.support.processes import EvenhandServer, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

EVENHAND = Path(sys.executable).with_name("evenhand")
FULL = "evenhand: standard output cannot be written to: No space left on device\n"
NO_TEXT = b"x\xff"


@pytest.fixture(scope="module")
def server() -> Iterator[EvenhandServer]:
    """A service with a workspace whose agents have names that ASCII has not."""
    with EvenhandServer() as running:
        service = Service(running.address)
        Workspace("w", service).roster(pb.Agent(id="ann", name="Ren\u00e9e"), *(f"a{at}" for at in range(1500)))
        service.close()
        yield running


def run(
    command: str | list[str | bytes], folder: Path | None = None, **environment: str | bytes
) -> subprocess.CompletedProcess[str]:
    """Run a command, or what a shell makes of one in which `evenhand` is ours."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("EVENHAND_")}
    arguments = [EVENHAND, *command]
    if isinstance(command, str):
        arguments = ["/bin/bash", "-o", "pipefail", "-c", command.replace("evenhand", shlex.quote(str(EVENHAND)), 1)]
    return subprocess.run(
        arguments,
        capture_output=True, text=True, check=False, timeout=60, cwd=folder, env=kept | environment,
    )  # fmt: skip


@pytest.mark.parametrize("command", ["roster -w w -s {server}", "health -s {server}", "check r.yaml", "--help"])
def test_a_full_disk_is_one_line(server, tmp_path, command):
    """Where standard output cannot be written to, a command says so in one line and leaves with an exit code of 1."""
    (tmp_path / "r.yaml").write_text("rules: []\n")
    said = run(f"evenhand {command.format(server=server.address)} >/dev/full", tmp_path)
    assert (said.returncode, said.stderr) == (1, FULL)


def test_a_closed_standard_output_is_one_line(server):
    """A standard output that is closed is no other: what a command opens is never written to in its place."""
    said = run(f"evenhand roster -w w -s {server.address} >&-")
    assert (said.returncode, said.stderr) == (1, FULL.replace("No space left on device", "Bad file descriptor"))


@pytest.mark.parametrize("command", ["roster -w w -s {server}", "health -s {server}", "--help"])
def test_a_reader_that_left_is_no_error(server, command):
    """Where nobody reads any more, a command says nothing, and leaves as a program that dies of that (141)."""
    said = run(f"evenhand {command.format(server=server.address)} | true")
    assert (said.returncode, said.stderr) == (141, "")


@pytest.mark.parametrize(("workers", "how"), [(1, ">/dev/full"), (1, ">&-"), (1, "| true"), (2, ">/dev/full")])
def test_a_service_that_cannot_say_that_it_is_ready_serves(tmp_path, workers, how):
    """Where standard output cannot be written to, the service warns of it in its log, serves, and ends with 0."""
    log = tmp_path / "log"
    options = f"--listen 127.0.0.1:0 --data-dir data --workers {workers}"
    # The shell becomes the service, whose pipe has a reader that is gone by then.
    line = f"exec {shlex.quote(str(EVENHAND))} serve {options} 2>log " + ("> >(true)" if how == "| true" else how)
    with subprocess.Popen(["/bin/bash", "-c", line], cwd=tmp_path) as process:
        try:
            wait_until(lambda: log.exists() and "ready line could not be written" in log.read_text(), "it warned")
            found = re.search(r"WARNING the ready line .* address=(\S+)", log.read_text())
            assert found is not None
            assert run(["health", "-s", found[1]]).returncode == 0
        finally:
            process.terminate()
    assert process.returncode == 0
    assert "Traceback" not in log.read_text()
    assert "Exception" not in log.read_text()


@pytest.mark.parametrize(
    ("command", "place"),
    [
        (["evaluate", "-w", "w", "-c", NO_TEXT], "argument 5 (after -c)"),
        (["presence", NO_TEXT, "-w", "w", "--set", "online"], "argument 2"),
        (["roster", "-w", NO_TEXT], "argument 3 (after -w)"),
        (["agents", "set", "a", b"--name=" + NO_TEXT], "argument 4 (--name)"),
        (["evaluate", "-w", "w", "-c", "c", "--tag", NO_TEXT], "argument 7 (after --tag)"),
        (["serve", "--data-dir", NO_TEXT], "argument 3 (after --data-dir)"),
        (["health", NO_TEXT], "argument 2"),
        ([NO_TEXT], "argument 1"),
    ],
)
def test_an_argument_that_is_no_text_is_one_line(command, place):
    """An argument that is not UTF-8 is named by its place, not shown, and wrong usage for every command."""
    said = run(command)
    assert (said.returncode, said.stdout, said.stderr) == (2, "", f"evenhand: {place} is not UTF-8\n")


def test_a_variable_that_is_no_text_is_one_line():
    """A variable of ours that is not UTF-8 is named, and what it holds, which may be a secret, is not shown."""
    said = run(["roster", "-w", "w"], EVENHAND_TOKEN=NO_TEXT)
    assert (said.returncode, said.stderr) == (2, "evenhand: EVENHAND_TOKEN is not UTF-8\n")


def test_what_a_terminal_cannot_show_is_escaped(server):
    """A name that standard output has no characters for is shown with escapes in their place."""
    said = run(["roster", "-w", "w", "-s", server.address], PYTHONIOENCODING="ascii")
    assert (said.returncode, said.stderr) == (0, "")
    assert "ann    Ren\\xe9e" in said.stdout
