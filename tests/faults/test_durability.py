"""What `--durability` promises: a change that is acknowledged is on a replica, or on disk, or the caller is told."""

from __future__ import annotations

import itertools
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING

import grpc
import pytest
from evenhand.v1 import assignment_service_pb2 as api

from tests.support import wants
from tests.support.builders import ALREADY_ASSIGNED, ASSIGNED, CREATED, contact, rule
from tests.support.client import Service, Workspace, refused
from tests.support.processes import RedisServer, free_port, redis_binaries, wait_until
from tests.support.replicas import LAG_S, Pair, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ACKNOWLEDGED = 10_000
BATCH = 250
CALLERS, BATCH_CALLERS = 60, 8
AGENTS = [f"agent-{number}" for number in range(7)]
REPLY = "Hello from $agent.name"


@pytest.fixture
def pair() -> Iterator[Pair]:
    """A master, and a replica that is 300 ms behind."""
    with ExitStack() as stack:
        yield Pair(stack)


class Acknowledged:
    """Callers, half of their contacts in batches, and what they were told: contact -> owner."""

    def __init__(self, workspace: Workspace, enough: int) -> None:
        self.owners: dict[str, str] = {}
        self._workspace = workspace
        self._names = itertools.count()
        self._enough = enough
        self._ended = threading.Event()
        self.reached = threading.Event()

    def call(self, contacts: int) -> None:
        """Report new contacts, so many at a time, until `end`, or until the service is gone."""
        while not self._ended.is_set():
            named = [f"c-{next(self._names)}" for _ in range(contacts)]
            try:
                if contacts == 1:
                    decisions = [self._workspace.created(named[0])]
                else:
                    asked = [api.EvaluateContactRequest(event_type=CREATED, contact=contact(one)) for one in named]
                    decisions = self._workspace.batch(asked)
            except grpc.RpcError:
                time.sleep(0.05)  # the master is gone
                continue
            assert {decision.outcome for decision in decisions} == {ASSIGNED}
            self.owners |= {name: one.agent_id for name, one in zip(named, decisions, strict=True)}
            if len(self.owners) >= self._enough:
                self.reached.set()

    def end(self) -> None:
        """Let callers end their last calls."""
        self._ended.set()


def lost_by_promotion(pair: Pair, durability: str, acknowledged: int) -> tuple[int, int]:
    """Kill the master under load after so many decisions, promote its replica; return how many of how many it lacks."""
    pair.attach()
    with serving(pair.master, durability) as (_, workspace), ThreadPoolExecutor(CALLERS + BATCH_CALLERS) as pool:
        workspace.roster(*AGENTS)
        workspace.rules(rule("r"))
        callers = Acknowledged(workspace, acknowledged)
        sizes = [1] * CALLERS + [BATCH] * BATCH_CALLERS
        calls = [pool.submit(callers.call, size) for size in sizes]
        try:
            assert callers.reached.wait(120), f"{len(callers.owners)} decisions after 2 minutes"
            pair.promote()
        finally:
            callers.end()
        for call in calls:
            call.result()
    told = list(callers.owners.items())
    kept: dict[str, str] = {}
    with serving(pair.replica, "acknowledged") as (_, workspace):
        if workspace.get_rules().revision == 0:
            return len(told), len(told)
        for at in range(0, len(told), 1000):
            names = [name for name, _ in told[at : at + 1000]]
            again = [api.EvaluateContactRequest(event_type=CREATED, contact=contact(name)) for name in names]
            kept |= {
                name: one.agent_id
                for name, one in zip(names, workspace.batch(again), strict=True)
                if one.outcome == ALREADY_ASSIGNED
            }
    return sum(kept.get(name) != owner for name, owner in told), len(told)


def test_no_decision_that_was_replicated_is_lost_by_a_promotion(pair: Pair):
    """10,000 decisions acknowledged, the master dies under load, its replica was 300 ms behind: it has all of them."""
    lost, told = lost_by_promotion(pair, "replicated", ACKNOWLEDGED)
    assert told >= ACKNOWLEDGED
    assert lost == 0


def test_decisions_that_were_only_acknowledged_may_be_lost_by_a_promotion(pair: Pair):
    """Without asking for more, what was decided in the last 300 ms is gone: the test above could find it."""
    lost, _ = lost_by_promotion(pair, "acknowledged", ACKNOWLEDGED // 10)
    assert lost > 0


def test_a_replica_that_does_not_confirm_is_told_and_its_return_is_enough(pair: Pair):
    """Without a replica a call fails, safe to repeat; the repeat is told the decision, reply and all.

    Once the replica is back all is well by itself.
    """
    pair.attach()
    with serving(pair.master, "replicated") as (server, workspace):
        workspace.roster(*AGENTS)
        workspace.rules(rule("r", reply=REPLY))
        pair.detach()
        for _ in range(2):  # the repeat is not told either, as long as nothing confirms it
            with refused("UNAVAILABLE") as said:
                workspace.created("c")
            assert said.reason == "NOT_DURABLE"
            assert "safe to repeat" in said.message
        with refused("UNAVAILABLE") as said:
            workspace.created("with-id", request_id="r-1")
        assert said.reason == "NOT_DURABLE"
        wait_until(lambda: server.health() == "NOT_SERVING", "the service says that it can confirm nothing", 5)
        pair.attach()
        wait_until(lambda: server.health() == "SERVING", "the service serves again", 5)
        told = workspace.created("c")
        assert (told.outcome, told.reply, told.replayed) == (ASSIGNED, f"Hello from {told.agent_id}", False)
        assert workspace.contact("c").decision.sequence == told.sequence
        again = workspace.created("c")
        assert (again.outcome, again.agent_id, again.reply) == (ALREADY_ASSIGNED, told.agent_id, "")
        replayed = workspace.created("with-id", request_id="r-1")
        assert (replayed.outcome, replayed.replayed) == (ASSIGNED, True)
        assert sum(workspace.open_counts().values()) == 2


def test_a_configuration_by_an_etag_is_read_again_before_it_is_repeated(pair: Pair):
    """Where it was not confirmed the message says to read the etag again; by that the repeat is taken, made or not.

    The etag of before would be refused where the change was made, since that has another one.
    """
    pair.attach()
    with serving(pair.master, "replicated") as (_, workspace):
        workspace.roster(*AGENTS)
        workspace.rules(rule("r"))
        etag = workspace.get_rules().etag
        pair.detach()
        with refused("UNAVAILABLE") as said:
            workspace.rules(rule("s"), etag=etag)
        assert said.reason == "NOT_DURABLE"
        assert "with an etag after reading that again" in said.message
        pair.attach()
        in_force = workspace.get_rules()
        assert ([one.id for one in in_force.rule_set.rules] == ["s"]) is (in_force.etag != etag)
        assert workspace.rules(rule("s"), etag=in_force.etag).revision == in_force.revision + 1


CHANGES = {
    "assign": lambda workspace: workspace.assign("c", AGENTS[1]),
    "unassign": lambda workspace: workspace.unassign("c"),
    "close": lambda workspace: workspace.close("c"),
    "presence": lambda workspace: workspace.online(AGENTS[0]),
    "rules": lambda workspace: workspace.rules(rule("s")),
    "roster": lambda workspace: workspace.roster(*AGENTS, "new"),
    "kept": lambda workspace: workspace.created("c"),
    "batch": lambda workspace: workspace.batch(
        [api.EvaluateContactRequest(event_type=CREATED, contact=contact("b"), request_id="b")]
    ),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_whatever_changes_state_waits_for_a_replica(change, pair: Pair):
    """No call that changes state is acknowledged before a replica has it; those that only read are not held up."""
    pair.attach()
    with serving(pair.master, "replicated") as (_, workspace):
        workspace.roster(*AGENTS)
        workspace.rules(rule("r"))
        workspace.created("c")
        begun = time.monotonic()
        change(workspace)
        assert time.monotonic() - begun >= LAG_S
        pair.detach()
        with refused("UNAVAILABLE") as said:
            change(workspace)
        assert said.reason == "NOT_DURABLE"
        begun = time.monotonic()
        workspace.contact("c")
        workspace.get_rules()
        workspace.get_roster()
        assert time.monotonic() - begun < LAG_S


def test_a_deadline_bounds_the_wait(pair: Pair):
    """A caller with 400 ms is told within them that nothing has confirmed its decision."""
    with serving(pair.master, "acknowledged") as (_, workspace):
        workspace.roster(*AGENTS)
        workspace.rules(rule("r"))
    with serving(pair.master, "replicated") as (server, _):
        service = Service(server.address)
        request = api.EvaluateContactRequest(workspace_id="w", event_type=CREATED, contact=contact("c"))
        with refused("UNAVAILABLE") as said:
            service.assignment.EvaluateContact(request, timeout=0.4)
        service.close()
        assert said.reason == "NOT_DURABLE"


def test_calls_that_only_read_do_not_wait_behind_those_that_wait(pair: Pair):
    """While changes wait for a replica that is gone, reads are answered as usual."""
    with serving(pair.master, "acknowledged") as (_, workspace):
        workspace.roster(*AGENTS)
        workspace.rules(rule("r"))
        workspace.created("c")
    with serving(pair.master, "replicated") as (_, workspace), ThreadPoolExecutor(8) as pool:

        def wait(number: int) -> None:
            with refused("UNAVAILABLE"):
                workspace.created(f"waits-{number}")

        waiting = [pool.submit(wait, number) for number in range(8)]
        while not all(one.done() for one in waiting):
            begun = time.monotonic()
            assert workspace.contact("c") is not None
            assert time.monotonic() - begun < LAG_S
        for one in waiting:
            one.result()


@pytest.mark.parametrize("fsync", ["always", "everysec"])
def test_decisions_that_were_fsynced_are_confirmed_by_the_disk(fsync: str):
    """With `fsynced` each change is confirmed by WAITAOF, whenever the file goes to disk, and survives kill -9."""
    redis = RedisServer(port=free_port(), persistent=True, options=("--appendfsync", fsync))
    with redis, serving(redis, "fsynced") as (_, workspace), redis.client() as client:
        workspace.roster(*AGENTS)
        workspace.rules(rule("r"))
        before = client.info("commandstats")["cmdstat_waitaof"]["calls"]
        owners = {name: workspace.created(name).agent_id for name in ("a", "b", "c")}
        assert client.info("commandstats")["cmdstat_waitaof"]["calls"] == before + 3
        redis.kill()
        redis.start()
        wait_until(lambda: _found(workspace, "a"), "the service is back")
        assert {name: workspace.created(name).agent_id for name in owners} == owners


def _found(workspace: Workspace, name: str) -> bool:
    try:
        return workspace.contact(name) is not None
    except grpc.RpcError:
        return False


def test_a_redis_without_a_file_is_told_until_it_has_one():
    """Without `appendonly`, `fsynced` serves nobody and the log says why; it follows when that is switched."""
    with RedisServer(port=free_port()) as redis, serving(redis, "fsynced") as (server, workspace):
        assert server.health() == "NOT_SERVING"
        assert "fsynced needs Redis 7.2 or newer with `appendonly yes`" in server.log()
        with refused("UNAVAILABLE") as said:
            workspace.roster(*AGENTS)
        assert said.reason == "REDIS_UNAVAILABLE"
        with redis.client() as client:
            client.config_set("appendonly", "yes")
            wait_until(lambda: server.health() == "SERVING", "the service serves")
            workspace.roster(*AGENTS)
            workspace.rules(rule("r"))
            client.config_set("appendonly", "no")
            with refused("UNAVAILABLE") as said:
                workspace.created("c")
            assert said.reason == "NOT_DURABLE"
            wait_until(lambda: server.health() == "NOT_SERVING", "the service says that it cannot serve")


@pytest.mark.parametrize("version", ["7.0", "6.2"])
def test_an_older_redis_is_refused_in_words(version: str):
    """A Redis without WAITAOF serves nobody with `fsynced`, and the log says what it takes."""
    binary: Path | None = redis_binaries().get(version)
    if binary is None:
        pytest.skip(wants.reason(f"no redis-server of version {version} here", wants.REDIS))
    with (
        RedisServer(binary, port=free_port(), persistent=True) as redis,
        serving(redis, "fsynced") as (server, workspace),
    ):
        assert server.health() == "NOT_SERVING"
        assert "fsynced needs Redis 7.2 or newer" in server.log()
        with refused("UNAVAILABLE") as said:
            workspace.roster(*AGENTS)
        assert said.reason == "REDIS_UNAVAILABLE"
