"""The audit trail: a line for each change by hand, with who made it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from evenhand.v1 import assignment_service_pb2 as api
from evenhand.v1 import roster_service_pb2 as roster_api
from evenhand.v1.assignment_service_pb2_grpc import AssignmentServiceStub
from evenhand.v1.roster_service_pb2_grpc import RosterServiceStub
from evenhand.v1.rules_pb2 import RuleSet

from tests.support import builders as b
from tests.support.certificates import Authority
from tests.support.processes import EvenhandServer, RedisServer, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

QUIET = ["--log-format", "json", "--log-level", "error"]
"""A log in which only the trail is of interest."""


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    """One Redis for all services here."""
    with RedisServer() as started:
        yield started


def change_all(channel: grpc.Channel, workspace: str) -> None:
    """Change whatever is changed by hand, and try what changes nothing."""
    roster, assignment = RosterServiceStub(channel), AssignmentServiceStub(channel)
    agents = [roster_api.Agent(id=each) for each in ("ann", "bob")]
    roster.ConfigureRoster(
        roster_api.ConfigureRosterRequest(workspace_id=workspace, roster=roster_api.Roster(agents=agents)), timeout=20
    )
    rules = RuleSet(rules=[b.rule("one")])
    for validate_only in (True, False):
        assignment.ConfigureRules(
            api.ConfigureRulesRequest(workspace_id=workspace, rule_set=rules, validate_only=validate_only), timeout=20
        )
    roster.UpdateAgents(
        roster_api.UpdateAgentsRequest(workspace_id=workspace, agents=[roster_api.Agent(id="cy")]), timeout=20
    )
    roster.RemoveAgents(roster_api.RemoveAgentsRequest(workspace_id=workspace, agent_ids=["cy"]), timeout=20)
    for agent in ("ann", "bob", "bob"):
        assignment.AssignContact(
            api.AssignContactRequest(workspace_id=workspace, contact_id="c", agent_id=agent), timeout=20
        )
    for _ in range(2):
        assignment.UnassignContact(api.UnassignContactRequest(workspace_id=workspace, contact_id="c"), timeout=20)
    for _ in range(2):
        assignment.MergeContacts(
            api.MergeContactsRequest(workspace_id=workspace, from_contact_id="c", into_contact_id="d"), timeout=20
        )
    for _ in range(2):
        assignment.ForgetContact(api.ForgetContactRequest(workspace_id=workspace, contact_id="c"), timeout=20)
    with pytest.raises(grpc.RpcError):
        assignment.AssignContact(
            api.AssignContactRequest(workspace_id=workspace, contact_id="c", agent_id="nobody"), timeout=20
        )


def trail(server: EvenhandServer, workspace: str) -> list[dict[str, Any]]:
    """Return the trail of a workspace, once its last change is there."""
    lines: list[dict[str, Any]] = []

    def whole() -> bool:
        lines[:] = [json.loads(line) for line in server.log().splitlines() if '"changed"' in line]
        lines[:] = [line for line in lines if line["workspace"] == workspace]
        return bool(lines) and lines[-1]["what"] == "forget"

    wait_until(whole, "the last change is in the trail")
    return lines


def test_every_change_is_one_line(redis: RedisServer) -> None:
    """Rules, roster, owner, merges, erasures: what was before and after, from where; nothing where nothing changed."""
    with EvenhandServer(redis.url, options=QUIET) as server:
        change_all(server.channel(), "w")
        lines = trail(server, "w")
    assert [(line["what"], line.get("before"), line.get("after")) for line in lines] == [
        ("roster", 0, 1),
        ("rules", 0, 1),
        ("roster", 1, 2),
        ("roster", 2, 3),
        ("owner", None, "ann"),
        ("owner", "ann", "bob"),
        ("owner", "bob", None),
        ("merge", None, None),
        ("forget", None, None),
    ]
    assert [(line["contact"], line.get("into")) for line in lines[-2:]] == [("c", "d"), ("c", None)]
    assert all(line["peer"].startswith("ipv4:127.0.0.1:") for line in lines)
    assert all("who" not in line for line in lines)
    assert [line["contact"] for line in lines if line["what"] == "owner"] == ["c"] * 3


def test_a_certificate_says_who(redis: RedisServer, tmp_path: Path) -> None:
    """Among callers with certificates each line has the names in the certificate of its caller."""
    authority = Authority(tmp_path / "authority")
    options = [*QUIET, *authority.issue("server").options(), "--tls-client-ca", str(authority.file)]
    with EvenhandServer(redis.url, options=options) as server:
        own = authority.issue("caller", "ops@example.com", "ops.example.com")
        with authority.channel(server.address, own) as channel:
            change_all(channel, "certified")
        lines = trail(server, "certified")
    assert len(lines) == 9
    assert {line["who"] for line in lines} == {"ops@example.com, ops.example.com"}
