"""What `--durability replicated` promises on a Redis Cluster, whose replicas take over by themselves."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import count
from typing import TYPE_CHECKING

import grpc
import pytest

from service.store import keys
from tests.support.builders import ASSIGNED, rule
from tests.support.client import Service, Workspace
from tests.support.processes import EvenhandServer, redis_binaries, wait_until
from tests.support.redis_cluster import RedisCluster

if TYPE_CHECKING:
    from tests.support.processes import RedisServer

pytestmark = pytest.mark.skipif("8.2" not in redis_binaries(), reason="no Redis 8.2 here")

BEHIND_S = 0.3
CALLERS = 8
ENOUGH = 500
SETTINGS = ("--cluster-node-timeout", "500", "--cluster-require-full-coverage", "no", "--repl-diskless-sync-delay", "0")
AGENTS = [f"agent-{number}" for number in range(7)]


def served_by(cluster: RedisCluster, master: RedisServer, service: Service) -> Workspace:
    """A workspace that is on this master."""
    names = (f"w{number}-{time.monotonic_ns()}" for number in count())
    name = next(name for name in names if cluster.owner(keys.root(name)) is master)
    workspace = Workspace(name, service)
    workspace.roster(*AGENTS)
    workspace.rules(rule("r"))
    return workspace


def leave_behind(cluster: RedisCluster, master: RedisServer) -> None:
    """Have the replicas of a master hear nothing more of it."""
    for node in cluster.nodes:
        if cluster.follows(node, master):
            cluster.ask(node, "CONFIG", "SET", "masterauth", "wrong")
    cluster.ask(master, "CLIENT", "KILL", "TYPE", "REPLICA")


def report(workspace: Workspace, caller: int, told: dict[str, str], ended: threading.Event) -> None:
    """Report one contact after the other, and note who was told to own it."""
    for number in count():
        name = f"c-{caller}-{number}"
        if ended.is_set():
            return
        try:
            decision = workspace.created(name)
        except grpc.RpcError as error:
            assert error.code() is grpc.StatusCode.UNAVAILABLE  # noqa: PT017 - every other code is a failure
            continue
        assert decision.outcome == ASSIGNED
        told[name] = decision.agent_id


def answers(workspace: Workspace) -> bool:
    """Whether somebody serves the workspace."""
    try:
        workspace.contact("none")
    except grpc.RpcError:
        return False
    return True


def test_nothing_that_was_replicated_is_lost_when_a_replica_takes_over() -> None:
    """A master dies whose replica is behind: of what was acknowledged as replicated nothing is lost.

    Beside it, of what was only acknowledged, something is: so it could be found.
    """
    with (
        RedisCluster(3, 1, SETTINGS) as cluster,
        EvenhandServer(cluster.urls[0], options=("--durability", "replicated")) as safe,
        EvenhandServer(cluster.urls[0], options=("--durability", "acknowledged")) as fast,
        closing(Service(safe.address)) as safely,
        closing(Service(fast.address)) as quickly,
        ThreadPoolExecutor(2 * CALLERS) as threads,
    ):
        doomed = cluster.nodes[1]
        workspaces = [served_by(cluster, doomed, service) for service in (safely, quickly)]
        told: list[dict[str, str]] = [{}, {}]
        ended = threading.Event()
        calls = [
            threads.submit(report, workspace, caller, told[at], ended)
            for at, workspace in enumerate(workspaces)
            for caller in range(CALLERS)
        ]
        try:
            wait_until(lambda: len(told[0]) >= ENOUGH, "enough is acknowledged")
            leave_behind(cluster, doomed)
            time.sleep(BEHIND_S)
            doomed.kill()
        finally:
            ended.set()
        for call in calls:
            call.result()
        for workspace, said in zip(workspaces, told, strict=True):
            wait_until(lambda workspace=workspace: answers(workspace), "the replica has taken over")
            lost = {name for name, owner in said.items() if workspace.owner(name) != owner}
            assert bool(lost) is (said is told[1]), f"{len(lost)} of {len(said)} lost"
