"""Changing some of a roster: UpdateAgents, UpdateTeams and RemoveAgents, as roster_service.proto describes them."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from evenhand.v1 import roster_service_pb2 as pb

from service.store.values import revision_of
from tests.support.builders import OFFLINE, ONLINE, agent, agents, roster, rule, tag, team
from tests.support.client import Workspace, refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.backends import Backend


def update_agents(workspace: Workspace, *some: str | pb.Agent, **fields: Any) -> pb.UpdateAgentsResponse:
    """Add or change agents, plain ids or messages."""
    return workspace.call("UpdateAgents", pb.UpdateAgentsRequest(agents=roster(*some).agents, **fields))


def remove_agents(workspace: Workspace, *ids: str, **fields: Any) -> pb.RemoveAgentsResponse:
    """Remove agents."""
    return workspace.call("RemoveAgents", pb.RemoveAgentsRequest(agent_ids=ids, **fields))


def update_teams(workspace: Workspace, *remove: str, etag: str = "", validate_only: bool = False, **teams: Any) -> Any:
    """Add, change or remove teams."""
    request = pb.UpdateTeamsRequest(
        teams=roster(**teams).teams, remove_team_ids=remove, etag=etag, validate_only=validate_only
    )
    return workspace.call("UpdateTeams", request)


def shape(workspace: Workspace) -> tuple[list[str], dict[str, list[str]]]:
    """Who stands in the roster and its teams, in order."""
    found = workspace.get_roster().roster
    return [one.id for one in found.agents], {one.id: list(one.agent_ids) for one in found.teams}


def test_an_update_changes_some_agents_and_keeps_the_rest(workspace: Workspace):
    """Who is there keeps place, presence and open contacts; who is new stands at the end and is OFFLINE."""
    before = workspace.roster("a", "b", "c", sales=["c", "a"])
    workspace.rules(rule("all"))
    workspace.online("b")
    workspace.takes("one", "two", "three")
    response = update_agents(workspace, agent("b", name="Bee", weight=3), "d")
    assert [(one.id, one.name, one.weight, one.presence, one.open_contact_count) for one in response.agents] == [
        ("b", "Bee", 3, ONLINE, 1),
        ("d", "", 0, OFFLINE, 0),
    ]
    assert revision_of(response.etag) == revision_of(before.etag) + 1
    assert workspace.get_roster().etag == response.etag
    assert shape(workspace) == (["a", "b", "c", "d"], {"sales": ["c", "a"]})
    assert workspace.takes("four") == ["d"], "who is new stands level with the least, and has waited longest"


def test_removed_agents_leave_their_teams_and_keep_their_contacts(workspace: Workspace):
    """Nobody but the removed changes; that they own open contacts, and leave rules without agents, is a warning."""
    workspace.roster("a", "b", "c", sales=["c", "b", "a"], other=["b"])
    workspace.rules(rule("list", to=agents("b", "c")), rule("team", to=team("other")), rule("all"))
    assert workspace.takes("one") == ["b"]
    response = remove_agents(workspace, "b")
    assert {warning.reason for warning in response.warnings} == {
        "UNKNOWN_AGENT",
        "EMPTY_TEAM",
        "OPEN_CONTACTS_LEFT_BEHIND",
    }
    assert shape(workspace) == (["a", "c"], {"sales": ["c", "a"], "other": []})
    assert workspace.owner("one") == "b"
    assert workspace.takes("two", "three") == ["c", "c"]
    update_agents(workspace, "b")
    assert shape(workspace) == (["a", "c", "b"], {"sales": ["c", "a"], "other": []})
    assert workspace.takes("four") == ["b"], "the list names b again, who starts anew"


def test_teams_are_added_changed_and_removed(workspace: Workspace):
    """Each team given is afterwards as given, in its place; a team that a rule names and that is gone is a warning."""
    workspace.roster("a", "b", "c", x=["a", "b"], y=["c"], z=[])
    workspace.rules(rule("x", to=team("x")))
    assert workspace.takes("1") == ["a"]
    response = update_teams(workspace, "z", x=["c", "b", "a"], w=["a"])
    assert [(one.id, list(one.agent_ids)) for one in response.teams] == [("x", ["c", "b", "a"]), ("w", ["a"])]
    assert not response.warnings
    assert shape(workspace)[1] == {"x": ["c", "b", "a"], "y": ["c"], "w": ["a"]}
    assert workspace.takes("2", "3", "4") == ["c", "b", "a"], "a keeps its turn"
    assert [one.reason for one in update_teams(workspace, "x").warnings] == ["UNKNOWN_TEAM"]
    assert shape(workspace)[1] == {"y": ["c"], "w": ["a"]}
    assert workspace.takes("5") == [""]
    assert [one.reason for one in update_teams(workspace, x=[]).warnings] == ["EMPTY_TEAM"]


def test_every_wrong_field_is_named_and_nothing_changes(workspace: Workspace):
    """All violations at once, by path; an unknown agent or team to remove is NOT_FOUND."""
    etag = workspace.roster("a", "b", x=["a"]).etag
    with refused("INVALID_ARGUMENT") as refusal:
        update_agents(workspace, agent("c"), agent("c", weight=-1), agent(""), agent("d", max_open_contacts=-1))
    assert refusal.fields == {"agents[1].id", "agents[1].weight", "agents[2].id", "agents[3].max_open_contacts"}
    with refused("INVALID_ARGUMENT") as refusal:
        update_teams(workspace, "x", "", "x", x=["a", "nobody", "a"])
    assert refusal.fields == {
        "teams[0].agent_ids[1]",
        "teams[0].agent_ids[2]",
        "remove_team_ids[0]",
        "remove_team_ids[1]",
        "remove_team_ids[2]",
    }
    for call, request, field in (
        ("UpdateAgents", pb.UpdateAgentsRequest(), "agents"),
        ("RemoveAgents", pb.RemoveAgentsRequest(), "agent_ids"),
        ("UpdateTeams", pb.UpdateTeamsRequest(), "teams"),
    ):
        with refused("INVALID_ARGUMENT") as refusal:
            workspace.call(call, request)
        assert refusal.fields == {field}
    with refused("NOT_FOUND") as refusal:
        remove_agents(workspace, "a", "b", "nobody")
    assert refusal.resources == [("agent", "nobody")]
    with refused("NOT_FOUND") as refusal:
        update_teams(workspace, "none", x=[])
    assert refusal.resources == [("team", "none")]
    assert workspace.get_roster().etag == etag
    assert shape(workspace) == (["a", "b"], {"x": ["a"]})


def test_an_update_keeps_the_limits_of_the_roster(workspace: Workspace):
    """What would bring the roster past a limit is refused, however little the update itself is."""
    ids = [f"agent-{number}" for number in range(1000)]
    workspace.roster(*ids, **{f"team-{number}": ids[:99] for number in range(999)})
    for number in range(1, 10):
        update_agents(workspace, *(f"more-{number}-{each}" for each in range(1000)))
    with refused("INVALID_ARGUMENT") as refusal:
        update_agents(workspace, "agent-0", "one-too-many")
    assert refusal.fields == {"agents"}
    update_agents(workspace, "agent-0")
    update_teams(workspace, last=ids)
    with refused("INVALID_ARGUMENT") as refusal:
        update_teams(workspace, first=[])
    assert refusal.fields == {"teams"}
    with refused("INVALID_ARGUMENT") as refusal:
        update_teams(workspace, "team-1", last=ids, new=ids[:200])
    assert refusal.fields == {"teams[1].agent_ids"}
    update_teams(workspace, "team-1", last=ids, new=ids[:198])
    remove_agents(workspace, "agent-7")  # who had a place in each of the 1000 teams
    full = [*ids[:7], *ids[8:198], *(f"more-1-{each}" for each in range(1000))]
    with refused("INVALID_ARGUMENT"):
        update_teams(workspace, new=[*full, "more-2-0"])
    update_teams(workspace, new=full)


def test_validate_only_changes_nothing(workspace: Workspace):
    """The answer is as if updated, with the etag in force."""
    etag = workspace.roster("a", "b", x=["a"]).etag
    workspace.rules(rule("x", to=team("x")))
    assert update_agents(workspace, "c", validate_only=True).etag == etag
    removed = remove_agents(workspace, "a", validate_only=True)
    assert (removed.etag, [one.reason for one in removed.warnings]) == (etag, ["EMPTY_TEAM"])
    assert update_teams(workspace, "x", validate_only=True).etag == etag
    assert shape(workspace) == (["a", "b"], {"x": ["a"]})


def test_a_lost_etag_aborts_and_changes_nothing(workspace: Workspace):
    """An update prepared on an earlier roster is refused."""
    etag = workspace.roster("a", x=[]).etag
    update_agents(workspace, "b", etag=etag)
    for change in (
        lambda: update_agents(workspace, "c", etag=etag),
        lambda: remove_agents(workspace, "a", etag=etag),
        lambda: update_teams(workspace, "x", etag=etag),
    ):
        with refused("ABORTED") as refusal:
            change()
        assert refusal.reason == "ETAG_MISMATCH"
    assert shape(workspace) == (["a", "b"], {"x": []})


def test_concurrent_updates_are_all_there(workspace: Workspace):
    """Of updates at the same time none is lost, with or without etag, and each gets a revision of its own."""
    first = revision_of(workspace.roster("a").etag)

    def count_up(number: int) -> list[int]:
        revisions = [revision_of(update_agents(workspace, f"own-{number}-{each}").etag) for each in range(5)]
        while len(revisions) < 10:
            found = workspace.get_roster()
            (one,) = [each for each in found.roster.agents if each.id == "a"]
            changed = agent("a", max_open_contacts=one.max_open_contacts + 1)
            try:
                revisions.append(revision_of(update_agents(workspace, changed, etag=found.etag).etag))
            except grpc.RpcError as error:
                if error.code() is not grpc.StatusCode.ABORTED:
                    raise
        return revisions

    with ThreadPoolExecutor(8) as pool:
        revisions = [revision for each in pool.map(count_up, range(8)) for revision in each]
    assert sorted(revisions) == list(range(first + 1, first + 81))
    found = {one.id: one.max_open_contacts for one in workspace.get_roster().roster.agents}
    assert found.pop("a") == 40
    assert found.keys() == {f"own-{number}-{each}" for number in range(8) for each in range(5)}


class Twins:
    """Two workspaces with the same people: one is updated, in the other the whole roster is configured."""

    def __init__(self, updated: Workspace, configured: Workspace, seed: int) -> None:
        self.random = random.Random(seed)
        self.updated = updated
        self.configured = configured
        self.agents: dict[str, pb.Agent] = {}
        self.teams: dict[str, list[str]] = {}
        self.contacts = 0

    def step(self) -> None:
        """Change some at random in both, and have contacts decided about."""
        getattr(self, self.random.choice(("update", "update", "remove", "change_teams", "configure")))()
        people = roster(*self.agents.values(), **self.teams)
        self.configured.call("ConfigureRoster", pb.ConfigureRosterRequest(roster=people))
        found = [each.get_roster().roster for each in (self.updated, self.configured)]
        assert found[0] == found[1]
        assert [(one.id, one.weight) for one in found[0].agents] == [(one.id, one.weight) for one in people.agents]
        assert list(found[0].teams) == list(people.teams)
        for _ in range(7):
            self.contacts += 1
            tags = [self.random.choice(("list", "x", "all"))]
            taken = [each.created(f"c{self.contacts}", tags=tags) for each in (self.updated, self.configured)]
            assert taken[0].agent_id == taken[1].agent_id, tags
        if self.agents and self.random.random() < 0.5:
            reported = self.random.sample(sorted(self.agents), k=len(self.agents) // 2)
            for each in (self.updated, self.configured):
                each.online(*reported or sorted(self.agents)[:1])

    def some(self, ids: Any) -> list[str]:
        """Some of them, in random order."""
        return self.random.sample(sorted(ids), k=self.random.randint(0, len(ids)))

    def update(self) -> None:
        """Add and change agents."""
        ids = self.random.sample("abcdefgh", k=self.random.randint(1, 3))
        changed = {
            each: agent(
                each,
                weight=self.random.choice((0, 1, 2, 5)),
                max_open_contacts=self.random.choice((0, 0, 30)),
                disabled=self.random.random() < 0.2,
            )
            for each in ids
        }
        update_agents(self.updated, *changed.values())
        self.agents |= changed

    def remove(self) -> None:
        """Remove agents."""
        gone = self.some(self.agents)[:2]
        if gone:
            remove_agents(self.updated, *gone)
        self.forget(gone)

    def forget(self, gone: list[str]) -> None:
        """They are no longer there, nor in any team."""
        self.agents = {each: one for each, one in self.agents.items() if each not in gone}
        self.teams = {each: [one for one in ids if one not in gone] for each, ids in self.teams.items()}

    def change_teams(self) -> None:
        """Add, change and remove teams."""
        gone = self.some(self.teams)[:1] if self.random.random() < 0.4 else []
        given = self.random.sample([each for each in ("x", "y", "z") if each not in gone], k=1)
        changed = {each: self.some(self.agents) for each in given}
        update_teams(self.updated, *gone, **changed)
        self.teams = {each: ids for each, ids in self.teams.items() if each not in gone} | changed

    def configure(self) -> None:
        """Replace everything, without some, in another order."""
        self.forget(self.some(self.agents))
        self.teams = {each: self.teams[each] for each in self.some(self.teams)}
        self.agents = {each: self.agents[each] for each in self.random.sample(sorted(self.agents), len(self.agents))}
        self.updated.call(
            "ConfigureRoster", pb.ConfigureRosterRequest(roster=roster(*self.agents.values(), **self.teams))
        )


@pytest.mark.parametrize("seed", range(6))
def test_updates_come_to_the_same_as_configuring_the_result(new_workspace: Callable[[], Workspace], seed: int):
    """After any updates roster and decisions are those of a workspace in which each result was configured whole."""
    twins = Twins(new_workspace(), new_workspace(), seed)
    twins.update()
    twins.change_teams()
    tagged = [
        rule("list", to=agents("e", "a", "c"), when=tag(any_of=["list"]), online_only=True),
        rule("online", to=team("x"), when=tag(any_of=["x"]), online_only=True),
        rule("x", to=team("x"), when=tag(any_of=["x"])),
        rule("all", strategy=2, when=tag(any_of=["all"])),
        rule("rest"),
    ]
    everyone, teams = [agent(each) for each in "ace"], {"x": ["a"]}
    for each in (twins.updated, twins.configured):
        each.roster(*everyone, **teams)
        each.rules(*tagged)
    twins.agents, twins.teams = {one.id: one for one in everyone}, teams
    for _ in range(25):
        twins.step()


@pytest.mark.every_redis
def test_updates_work_on_every_redis(backend: Backend, workspace: Workspace):
    """Adding, changing and removing agents and teams is alike on every kind of Redis."""
    del backend
    workspace.roster("a", "b", x=["b"])
    update_agents(workspace, "c", agent("a", weight=2))
    update_teams(workspace, y=["c", "a"])
    remove_agents(workspace, "b")
    assert shape(workspace) == (["a", "c"], {"x": [], "y": ["c", "a"]})
