"""Calls that are begun and never finished: they hold no thread, disturb nobody, and are ended after a while."""

from __future__ import annotations

import re
import time
from statistics import quantiles
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.builders import ASSIGNED
from tests.support.client import Workspace, calling, refused
from tests.support.half_sent import half_sent
from tests.support.processes import EvenhandServer, RedisServer, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

GET_RULES = "/evenhand.v1.AssignmentService/GetRules"
CHECK = "/grpc.health.v1.Health/Check"
WATCH = "/grpc.health.v1.Health/Watch"
MANY = 10_000
MORE_THAN_THREADS = 40
ENDED = re.compile(r"calls ended: their request did not come calls=(\d+)")
NOISE_S = 0.025
MEMORY_BYTES = 512 * 1024 * 1024


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    """A Redis of one test."""
    with RedisServer() as server:
        yield server


def p99s(teams: list[Workspace], seconds: float) -> list[float]:
    """Assign contacts in turn for a while; return the calls' 99th percentile for each workspace, in seconds."""
    took: list[list[float]] = [[] for _ in teams]
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for team, times in zip(teams, took, strict=True):
            began = time.monotonic()
            assert team.created(f"c-{len(times)}").outcome == ASSIGNED
            times.append(time.monotonic() - began)
        time.sleep(0.002)
    return [quantiles(times, n=100)[-1] for times in took]


def test_ten_thousand_half_sent_calls_disturb_nobody(redis: RedisServer):
    """While 10,000 calls are begun, never finished, and ended, no other fails; their p99 is at most twice the usual.

    The usual is that of a replica beside it, which nobody attacks. Below 25 ms the machine's other work counts for more
    than that of the service. Memory stays below 512 MiB.
    """
    with RedisServer() as other, EvenhandServer(redis.url) as server, EvenhandServer(other.url) as quiet:
        teams = [calling(server.address), calling(quiet.address)]
        with half_sent(server.address, GET_RULES, MANY) as client:
            beside, usual = p99s(teams, 12.0)
            memory = server.peak_memory()
            assert server.health("liveness") == "SERVING"
            assert client.stdout.read().startswith("begun\nDEADLINE_EXCEEDED: ")
        assert beside <= max(2 * usual, NOISE_S)
        assert memory < MEMORY_BYTES


@pytest.mark.parametrize("method", [GET_RULES, CHECK, WATCH])
def test_half_sent_calls_hold_no_thread(redis: RedisServer, method: str):
    """More calls without a request than there are threads keep no other of their method waiting, health included."""
    with EvenhandServer(redis.url, options=["--threads", "2", "--request-timeout", "60s"]) as server:
        team = calling(server.address)
        with half_sent(server.address, method, MORE_THAN_THREADS) as client:
            assert client.stdout.readline() == "begun\n"
            assert team.created("c").outcome == ASSIGNED
            assert server.health("liveness") == "SERVING"


def test_half_sent_calls_are_ended(redis: RedisServer):
    """A call whose request does not come is ended after --request-timeout; it is told why, and our log how many."""
    with EvenhandServer(redis.url, options=["--request-timeout", "1s"]) as server:
        with half_sent(server.address, GET_RULES, 5) as client:
            assert client.stdout.readline() == "begun\n"
            began = time.monotonic()
            ended = client.stdout.read()
        assert ended == "DEADLINE_EXCEEDED: the request did not arrive whole within 1s\n"
        assert 0.5 < time.monotonic() - began < 3.0
        wait_until(lambda: sum(map(int, ENDED.findall(server.log()))) == 5, "all are logged")


def test_a_call_without_a_request_is_told_so(redis: RedisServer):
    """A caller that ends its side before it sent a request is told so, by a status with a reason."""
    with EvenhandServer(redis.url) as server:
        nothing: Any = server.channel().stream_unary(GET_RULES)
        with refused("UNIMPLEMENTED") as said:
            nothing(iter(()), timeout=5)
        assert said.reason == "NO_REQUEST"
