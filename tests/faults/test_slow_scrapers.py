"""HTTP clients that never finish their request for metrics keep nobody from theirs."""

from __future__ import annotations

import http.client
import socket
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from service.telemetry import http as served
from tests.support.processes import EvenhandServer, RedisServer, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

UNFINISHED = 300


@pytest.fixture(scope="module")
def server() -> Iterator[EvenhandServer]:
    """A service with metrics."""
    with RedisServer() as redis, EvenhandServer(redis.url, options=["--metrics-listen", "127.0.0.1:0"]) as server:
        yield server


def where(server: EvenhandServer) -> tuple[str, int]:
    """Host and port of the metrics."""
    host, port = server.ready_line.rpartition("metrics on ")[2].rstrip(")").split(":")
    return host, int(port)


def get(server: EvenhandServer, path: str) -> http.client.HTTPResponse:
    """One request."""
    connection = http.client.HTTPConnection(*where(server), timeout=5)
    connection.request("GET", path)
    return connection.getresponse()


def threads(server: EvenhandServer) -> int:
    """How many threads the service has, as Linux counts them."""
    return len(list(Path(f"/proc/{server.pid}/task").iterdir()))


def is_ended(connection: socket.socket) -> bool:
    """Whether the other side ends a connection while nothing is sent."""
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def test_unfinished_requests_hold_few_threads_and_no_scrape(server: EvenhandServer):
    """With 300 requests begun and never finished there are a few threads, scrapes are answered, and all are ended."""
    usual = threads(server)
    with ExitStack() as stack:
        unfinished = [stack.enter_context(socket.create_connection(where(server))) for _ in range(UNFINISHED)]
        for connection in unfinished:
            with suppress(ConnectionError):  # it is one of those that are ended for later ones
                connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n")
        assert get(server, "/metrics").status == 200
        assert threads(server) <= usual + served.CONNECTIONS + 2
        began = time.monotonic()
        for connection in unfinished:
            connection.settimeout(served.SECONDS + 5)
            assert is_ended(connection)
        assert time.monotonic() - began < served.SECONDS + 5
    wait_until(lambda: threads(server) <= usual, "their threads are gone")


def test_a_request_that_drips_is_ended_too(server: EvenhandServer):
    """A byte now and then does not make a request's time longer."""
    began = time.monotonic()
    with socket.create_connection(where(server)) as connection, suppress(ConnectionError):
        connection.sendall(b"GET /metrics HTTP/1.1\r\nX: ")
        while time.monotonic() - began < 2 * served.SECONDS:
            connection.sendall(b"a")
            time.sleep(0.2)
    assert time.monotonic() - began < served.SECONDS + 3


@pytest.mark.parametrize("path", ["/", "/favicon.ico", "/metrics/", "/debug", "/metrics/../etc/passwd"])
def test_only_metrics_are_served(server: EvenhandServer, path: str):
    """Any other path is 404, and says where the metrics are."""
    response = get(server, path)
    assert response.status == 404
    assert b"/metrics" in response.read()
