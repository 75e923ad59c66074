"""Connections that no ordinary client makes: silent ones, and floods of small frames. Others are answered meanwhile."""

from __future__ import annotations

import resource
import socket
import struct
import time
from contextlib import ExitStack
from statistics import quantiles
from typing import TYPE_CHECKING

import pytest

from tests.support.builders import ASSIGNED
from tests.support.client import calling
from tests.support.flood import PREFACE, SETTINGS, flooding, frame
from tests.support.processes import EvenhandServer, RedisServer

if TYPE_CHECKING:
    from collections.abc import Iterator

FILES = 256
MAX_CONCURRENT_STREAMS = 3
# On a busy machine it is 12 to 24 ms; where a connection might send without bound, it was 0.5 to 1.6 s.
P99_S = 0.25


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    """A Redis of one test."""
    with RedisServer() as server:
        yield server


@pytest.mark.parametrize("kind", ["rapid-reset", "ping", "settings"])
def test_a_flood_of_frames_delays_nobody_for_long(redis: RedisServer, kind: str):
    """While one client begins and resets calls, pings or changes settings as fast as it can, no other's call fails."""
    with EvenhandServer(redis.url) as server:
        team = calling(server.address)
        took = []
        with flooding(server.address, kind):
            until = time.monotonic() + 4.0
            while time.monotonic() < until:
                began = time.monotonic()
                assert team.created(f"c-{len(took)}").outcome == ASSIGNED
                took.append(time.monotonic() - began)
        assert quantiles(took, n=100)[-1] < P99_S


def test_a_connection_may_have_a_thousand_calls(redis: RedisServer):
    """Clients are told so by HTTP/2's own means, and keep further calls back until others are over."""
    with EvenhandServer(redis.url) as server, dial(server.address) as connection:
        connection.sendall(PREFACE + frame(SETTINGS, 0, 0, b""))
        head = connection.recv(9, socket.MSG_WAITALL)
        assert head[3] == SETTINGS
        settings = dict(struct.iter_unpack(">HI", connection.recv(int.from_bytes(head[:3]), socket.MSG_WAITALL)))
    assert settings[MAX_CONCURRENT_STREAMS] == 1000


def test_silent_connections_shut_nobody_out(redis: RedisServer):
    """More of them than files a process may open by default leave room for others, and are ended by themselves."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, limits[1]))
    try:
        server = EvenhandServer(redis.url)
        server.start()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    with ExitStack() as stack:
        stack.callback(server.close)
        silent = [stack.enter_context(dial(server.address)) for _ in range(2 * FILES)]
        assert calling(server.address).created("c").outcome == ASSIGNED
        for connection in silent:
            connection.settimeout(20)
            while connection.recv(4096):
                pass


def test_an_idle_connection_is_ended(redis: RedisServer):
    """A client that is connected and calls nothing is asked to leave after --max-connection-idle."""
    with (
        EvenhandServer(redis.url, options=["--max-connection-idle", "1s"]) as server,
        dial(server.address) as connection,
    ):
        connection.sendall(PREFACE + frame(SETTINGS, 0, 0, b"") + frame(SETTINGS, 1, 0, b""))
        connection.settimeout(10)
        began = time.monotonic()
        while connection.recv(4096):
            pass
        assert 0.5 < time.monotonic() - began < 8


def dial(address: str) -> socket.socket:
    """Connect, and say nothing."""
    host, port = address.rsplit(":", 1)
    return socket.create_connection((host, int(port)), timeout=5)
