"""`evenhand health` as Docker runs it: what counts is the exit code."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import grpc
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


PROCESSOR_SECONDS = 0.1
"""What a probe may cost: every few seconds for each replica, it should be next to nothing."""


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


@pytest.mark.parametrize("arguments", [[], ["liveness", "--timeout", "4s"]], ids=["plain", "as the image asks"])
def test_a_probe_costs_next_to_nothing(server, arguments):
    """A probe takes less than 0.1 s of processor time, the start of Python included."""
    cheapest = min(
        processor_seconds(server.address, *arguments) for _ in range(5)
    )  # what else runs here is not its own
    assert cheapest < PROCESSOR_SECONDS


def test_typer_would_cost_more_than_that(server):
    """The measure above is true: where typer is needed, a probe costs more."""
    assert processor_seconds(server.address, "-sx:1", "--help") > PROCESSOR_SECONDS


def processor_seconds(address: str, *arguments: str) -> float:
    """Run `evenhand health`, and return the processor time that it took."""
    command = [sys.executable, "-m", "service.cli", "health", *arguments]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, env=os.environ | {"EVENHAND_SERVER": address}, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


@pytest.mark.parametrize("listen", ["[::1]:0", "unix:"])
def test_other_addresses_are_asked_too(redis, tmp_path, listen):
    """IPv6 and unix sockets are reached as the service names them."""
    if listen == "unix:":
        listen += str(tmp_path / "e.sock")
    with EvenhandServer(redis.url, listen=listen) as running:
        assert health(running.address).stdout == f"evenhand at {running.address}: SERVING\n"


def test_a_name_in_the_form_of_grpc_is_the_same(server):
    """`dns:///HOST:PORT`, as gRPC's clients write it, is the address without that."""
    assert health(f"dns:///{server.address}").stdout == f"evenhand at dns:///{server.address}: SERVING\n"


def test_what_is_no_evenhand():
    """A gRPC server without health, and one that does not speak gRPC, are said to be something else: exit code 3."""
    bare = grpc.server(ThreadPoolExecutor(1))
    web = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    threading.Thread(target=web.serve_forever).start()
    addresses = [f"127.0.0.1:{bare.add_insecure_port('127.0.0.1:0')}", f"127.0.0.1:{web.server_port}"]
    bare.start()
    try:
        said = [health(address) for address in addresses]
    finally:
        bare.stop(None)
        web.shutdown()
        web.server_close()
    assert [(each.returncode, each.stderr) for each in said] == [
        (3, f"evenhand: what listens on {address} is not Evenhand\n") for address in addresses
    ]
