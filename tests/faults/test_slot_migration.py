"""Slots of a Redis Cluster move under load: no workspace is decided in two halves, and no call fails as INTERNAL."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from uuid import uuid4

import grpc
import pytest
from evenhand.v1 import assignment_service_pb2 as api
from redis.crc import REDIS_CLUSTER_HASH_SLOTS as SLOTS
from redis.crc import key_slot
from typer.testing import CliRunner

from service.cli.commands import app
from service.redis_client.cluster import Cluster
from service.store import keys
from tests.support.builders import ASSIGNED, CREATED, contact, rule
from tests.support.client import Service, Workspace
from tests.support.processes import EvenhandServer, redis_binaries
from tests.support.redis_cluster import RedisCluster

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif("8.2" not in redis_binaries(), reason="no Redis 8.2 here")

CALLERS = 6
AGENTS = ("ann", "bob", "cy")
REDIS_TIMEOUT_S = 1.0
# A contact that waits longer than all moves together take will never be decided.
LONGEST_S = 20.0


@pytest.fixture(scope="module")
def cluster() -> Iterator[RedisCluster]:
    """Three masters."""
    with RedisCluster(3) as started:
        yield started


@pytest.fixture(scope="module")
def service(cluster: RedisCluster) -> Iterator[Service]:
    """A service on them."""
    with EvenhandServer(cluster.urls[0], options=("--redis-timeout", f"{REDIS_TIMEOUT_S}s")) as server:
        made = Service(server.address)
        yield made
        made.close()


@pytest.fixture
def team(service: Service) -> Workspace:
    """Three agents who take everyone in turn."""
    workspace = Workspace(uuid4().hex, service)
    workspace.roster(*AGENTS)
    workspace.rules(rule("everyone"))
    return workspace


def other_master(cluster: RedisCluster, key: bytes, turn: int) -> tuple[object, object]:
    """The master that has the key, and one of the others."""
    source = cluster.owner(key)
    return source, [node for node in cluster.nodes if node is not source][turn % 2]


@pytest.mark.parametrize(("moves", "pause_s"), [(8, 0.0), (3, 0.004)])
def test_calls_wait_while_the_slot_of_their_workspace_moves(
    cluster: RedisCluster, team: Workspace, moves: int, pause_s: float
) -> None:
    """Moves under six callers: all contacts are decided, none twice, in exact turns; at worst UNAVAILABLE."""
    over = False

    def report(caller: int) -> list[tuple[str, str]]:
        seen = []
        for count in range(1_000_000):
            if over:
                break
            name = f"{caller}-{count}"
            latest = time.monotonic() + LONGEST_S
            while True:
                try:
                    decision = team.created(name, request_id=name)
                except grpc.RpcError as error:
                    if time.monotonic() > latest:
                        raise
                    seen.append(("", error.code().name))
                    time.sleep(0.05)
                    continue
                assert decision.outcome == ASSIGNED
                seen.append((decision.agent_id, "OK"))
                break
        return seen

    root = keys.root(team.id)
    with ThreadPoolExecutor(CALLERS) as pool:
        callers = [pool.submit(report, number) for number in range(CALLERS)]
        try:
            for turn in range(moves):
                source, target = other_master(cluster, root, turn)
                cluster.move(key_slot(root), source, target, pause_s)
                time.sleep(0.1)
        finally:
            over = True
        seen = [one for caller in callers for one in caller.result()]
    codes = Counter(code for _, code in seen)
    assert codes.keys() <= {"OK", "UNAVAILABLE"}, codes
    held = Counter(agent for agent, code in seen if code == "OK")
    assert max(held.values()) - min(held.values()) <= 1, held
    assert team.open_counts() == dict(held)
    ended = CliRunner().invoke(app, ["audit", "--workspace", team.id, "--redis-url", cluster.urls[0]])
    assert ended.exit_code == 0, ended.output


def test_a_half_moved_workspace_is_not_decided_on_either_half(cluster: RedisCluster, team: Workspace) -> None:
    """A slot that stays in two places: calls are UNAVAILABLE, at first after a wait, and nothing is decided anew."""
    first = team.created("c", request_id="r")
    root = keys.root(team.id)
    source, target = other_master(cluster, root, 0)
    slot = key_slot(root)
    with source.client() as giving, target.client() as taking:
        taking.execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", cluster.id(source))
        giving.execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", cluster.id(target))
        giving.execute_command("MIGRATE", "127.0.0.1", target.port, "", 0, 5000, "KEYS", root)
        took = []
        for _ in range(3):
            begun = time.monotonic()
            with pytest.raises(grpc.RpcError) as failed:
                team.created("c", request_id="r")
            assert failed.value.code() == grpc.StatusCode.UNAVAILABLE
            took.append(time.monotonic() - begun)
        assert took[0] > REDIS_TIMEOUT_S / 2
        assert max(took[1:]) < 0.2, "who comes later waits no more"
    cluster.move(slot, source, target)
    again = team.created("c", request_id="r")
    assert (again.agent_id, again.replayed) == (first.agent_id, True)
    assert sum(team.open_counts().values()) == 1


def test_a_short_deadline_ends_the_wait(cluster: RedisCluster, service: Service, team: Workspace) -> None:
    """A call of 200 ms whose slot moves is refused when its time is over."""
    team.created("c")
    root = keys.root(team.id)
    source, target = other_master(cluster, root, 0)
    slot = key_slot(root)
    with source.client() as giving, target.client() as taking:
        taking.execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", cluster.id(source))
        giving.execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", cluster.id(target))
        request = api.EvaluateContactRequest(workspace_id=team.id, event_type=CREATED, contact=contact("d"))
        begun = time.monotonic()
        with pytest.raises(grpc.RpcError) as failed:
            service.assignment.EvaluateContact(request, timeout=0.2)
        assert time.monotonic() - begun < 0.3
        assert failed.value.code() in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}
    cluster.move(slot, source, target)
    assert team.created("d").outcome == ASSIGNED


def test_a_master_without_our_functions_serves_a_slot_that_came(cluster: RedisCluster, team: Workspace) -> None:
    """A slot that has moved to a master which has forgotten our functions is served there at the first call."""
    root = keys.root(team.id)
    source, target = other_master(cluster, root, 0)
    with target.client() as taking:
        taking.function_flush()
    cluster.move(key_slot(root), source, target)
    assert team.created("c").outcome == ASSIGNED


def test_a_server_that_holds_no_slots_is_connected_to_no_more(cluster: RedisCluster) -> None:
    """Once calls under way to it have ended, its connections are closed: addresses that come and go pile nothing up."""
    timeout_s = 0.05
    router = Cluster(cluster.urls[0], timeout_s, lambda _: None, None)
    staying, *_ = cluster.nodes
    all_slots = [[0, SLOTS - 1, [b"127.0.0.1", staying.port]]]
    router._adopt("127.0.0.1", all_slots)
    assert len(router._endpoints) == len(cluster.nodes)
    time.sleep(11 * timeout_s)
    router._adopt("127.0.0.1", all_slots)
    assert list(router._endpoints) == [("127.0.0.1", staying.port)]
    assert router.masters()[0].call((b"PING",)) in {b"PONG", "PONG"}
    router.close()
