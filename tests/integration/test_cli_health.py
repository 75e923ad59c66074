"""`evenhand health` as Docker runs it: what counts is the exit code."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.processes import EvenhandServer, RedisServer, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    """A Redis that a test may stop for a while."""
    with RedisServer() as running:
        yield running


@pytest.fixture(scope="module")
def server(redis: RedisServer) -> Iterator[EvenhandServer]:
    """A service on that Redis."""
    with EvenhandServer(redis_url=redis.url) as running:
        yield running


def health(address: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `evenhand health` against an address."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("EVENHAND_")}
    return subprocess.run(
        [sys.executable, "-m", "service.cli", "health", *arguments],
        env=inherited | {"EVENHAND_SERVER": address},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("service", ["", "liveness", "evenhand.v1.AssignmentService"])
def test_what_serves_is_said_to(server, service):
    """While the service serves, the exit code is 0, whichever name is asked for."""
    said = health(server.address, *filter(None, [service]))
    assert (said.returncode, said.stdout) == (0, f"{service or 'evenhand'} at {server.address}: SERVING\n")


def test_without_redis_only_the_process_is_well(redis, server):
    """While Redis is unavailable, the exit code is 1, but that of "liveness" stays 0."""
    redis.stop()
    try:
        wait_until(lambda: server.health() == "NOT_SERVING", "the service noticed")
        said = health(server.address)
        alive = health(server.address, "liveness")
    finally:
        redis.start()
    wait_until(lambda: server.health() == "SERVING", "Redis is back")
    assert (said.returncode, said.stdout) == (1, f"evenhand at {server.address}: NOT_SERVING\n")
    assert alive.returncode == 0


def test_a_name_that_nobody_has_does_not_serve(server):
    """An unknown service is exit code 1, and is named."""
    said = health(server.address, "nonsense")
    assert (said.returncode, said.stdout) == (1, "")
    assert said.stderr == f"evenhand: {server.address} answered NOT_FOUND: no service is called 'nonsense'\n"


def test_nobody_listening():
    """Where nobody answers, the exit code is 3, with one line and no traceback."""
    said = health("127.0.0.1:1")
    assert (said.returncode, said.stdout) == (3, "")
    assert "cannot reach a service at 127.0.0.1:1: Connection refused" in said.stderr
    assert len(said.stderr.splitlines()) == 1


def test_a_service_that_stands_still(server):
    """A process that took the call and says nothing is given up at the deadline: exit code 3."""
    server.signal(signal.SIGSTOP)
    try:
        said = health(server.address, "liveness", "--timeout", "500ms")
    finally:
        server.signal(signal.SIGCONT)
    assert (said.returncode, said.stderr) == (3, f"evenhand: no answer from {server.address} within 0.5 s\n")
