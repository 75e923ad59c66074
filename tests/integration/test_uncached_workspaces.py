"""Many workspaces that a replica has not cached, all at once: their rules are read, and they are decided, together."""

from __future__ import annotations

import random
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import grpc
import pytest

from tests.support.builders import ASSIGNED, NO_AGENT_AVAILABLE, ON_CREATED, rule
from tests.support.client import Workspace, refused

if TYPE_CHECKING:
    from tests.support.backends import Backend

WORKSPACES = 40
CONTACTS = 6
THREADS = 16


def seen_by(replica: int, workspace: Workspace, backend: Backend) -> Workspace:
    """The same workspace, as another replica serves it."""
    return Workspace(workspace.id, backend.service(replica))


@pytest.mark.every_redis
def test_each_is_decided_by_its_own_rules(backend: Backend):
    """Every contact gets an agent of its own workspace, in exact shares, and wrong requests among them are refused."""
    workspaces = [Workspace(uuid.uuid4().hex, backend.service()) for _ in range(WORKSPACES)]
    for number, workspace in enumerate(workspaces):
        workspace.roster(*(f"{agent}-{number}" for agent in "abc"))
        workspace.rules(rule(f"rule-{number}"))
    elsewhere = [seen_by(1, workspace, backend) for workspace in workspaces]
    calls = [(number, at) for number in range(WORKSPACES) for at in range(CONTACTS + 1)]
    random.Random(7).shuffle(calls)

    def create(call: tuple[int, int]) -> None:
        number, at = call
        if at == CONTACTS:
            with refused("INVALID_ARGUMENT") as said:
                elsewhere[number].created("")
            assert list(said.violations) == ["contact.id"]
            return
        decision = elsewhere[number].created(f"c-{at}")
        assert decision.outcome == ASSIGNED
        assert decision.rule_id == f"rule-{number}"
        assert decision.agent_id.endswith(f"-{number}")

    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(create, calls))
    for number, workspace in enumerate(workspaces):
        share = CONTACTS // 3
        assert workspace.open_counts() == {f"{agent}-{number}": share for agent in "abc"}
        assert sorted(workspace.owner(f"c-{at}") for at in range(CONTACTS)) == sorted(
            share * list(workspace.open_counts())
        )


@pytest.mark.every_redis
def test_leases_that_have_ended_are_seen(backend: Backend):
    """Also the first decision that a replica makes for a workspace knows whose presence has ended meanwhile."""
    workspaces = [Workspace(uuid.uuid4().hex, backend.service()) for _ in range(THREADS)]
    for number, workspace in enumerate(workspaces):
        workspace.roster("ann")
        workspace.rules(rule("r", on=ON_CREATED, online_only=True))
        workspace.online("ann", lease_ms=20 if number % 2 else 600_000)
    time.sleep(0.1)

    def outcome(workspace: Workspace) -> int:
        return seen_by(1, workspace, backend).created("c").outcome

    with ThreadPoolExecutor(THREADS) as threads:
        outcomes = list(threads.map(outcome, workspaces))
    assert outcomes == [NO_AGENT_AVAILABLE if number % 2 else ASSIGNED for number in range(THREADS)]


def test_an_unknown_workspace_has_no_rules(backend: Backend):
    """A workspace that nobody configured matches nothing, and one without an id is refused, also among others."""
    nobody = [Workspace(uuid.uuid4().hex, backend.service()) for _ in range(THREADS)]
    with ThreadPoolExecutor(THREADS) as threads:
        outcomes = set(threads.map(lambda workspace: workspace.created("c").outcome, nobody))
    assert len(outcomes) == 1
    assert ASSIGNED not in outcomes
    with pytest.raises(grpc.RpcError):
        Workspace("", backend.service()).created("c")
