"""A service that is told to stop answers the calls that it has; callers hear of none that it was cancelled."""

from __future__ import annotations

import signal
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING

import grpc
import pytest
from evenhand.v1.assignment_service_pb2_grpc import AssignmentServiceStub

from deploy.examples.cluster_client import first_message
from tests.support.builders import rule
from tests.support.client import Service, Workspace
from tests.support.processes import EvenhandServer, RedisServer

if TYPE_CHECKING:
    from collections.abc import Iterator

CALLERS = 48
CONNECTIONS = 6
WAITING, THREADS = 40, 4


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    """A Redis of one test."""
    with RedisServer() as server:
        yield server


def call_until_it_ends(address: str, number: int) -> Counter[str]:
    """Report contacts one after another until the service is gone; return how many calls ended with which code."""
    options = [("grpc.enable_retries", 0), ("number", number % CONNECTIONS)]
    ended: Counter[str] = Counter()
    with grpc.insecure_channel(address, options) as channel:
        stub = AssignmentServiceStub(channel)
        for count in range(100_000):
            try:
                first_message(stub, "w", f"{number}-{count}")
                ended["OK"] += 1
            except grpc.RpcError as error:
                ended[error.code().name] += 1
                if error.code() is grpc.StatusCode.UNAVAILABLE:
                    return ended
    raise AssertionError("it did not end")


def test_no_call_is_cancelled_by_the_end_of_the_service(redis: RedisServer):
    """Where callers neither watch health nor wait between calls, each call is answered, or finds nobody."""
    with EvenhandServer(redis.url) as server:
        with closing(Service(server.address)) as service:
            team = Workspace("w", service)
            team.roster("ann", "ben")
            team.rules(rule("everyone"))
        with ThreadPoolExecutor(CALLERS) as threads:
            calls = [threads.submit(call_until_it_ends, server.address, number) for number in range(CALLERS)]
            time.sleep(1.0)
            server.signal(signal.SIGTERM)
        ended = sum((each.result() for each in calls), Counter())
    sys.stdout.write(f"\n{dict(ended)}\n")
    assert ended["OK"] > 500
    assert set(ended) == {"OK", "UNAVAILABLE"}


def test_what_still_waits_at_the_end_is_told_so(redis: RedisServer):
    """A call whose turn does not come within --drain is refused with UNAVAILABLE, before gRPC would cancel it."""
    options = ["--threads", str(THREADS), "--redis-timeout", "30s", "--drain", "1500ms"]
    with EvenhandServer(redis.url, options=options) as server, ThreadPoolExecutor(WAITING) as threads:
        connections = [Service(server.address) for _ in range(CONNECTIONS)]
        team = Workspace("w", connections[0])
        team.roster("ann")
        team.rules(rule("everyone"))
        redis.pause()

        def call(number: int) -> str:
            with pytest.raises(grpc.RpcError) as failed:
                first_message(connections[number % CONNECTIONS].assignment, "w", f"c-{number}")
            return f"{failed.value.code().name}: {failed.value.details()}"

        calls = [threads.submit(call, number) for number in range(WAITING)]
        time.sleep(0.5)
        server.signal(signal.SIGTERM)
        ended = Counter(each.result() for each in calls)
        redis.resume()
    assert ended["UNAVAILABLE: this replica is going down"] == WAITING - THREADS, ended
