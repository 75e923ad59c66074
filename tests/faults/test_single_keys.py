"""Every kind of key of a workspace, deleted alone: what calls are told, what the audit names, and what mends it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

import grpc
import pytest
from evenhand.v1 import assignment_service_pb2 as api
from evenhand.v1 import roster_service_pb2 as roster_api
from grpc_status import rpc_status
from typer.testing import CliRunner

from service.cli.commands import app
from tests.support.builders import ALREADY_ASSIGNED, ASSIGNED, CREATED, NO_RULE_MATCHED, ONLINE, OPENED, contact
from tests.support.client import Service, Workspace, read_status
from tests.support.processes import EvenhandServer, RedisServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from click.testing import Result

ROSTER = (
    "agents: [{id: ann, name: Ann}, {id: bob}, {id: cy}]\nteams: [{id: sales, name: Sales, agent_ids: [ann, bob]}]\n"
)
RULES = """rules:
  - {id: r, trigger: RULE_TRIGGER_NEW_CONTACT_WHATSAPP_DM, target: {everyone: true}, online_only: true, reply: Hello}
"""
OPEN = 9
PEOPLE = ("ann", "bob", "cy")
UPDATE_AGENTS = roster_api.UpdateAgentsRequest(agents=[roster_api.Agent(id="ann", name="Ann")])
UPDATE_TEAMS = roster_api.UpdateTeamsRequest(
    teams=[roster_api.Team(id="sales", name="Sales", agent_ids=["ann", "bob"])]
)


class Lost(NamedTuple):
    """A key that is lost.

    Attributes:
        key: its suffix; a star stands for all keys of that kind.
        named: what the audit says of it; empty for nothing.
        mended: "apply", "repair", "itself" as soon as it is needed, or "never".
        refused: what is refused with STATE_LOST until then; empty for nothing.
    """

    key: str
    named: str
    mended: str
    refused: tuple[str, ...] = ()


ALL = ("decide", "rules", "roster", "contact", "assign", "close", "presence", "agents", "teams")
UPDATES = ("agents", "teams")
KEYS = [
    Lost("", "the workspace's hash", "apply", ALL),
    Lost("", "the workspace's hash", "repair", ALL),
    Lost(":rules", ":rules", "apply", ("rules", "teams")),
    Lost(":prepared", "", "itself"),
    Lost(":agents", ":agents", "apply", ("roster", *UPDATES)),
    Lost(":agents:order", ":agents:order", "apply", ("roster", *UPDATES)),
    Lost(":teams", ":teams", "apply", ("roster", *UPDATES)),
    Lost(":teams:order", ":teams:order", "apply", ("roster", *UPDATES)),
    Lost(":team:sales", ":team:", "apply", ("roster", *UPDATES)),
    Lost(":numbers", ":numbers", "repair"),
    Lost(":numbers", "", "itself"),
    Lost(":agent:2", "bob: state lost", "repair"),
    Lost(":emptied", "", "never"),
    Lost(":leases", ":leases", "repair"),
    Lost(":view:*", ":view:", "repair"),
    Lost(":view:*", "", "itself"),
    Lost(":open:*", "0 in the records", "repair"),
    Lost(":settled:*", "", "never"),
    Lost(":unmatched", "", "never"),
    Lost(":unassigned", "", "never"),
    Lost(":unknown", "", "never"),
    Lost(":reply:*", "", "never"),
    Lost(":replay:*", "", "never"),
]


class Lab:
    """A workspace with contacts of every kind, a replica that has decided for it, and one that has not."""

    def __init__(self, folder: Path, redis: RedisServer, *replicas: EvenhandServer) -> None:
        self.folder = folder
        self.redis = redis
        self.server = replicas[0]
        self.name = uuid4().hex
        self.replicas = [Workspace(self.name, Service(each.address)) for each in replicas]
        self.workspace = self.replicas[0]

    def fill(self) -> None:
        """Configure the workspace and have it decide."""
        assert self.evenhand("apply", "roster.yaml", "rules.yaml").exit_code == 0
        team = self.workspace
        team.created("early")
        team.online("ann", "bob")
        team.created("before")
        team.offline("ann", "bob")
        team.online("ann", "bob")
        team.online("cy", lease_ms=3_600_000)
        assert all(team.takes(*(f"c-{at}" for at in range(OPEN))))
        team.opened("owned", owner="somebody")
        team.close("c-0")
        team.created("nobody", source="elsewhere")
        for request_id in ("first", "second"):
            team.created("asked", request_id=request_id)
        self.delete(":checked")  # as a minute later

    def evenhand(self, command: str, *words: str) -> Result:
        """Run a command on the workspace."""
        state = ("audit", "accept-loss")
        where = ("--redis-url", self.redis.url) if command in state else ("--server", self.server.address)
        return CliRunner().invoke(app, [command, *words, "-w", self.name, *where])

    def delete(self, suffix: str) -> None:
        """Delete a key, or all of a kind."""
        name = f"evenhand:{{{self.name}}}{suffix}"
        with self.redis.client() as client:
            assert client.delete(*client.scan_iter(name) if suffix.endswith("*") else [name])


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[RedisServer, EvenhandServer, EvenhandServer]]:
    """A Redis, and two replicas on it."""
    with RedisServer() as redis, EvenhandServer(redis.url) as knowing, EvenhandServer(redis.url) as other:
        yield redis, knowing, other


@pytest.fixture
def lab(
    servers: tuple[RedisServer, EvenhandServer, EvenhandServer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Lab:
    """A filled workspace."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "roster.yaml").write_text(ROSTER)
    (tmp_path / "rules.yaml").write_text(RULES)
    lab = Lab(tmp_path, *servers)
    lab.fill()
    return lab


def answered(workspace: Workspace, contact: str) -> dict[str, str]:
    """What some calls are told: "" or the reason why they are refused."""
    calls: dict[str, Callable[[], Any]] = {
        "decide": lambda: workspace.created(contact),
        "rules": workspace.get_rules,
        "roster": workspace.get_roster,
        "contact": lambda: workspace.contact("c-1"),
        "assign": lambda: workspace.assign("c-1", "ann"),
        "close": lambda: workspace.close(contact),
        "presence": lambda: workspace.presence(ONLINE, "ann"),
        "agents": lambda: workspace.call("UpdateAgents", UPDATE_AGENTS),
        "teams": lambda: workspace.call("UpdateTeams", UPDATE_TEAMS),
    }
    return {name: _told(call) for name, call in calls.items()}


def _told(call: Callable[[], Any]) -> str:
    try:
        call()
    except grpc.RpcError as error:
        return read_status(rpc_status.from_call(error)).reason
    return ""


def is_well(lab: Lab) -> None:
    """Both replicas answer everything, and choose everybody; roster, rules and counts are as they should be."""
    for at, workspace in enumerate(lab.replicas):
        workspace.online(*PEOPLE)
        assert set(answered(workspace, f"well-{at}").values()) == {""}
        assert {*workspace.takes(*(f"well-{at}-{n}" for n in range(9)))} == {*PEOPLE}
    configured = lab.workspace.get_roster().roster
    assert [(one.id, one.name) for one in configured.agents] == [("ann", "Ann"), ("bob", ""), ("cy", "")]
    assert [(one.id, one.name, [*one.agent_ids]) for one in configured.teams] == [("sales", "Sales", ["ann", "bob"])]
    assert lab.workspace.get_rules().rule_set.rules[0].id == "r"
    said = lab.evenhand("audit")
    assert (said.exit_code, said.stderr) == (0, ""), said
    again = lab.evenhand("apply", "roster.yaml", "rules.yaml")
    assert (again.exit_code, again.stdout.count(f"is what {lab.name} has already")) == (0, 2), again


@pytest.mark.parametrize("lost", KEYS, ids=lambda lost: f"{lost.key or 'root'} {lost.mended}")
def test_a_lost_key_is_named_and_mended(lost: Lost, lab: Lab):
    """Calls are answered truly, or STATE_LOST; the audit names the key, and its cure heals all."""
    lab.delete(lost.key)
    if lost.named:
        said = lab.evenhand("audit")
        assert (said.exit_code, said.stderr) == (1, "")
        assert lost.named in said.stdout
    for at, workspace in enumerate(lab.replicas):
        told = answered(workspace, f"meanwhile-{at}")
        assert {name for name, reason in told.items() if reason} == {*lost.refused}
        assert {reason for reason in told.values() if reason} <= {"STATE_LOST"}
    if lost.mended == "apply":
        said = lab.evenhand("apply", "roster.yaml", "rules.yaml")
        assert (said.exit_code, said.stderr) == (0, ""), said
        assert said.stdout.count(f"is what {lab.name} has already") < 2
    if lost.mended == "repair":
        said = lab.evenhand("audit", "--repair")
        assert (said.exit_code, said.stderr) == (0, ""), said
    is_well(lab)


@pytest.mark.parametrize("key", [":view:*", ":numbers"])
def test_decisions_put_back_what_they_need(key: str, lab: Lab):
    """Where views or numbers are lost, the very next decisions choose and name as before, in a batch, too."""
    lab.delete(key)
    requests = [
        api.EvaluateContactRequest(event_type=CREATED, contact=contact("new-1")),
        api.EvaluateContactRequest(event_type=OPENED, contact=contact("new-2", owner="bob")),
        api.EvaluateContactRequest(event_type=CREATED, contact=contact("new-3")),
    ]
    before = lab.workspace.open_counts() if key == ":view:*" else None
    decisions = lab.workspace.batch(requests)
    assert [one.outcome for one in decisions] == [ASSIGNED, ALREADY_ASSIGNED, ASSIGNED]
    assert not any(one.replayed for one in decisions)
    assert before is None or sum(lab.workspace.open_counts().values()) == sum(before.values()) + 3
    is_well(lab)


def test_a_lost_loss_can_be_accepted(lab: Lab):
    """`accept-loss` where the hash is lost: a workspace without rules, in which `apply` puts them in force anew."""
    lab.delete("")
    assert lab.evenhand("accept-loss").exit_code == 0
    assert lab.workspace.created("c").outcome == NO_RULE_MATCHED
    said = lab.evenhand("apply", "roster.yaml", "rules.yaml")
    assert "rules: applied, revision 1" in said.stdout
    is_well(lab)


def test_a_plan_that_is_lost_half_way_is_named_and_mended(lab: Lab):
    """Where a configuration was not built to its end the roster is not told as if it were; `apply` puts it in place."""
    with lab.redis.client() as client:
        client.hset(f"evenhand:{{{lab.name}}}", "building", 1)
    assert lab.workspace.created("meanwhile").outcome == ASSIGNED
    assert answered(lab.workspace, "meanwhile")["roster"] == "STATE_LOST"
    assert "configuration was lost half-way" in lab.evenhand("audit").stdout
    assert lab.evenhand("apply", "roster.yaml", "rules.yaml").exit_code == 0
    is_well(lab)


def test_a_roster_without_its_rules_decides_nothing(lab: Lab):
    """Where the rule set is lost and a roster is applied alone, no replica decides by what it has kept of the rules."""
    lab.delete(":rules")
    assert lab.evenhand("apply", "roster.yaml").exit_code == 0
    (lab.folder / "roster.yaml").write_text(ROSTER.replace("id: cy", "id: dee"))
    assert lab.evenhand("apply", "roster.yaml").exit_code == 0
    assert {answered(each, "c")["decide"] for each in lab.replicas} == {"STATE_LOST"}
    (lab.folder / "roster.yaml").write_text(ROSTER)
    assert lab.evenhand("apply", "roster.yaml", "rules.yaml").exit_code == 0
    is_well(lab)
