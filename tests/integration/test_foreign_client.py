"""The service as a client sees it that we did not write: buf's, which knows the contract by reflection only."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.processes import EvenhandServer

if TYPE_CHECKING:
    from collections.abc import Iterator

CURL = [Path(sys.executable).with_name("buf"), "curl", "--protocol", "grpc", "--http2-prior-knowledge"]


@pytest.fixture(scope="module")
def server() -> Iterator[EvenhandServer]:
    """A running service."""
    with EvenhandServer() as running:
        yield running


@pytest.mark.parametrize("version", ["grpc-v1", "grpc-v1alpha"])
def test_reflection_of_either_version_is_enough(server, version):
    """A client that knows only one version of the reflection service finds every method, and can call it."""
    told = subprocess.run(
        [*CURL, "--reflect-protocol", version, "--list-methods", f"http://{server.address}"],
        capture_output=True, text=True, check=True, timeout=30,
    ).stdout.split()  # fmt: skip
    assert "evenhand.v1.AssignmentService/EvaluateContact" in told
    assert "grpc.reflection.v1.ServerReflection/ServerReflectionInfo" in told
    read = call(server, "AssignmentService/GetRules", {"workspaceId": "nobody"}, "--reflect-protocol", version)
    assert read == {"ruleSet": {}, "etag": "0"}


def call(server: EvenhandServer, method: str, request: dict[str, Any], *options: str) -> dict[str, Any]:
    """Call a method with JSON; return the answer, or the error."""
    done = subprocess.run(
        [*CURL, f"http://{server.address}/evenhand.v1.{method}", "-d", json.dumps(request), *options],
        capture_output=True, text=True, check=False, timeout=30,
    )  # fmt: skip
    answer: dict[str, Any] = json.loads(done.stdout or done.stderr)
    return answer


def test_a_story_through_reflection(server):
    """Configure, evaluate, ask, close: all by field names, with JSON, and no file of ours."""
    roster = {
        "agents": [{"id": "ann", "name": "Ann"}, {"id": "bob"}],
        "teams": [{"id": "all", "agentIds": ["ann", "bob"]}],
    }
    assert call(server, "RosterService/ConfigureRoster", {"workspaceId": "w", "roster": roster})["etag"]
    rule = {
        "id": "vip",
        "trigger": "RULE_TRIGGER_TRAIT_OR_TAG_UPDATED",
        "condition": {"trait": {"key": "budget", "operator": "TRAIT_OPERATOR_GREATER", "values": [5000]}},
        "target": {"teamId": "all"},
        "reply": "Hello $contact.name, this is $agent.name.",
    }
    configured = call(server, "AssignmentService/ConfigureRules", {"workspaceId": "w", "ruleSet": {"rules": [rule]}})
    assert configured["revision"] == "1"
    contact = {"id": "c", "traits": {"budget": "9000", "name": "Zoe"}}
    event = {"workspaceId": "w", "eventType": "EVENT_TYPE_TRAIT_OR_TAG_UPDATED", "contact": contact, "requestId": "r"}
    decision = call(server, "AssignmentService/EvaluateContact", event)["decision"]
    assert int(decision["sequence"]) < 2**53  # what JavaScript's numbers hold
    assert decision | {"decideTime": "", "sequence": ""} == {
        "outcome": "OUTCOME_ASSIGNED",
        "agentId": "ann",
        "ruleId": "vip",
        "teamId": "all",
        "strategy": "STRATEGY_ROUND_ROBIN",
        "rulesRevision": "1",
        "sequence": "",
        "decideTime": "",
        "reply": "Hello Zoe, this is Ann.",
        "contactId": "c",
    }
    again = call(server, "AssignmentService/EvaluateContact", event)["decision"]
    assert again == decision | {"replayed": True}
    asked = {"workspaceId": "w", "contactId": "c"}
    assert call(server, "AssignmentService/GetContact", asked) == {
        "contactId": "c", "ownerId": "ann", "open": True, "decision": decision,
    }  # fmt: skip
    assert call(server, "AssignmentService/CloseContact", asked) == {"ownerId": "ann", "closed": True}


def test_an_error_is_a_standard_status(server):
    """A client without our code reads code, message and details of a refusal."""
    error = call(server, "AssignmentService/GetContact", {"workspaceId": "w", "contactId": "nobody"})
    assert (error["code"], error["message"]) == ("not_found", 'contact not found: "nobody"')
    assert [detail["type"] for detail in error["details"]] == ["google.rpc.ErrorInfo", "google.rpc.ResourceInfo"]
