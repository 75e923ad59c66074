"""Every kind of key of a workspace, deleted alone: what calls are told, what the audit names, and what mends it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import grpc
import pytest
from evenhand.v1 import assignment_service_pb2 as api
from evenhand.v1 import roster_service_pb2 as roster_api
from grpc_status import rpc_status

from tests.support.builders import (
    ALREADY_ASSIGNED,
    ASSIGNED,
    CREATED,
    NO_AGENT_AVAILABLE,
    NO_RULE_MATCHED,
    ONLINE,
    OPENED,
    contact,
)
from tests.support.client import Workspace, read_status
from tests.support.lost_keys import PEOPLE, ROSTER, RULES, Lab
from tests.support.processes import EvenhandServer, RedisServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


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


CONTACTS = ("contact", "assign", "close", "merge", "list", "forget")
ALL = ("decide", "rules", "roster", "presence", "agents", "teams", *CONTACTS)
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
    Lost(":folded", "", "itself"),
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
    Lost(":aliases:*", "some of :aliases:", "repair"),
    Lost(":alias:*", "", "never"),
]


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
        "merge": lambda: workspace.merge(f"{contact}-old", contact),
        "list": lambda: next(workspace.pages(owner="ann")),
        "forget": lambda: workspace.forget(contact),
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
        assert workspace.opened(f"well-{at}", owner="CY").agent_id == "Cy"
    configured = lab.workspace.get_roster().roster
    assert [(one.id, one.name) for one in configured.agents] == [("ann", "Ann"), ("bob", ""), ("Cy", "")]
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


@pytest.mark.parametrize("key", ["", ":folded", ":numbers", ":aliases:*"])
def test_merged_contacts_owners_and_lists_are_told_as_before(key: str, lab: Lab):
    """Which ids are one contact, who is meant, and who owns what, is as before once the key is put back."""
    workspace = lab.workspace

    def listed() -> list[str]:
        return sorted(one.contact_id for page in workspace.pages(owner="ann") for one in page)

    before, owner = listed(), workspace.owner("c-3")
    lab.delete(key)
    if key in {"", ":aliases:*"}:
        assert lab.evenhand("audit", "--repair").exit_code == 0
    assert listed() == before
    assert workspace.owner("c-2") == owner
    assert workspace.opened("folded", owner="CY").agent_id == "Cy"
    assert workspace.merge("c-3", "c-4").merged
    assert workspace.opened("c-2").contact_id == "c-4", "taken along"
    assert workspace.forget("c-4")
    assert workspace.forget("c-0")
    with lab.redis.client() as client:
        left = {*client.scan_iter(f"evenhand:{{{lab.name}}}:*alias*")}
    assert left == set()


def test_nobody_excluded_is_chosen_where_numbers_are_lost(lab: Lab):
    """The author is not assigned what is to be reviewed, also where the service has to find out first who that is."""
    lab.workspace.online(*PEOPLE)
    lab.delete(":numbers")
    decisions = [lab.workspace.created(f"review-{at}", without=("ann", "Cy")) for at in range(3)]
    assert {one.agent_id for one in decisions} == {"bob"}


def test_a_view_in_which_all_are_excluded_is_none_that_is_lost(lab: Lab):
    """Nobody looks for lost views where all are excluded; where the view is lost the others are found at once."""
    workspace = lab.workspace
    workspace.online(*PEOPLE)
    assert workspace.created("c", without=PEOPLE).outcome == NO_AGENT_AVAILABLE
    with lab.redis.client() as client:
        assert not client.exists(f"evenhand:{{{lab.name}}}:checked")
    lab.delete(":view:*")
    assert workspace.created("review", without=("ann", "Cy")).agent_id == "bob"


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
    (lab.folder / "roster.yaml").write_text(ROSTER.replace("id: Cy", "id: dee"))
    assert lab.evenhand("apply", "roster.yaml").exit_code == 0
    assert {answered(each, "c")["decide"] for each in lab.replicas} == {"STATE_LOST"}
    (lab.folder / "roster.yaml").write_text(ROSTER)
    assert lab.evenhand("apply", "roster.yaml", "rules.yaml").exit_code == 0
    is_well(lab)
