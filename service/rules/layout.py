"""A roster as it is kept: agents and teams by id, each at a position that stays while others come and go.

A layout may be the whole roster or only what a change touches; the difference of two is what there is to write.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from evenhand.v1.roster_service_pb2 import Agent, Team

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from evenhand.v1.roster_service_pb2 import Roster


Entry = TypeVar("Entry")


class PlacedAgent(NamedTuple):
    """An agent, and where it stands in the roster."""

    position: int
    agent: Agent


class PlacedTeam(NamedTuple):
    """A team, and where it stands in the roster.

    Attributes:
        position: In the roster's order of teams.
        team: The team without its agents.
        members: The position of each of its agents, in the team's order.
    """

    position: int
    team: Team
    members: Mapping[str, int]


class Layout(NamedTuple):
    """Agents and teams by id, in order."""

    agents: Mapping[str, PlacedAgent]
    teams: Mapping[str, PlacedTeam]


class RosterWrites(NamedTuple):
    """What is to be written to get from one layout to another, with messages serialized.

    Attributes:
        agents: Agents who are new, moved or changed, each with its position.
        agents_gone: Ids of agents who are no more.
        teams: Teams that are new, moved or changed, each with its position and without its agents.
        teams_gone: Ids of teams that are no more.
        members: For each team, the positions of agents who are new in it or moved.
        members_gone: For each team that stays, its agents who are no more in it.
    """

    agents: Mapping[str, tuple[int, bytes]]
    agents_gone: Sequence[str]
    teams: Mapping[str, tuple[int, bytes]]
    teams_gone: Sequence[str]
    members: Mapping[str, Mapping[str, int]]
    members_gone: Mapping[str, Sequence[str]]


EMPTY = Layout({}, {})
"""The layout of nobody."""


def layout_of(roster: Roster, before: Layout = EMPTY) -> Layout:
    """Give everyone in a roster a position: the one before, as far as the order allows.

    Args:
        roster: one that has passed validation.
        before: the layout that this one takes the place of.
    """
    agents = in_order([agent.id for agent in roster.agents], _positions(before.agents))
    teams = in_order([team.id for team in roster.teams], _positions(before.teams))
    return Layout(
        {agent.id: PlacedAgent(agents[agent.id], settings_of(agent)) for agent in roster.agents},
        {team.id: _placed(team, teams[team.id], before) for team in roster.teams},
    )


def with_agents(agents: Iterable[Agent], before: Layout, last: int) -> Layout:
    """Lay out agents to add or change.

    Args:
        agents: those.
        before: those of them that are there.
        last: the last position in the roster; new ones come after it.
    """
    positions = _at_the_end([agent.id for agent in agents], _positions(before.agents), last)
    return Layout({agent.id: PlacedAgent(positions[agent.id], settings_of(agent)) for agent in agents}, {})


def with_teams(teams: Iterable[Team], before: Layout, last: int) -> Layout:
    """Lay out teams to add or change; takes for teams what `with_agents` takes for agents."""
    positions = _at_the_end([team.id for team in teams], _positions(before.teams), last)
    return Layout({}, {team.id: _placed(team, positions[team.id], before) for team in teams})


def settings_of(agent: Agent) -> Agent:
    """Return an agent as it is configured, without what is output only."""
    settings = Agent()
    settings.CopyFrom(agent)
    settings.ClearField("presence")
    settings.ClearField("open_contact_count")
    return settings


def in_order(ids: Sequence[str], before: Mapping[str, int]) -> dict[str, int]:
    """Return positions in the order of the ids: those before if these are in that order, else 1, 2, 3, ..."""
    positions: dict[str, int] = {}
    last = 0
    for each in ids:
        position = before.get(each, last + 1)
        if position <= last:
            return {one: at for at, one in enumerate(ids, 1)}
        positions[each] = last = position
    return positions


def _at_the_end(ids: Iterable[str], before: Mapping[str, int], last: int) -> dict[str, int]:
    new = count(last + 1)
    return {each: before[each] if each in before else next(new) for each in ids}


def _positions(placed: Mapping[str, PlacedAgent] | Mapping[str, PlacedTeam]) -> dict[str, int]:
    return {each: entry.position for each, entry in placed.items()}


def _placed(team: Team, position: int, before: Layout) -> PlacedTeam:
    earlier = before.teams.get(team.id)
    members = in_order(team.agent_ids, earlier.members if earlier else {})
    return PlacedTeam(position, Team(id=team.id, name=team.name), members)


def writes_between(layout: Layout, before: Layout) -> RosterWrites:
    """Return what is to be written so that `before` becomes `layout`."""
    members = {team_id: _fresh(placed.members, _members(before, team_id)) for team_id, placed in layout.teams.items()}
    left = {
        team_id: [each for each in _members(before, team_id) if each not in placed.members]
        for team_id, placed in layout.teams.items()
    }
    return RosterWrites(
        agents={
            each: (placed.position, placed.agent.SerializeToString(deterministic=True))
            for each, placed in _fresh(layout.agents, before.agents).items()
        },
        agents_gone=[each for each in before.agents if each not in layout.agents],
        teams={
            each: (placed.position, placed.team.SerializeToString(deterministic=True))
            for each, placed in layout.teams.items()
            if each not in before.teams or placed[:2] != before.teams[each][:2]
        },
        teams_gone=[each for each in before.teams if each not in layout.teams],
        members={team_id: fresh for team_id, fresh in members.items() if fresh},
        members_gone={team_id: gone for team_id, gone in left.items() if gone},
    )


def _members(layout: Layout, team_id: str) -> Mapping[str, int]:
    return layout.teams[team_id].members if team_id in layout.teams else {}


def _fresh(entries: Mapping[str, Entry], before: Mapping[str, Entry]) -> dict[str, Entry]:
    return {each: entry for each, entry in entries.items() if before.get(each) != entry}
