"""Attacks on memory: it has a bound, and others are answered as soon as the attack is over, if not before."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import grpc
import pytest
from evenhand.v1 import assignment_service_pb2 as api

from tests.support import builders as b
from tests.support.cgroup import bounded_memory
from tests.support.client import Service, Workspace, refused
from tests.support.processes import EvenhandServer, RedisServer, wait_until
from tests.support.scrape import Scrape
from tests.support.unread import unread

if TYPE_CHECKING:
    from collections.abc import Iterator

BATCHES = 60
CONNECTIONS = 4
MEMORY_BYTES = 512 * 1024 * 1024
LONG_REPLIES = 1000
ENDED = "assignment_calls_ended_total"


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    """A Redis of one test."""
    with RedisServer() as server:
        yield server


@pytest.fixture
def server(redis: RedisServer) -> Iterator[EvenhandServer]:
    """A service that may hold half a gigabyte, and by the end of the test has never held more."""
    options = ["--metrics-listen", "127.0.0.1:0", "--response-timeout", "10s"]
    with EvenhandServer(redis.url, options=options) as server:
        with bounded_memory(server.pid, MEMORY_BYTES):
            yield server
            assert server.process is not None
            assert server.process.poll() is None, "it was killed: it held more than half a gigabyte"
            peak = server.peak_memory()
        print(f"VmHWM: {peak / 1024 / 1024:.0f} MiB")  # noqa: T201 - pytest -rP shows it
        assert peak < MEMORY_BYTES


def neighbor(server: EvenhandServer) -> Workspace:
    """A workspace beside the attacked one, in which contacts are assigned."""
    team = Workspace("neighbor", Service(server.address))
    team.roster("a", "b")
    team.rules(b.rule("everyone"))
    return team


def is_answered(team: Workspace) -> bool:
    """Whether the service takes a contact on; false if it is overloaded."""
    try:
        return bool(team.created(f"c-{time.monotonic_ns()}").outcome == b.ASSIGNED)
    except grpc.RpcError as error:
        with refused("RESOURCE_EXHAUSTED"):
            raise error  # noqa: TRY201 - to have it read
        return False


def test_sixty_large_batches_at_once_stay_within_half_a_gigabyte(server: EvenhandServer):
    """Of 60 batches of 11 MiB at once some are answered, the others OVERLOADED; then as many are answered again."""
    traits = {f"k{number}": "v" * 950 for number in range(12)}
    contacts = [
        api.EvaluateContactRequest(event_type=b.CREATED, contact=b.contact(f"c{number}", traits=traits))
        for number in range(1000)
    ]
    batch = api.BatchEvaluateContactsRequest(workspace_id="w", requests=contacts)
    assert batch.ByteSize() > 11 * 1024 * 1024
    connections = [Service(server.address) for _ in range(CONNECTIONS)]
    team = Workspace("w", connections[0])
    team.roster("a")
    team.rules(b.rule("everyone"))

    def send(number: int) -> str:
        try:
            results = connections[number % CONNECTIONS].assignment.BatchEvaluateContacts(batch, timeout=60).results
        except grpc.RpcError as error:
            with refused("RESOURCE_EXHAUSTED") as said:
                raise error  # noqa: TRY201 - to have it read
            assert said.reason == "OVERLOADED"
            assert said.retry_after_s
            return "refused"
        assert len(results) == len(contacts)
        return "answered"

    with ThreadPoolExecutor(BATCHES) as threads:
        outcomes = list(threads.map(send, range(BATCHES)))
    assert outcomes.count("answered") >= 3
    assert outcomes.count("refused") >= 3
    assert [send(number) for number in range(6)] == ["answered"] * 6


@pytest.mark.parametrize("reads", [True, False], ids=["windows shut", "connection not read"])
@pytest.mark.parametrize("long", [True, False], ids=["long", "short"])
def test_responses_that_nobody_takes_stay_within_half_a_gigabyte(server: EvenhandServer, *, reads: bool, long: bool):
    """Who asks for 4 MiB, or for little, 1000 times a connection, and takes no response, loses calls.

    Others are answered as soon as that is over; until then some find too many waiting.
    """
    team = Workspace("w", Service(server.address))
    team.roster("a")
    rules = [b.rule(f"rule-{number}", reply="x" * 4000) for number in range(LONG_REPLIES if long else 1)]
    team.rules(*rules)
    other = neighbor(server)
    with unread(server.address, "w", 2 if long else 20, reads=reads):
        wait_until(lambda: Scrape(server).value(ENDED, reason="response_not_taken"), "calls were ended", seconds=60)
    wait_until(lambda: is_answered(other), "a neighbor is answered")


def test_a_response_that_nobody_takes_is_ended(redis: RedisServer):
    """A call whose response is not taken after --response-timeout is ended, though memory is left, and counted."""
    options = ["--response-timeout", "1s", "--metrics-listen", "127.0.0.1:0"]
    with EvenhandServer(redis.url, options=options) as server:
        neighbor(server)
        with unread(server.address, "neighbor", 1, reads=True):
            wait_until(lambda: Scrape(server).value(ENDED, reason="response_not_taken"), "calls were ended")
        assert "calls ended: their response was not taken" in server.log()
