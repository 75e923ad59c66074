"""Attacks on memory: it has a bound, and others are answered as soon as the attack is over, if not before."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from socket import create_connection
from typing import TYPE_CHECKING

import grpc
import pytest
from evenhand.v1 import assignment_service_pb2 as api
from grpc_reflection.v1alpha import reflection_pb2  # type: ignore[import-untyped,unused-ignore]

from tests.support import builders as b
from tests.support.cgroup import bounded_memory
from tests.support.client import Service, Workspace, refused
from tests.support.flood import PREFACE, SETTINGS, frame
from tests.support.half_sent import half_sent
from tests.support.processes import EvenhandServer, RedisServer, wait_until
from tests.support.scrape import Scrape
from tests.support.unread import unread

if TYPE_CHECKING:
    from collections.abc import Iterator

BATCHES = 60
CONNECTIONS = 4
MEMORY_BYTES = 512 * 1024 * 1024
LONG_REPLIES = 1000
TAGS = 100
RULES = 10_000
WORKSPACES = 1000
READERS = 48
PAGE = 1000
IDLE = 2000
REFLECTION = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
SYMBOL = reflection_pb2.ServerReflectionRequest(file_containing_symbol="evenhand.v1.AssignmentService")
ENDED = "assignment_calls_ended_total"


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    """A Redis of one test."""
    with RedisServer() as server:
        yield server


@pytest.fixture
def server(redis: RedisServer, request: pytest.FixtureRequest) -> Iterator[EvenhandServer]:
    """A service that may hold half a gigabyte, and by the end of the test has never held more."""
    options = ["--metrics-listen", "127.0.0.1:0", "--response-timeout", "10s"]
    with EvenhandServer(redis.url, options=options) as server:
        with bounded_memory(server.pid, MEMORY_BYTES):
            yield server
            assert server.process is not None
            assert server.process.poll() is None, "it was killed: it held more than half a gigabyte"
            peak = server.peak_memory()
        print(f"VmHWM of {request.node.name}: {peak / 1024 / 1024:.0f} MiB")  # noqa: T201 - pytest -rP shows it
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
    with unread(server.address, api.GetRulesRequest(workspace_id="w"), 2 if long else 20, reads=reads):
        wait_until(lambda: Scrape(server).value(ENDED, reason="response_not_taken"), "calls were ended", seconds=60)
    wait_until(lambda: is_answered(other), "a neighbor is answered")


def test_a_response_that_nobody_takes_is_ended(redis: RedisServer):
    """A call whose response is not taken after --response-timeout is ended, though memory is left, and counted."""
    options = ["--response-timeout", "1s", "--metrics-listen", "127.0.0.1:0"]
    with EvenhandServer(redis.url, options=options) as server:
        neighbor(server)
        with unread(server.address, api.GetRulesRequest(workspace_id="neighbor"), 1, reads=True):
            wait_until(lambda: Scrape(server).value(ENDED, reason="response_not_taken"), "calls were ended")
        wait_until(lambda: "calls ended: their response was not taken" in server.log(), "the log says so")


def configure_most(redis: RedisServer, *names: str) -> None:
    """Configure the largest rule set, 10,000 rules of 100 tags each, in some workspaces, by another replica."""
    wanted = api.ConfigureRulesRequest()
    wanted.rule_set.rules.extend(
        b.rule(f"r{number}", when=b.tag(any_of=[f"t{number}-{tag}" for tag in range(TAGS)])) for number in range(RULES)
    )
    with EvenhandServer(redis.url) as other:
        service = Service(other.address)
        for name in names:
            Workspace(name, service).roster("a")
            wanted.workspace_id = name
            service.assignment.ConfigureRules(wanted, timeout=120)


def test_the_largest_rule_set_stays_within_half_a_gigabyte(redis: RedisServer, server: EvenhandServer):
    """A replica that reads 10,000 rules of 100 tags each anew finds the one that takes a contact."""
    configure_most(redis, "w")
    cold = Service(server.address)
    for tag in (f"t{RULES - 1}-7", "t5000-0"):  # at first it is read, then it is kept
        event = api.EvaluateContactRequest(
            workspace_id="w", event_type=b.CREATED, contact=b.contact(tag, tags=["x", tag])
        )
        decision = cold.assignment.EvaluateContact(event, timeout=60).decision
        assert decision.rule_id == f"r{tag[1:].split('-')[0]}"


def test_largest_rule_sets_read_by_many_at_once_stay_within_half_a_gigabyte(redis: RedisServer, server: EvenhandServer):
    """Of 48 calls at once that ask for a page of 10,000 rules of 100 tags each, in two workspaces, all are answered."""
    names = ["w", "v"]
    configure_most(redis, *names)
    connections = [Service(server.address) for _ in range(CONNECTIONS)]

    def read(number: int) -> int:
        asked = api.GetRulesRequest(workspace_id=names[number % len(names)], page_size=PAGE)
        return len(connections[number % CONNECTIONS].assignment.GetRules(asked, timeout=120).rule_set.rules)

    with ThreadPoolExecutor(READERS) as threads:
        assert set(threads.map(read, range(READERS))) == {PAGE}


def test_a_thousand_workspaces_stay_within_half_a_gigabyte(redis: RedisServer, server: EvenhandServer):
    """So many, each with 50 rules, are all decided for, twice."""
    rules = [b.rule(f"r{number}", when=b.tag(any_of=[f"t{number}", "vip"])) for number in range(50)]
    service = Service(server.address)
    with EvenhandServer(redis.url) as other:
        others = Service(other.address)
        for number in range(WORKSPACES):
            team = Workspace(f"w{number}", others)
            team.roster("a")
            team.rules(*rules)
    for each in range(2):
        for number in range(WORKSPACES):
            assert Workspace(f"w{number}", service).created(f"c{each}", tags=["vip"]).outcome == b.ASSIGNED


@pytest.mark.parametrize("asks", [True, False], ids=["not taken", "half-sent"])
def test_reflection_stays_within_half_a_gigabyte(server: EvenhandServer, *, asks: bool):
    """Twenty thousand calls of reflection that take no response, or four thousand that ask nothing, are ended."""
    other = neighbor(server)
    attack = (
        unread(server.address, SYMBOL, 20, reads=True, path=REFLECTION)
        if asks
        else half_sent(server.address, REFLECTION, 4000)
    )
    with attack:
        wait_until(lambda: Scrape(server).value(ENDED, reason="response_not_taken"), "calls were ended", seconds=60)
    wait_until(lambda: is_answered(other), "a neighbor is answered")


def test_idle_connections_stay_within_half_a_gigabyte(server: EvenhandServer):
    """Beside 2000 connections without a call a neighbor is answered."""
    other = neighbor(server)
    host, port = server.address.rsplit(":", 1)
    with ExitStack() as stack:
        for _ in range(IDLE):
            connection = stack.enter_context(create_connection((host, int(port)), timeout=5))
            connection.sendall(PREFACE + frame(SETTINGS, 0, 0, b""))
        assert other.created("c").outcome == b.ASSIGNED
