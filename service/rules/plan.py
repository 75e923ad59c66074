"""What a rule set and a roster come to: which agents stand in which pools, and how rules look at those.

A change of configuration is the difference of two layouts, so that its cost is that of what changes.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from evenhand.v1.rules_pb2 import Target

from service.rules.choices import View, choices_of
from service.rules.layout import Layout
from service.rules.pools import EVERYONE, pool_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from evenhand.v1.roster_service_pb2 import Agent
    from evenhand.v1.rules_pb2 import RuleSet


class Place(NamedTuple):
    """An agent's place in a pool.

    Attributes:
        pool: Name of the pool, as `pool_of` gives it.
        position: Where the agent stands in the pool's order, from 1.
        predecessor: The pool whose rotation this one carries on, if it is new; else empty.
        views: How the enabled rules look at the pool, without repeats.
    """

    pool: str
    position: int
    predecessor: str
    views: tuple[View, ...]


class AgentPlan(NamedTuple):
    """An agent as it is to be: settings, and places in pools."""

    agent_id: str
    name: str
    weight: int
    max_open_contacts: int
    enabled: bool
    places: tuple[Place, ...]


class Settings(NamedTuple):
    """An agent as it is to be, whose places stay."""

    agent_id: str
    name: str
    weight: int
    max_open_contacts: int
    enabled: bool


class Moves(NamedTuple):
    """An agent's new places in some pools, whose settings and other places stay.

    Attributes:
        agent_id: the agent.
        positions: for each of these pools the new position; 0: it leaves the pool.
    """

    agent_id: str
    positions: dict[str, int]


class Change(NamedTuple):
    """What is to be done to get from one configuration to another.

    Attributes:
        new_views: names of new views, each with the view whose virtual times it carries on; empty if it starts level.
        agents: Agents who are new, or whose settings or places change.
        gone: Ids of agents who are no longer in the roster.
        dropped_views: names of views that are no more.
        settings: agents of whom only settings change.
        moves: agents of whom only some places change.
        views: how rules look at the pools of those places.
    """

    new_views: Mapping[str, str] = MappingProxyType({})
    agents: Sequence[AgentPlan] = ()
    gone: Sequence[str] = ()
    dropped_views: Sequence[str] = ()
    settings: Sequence[Settings] = ()
    moves: Sequence[Moves] = ()
    views: Mapping[str, tuple[View, ...]] = MappingProxyType({})


def plan_change(rules: RuleSet, roster: Layout, rules_before: RuleSet, roster_before: Layout) -> Change:
    """Return how the second pair of rules and roster becomes the first. Rules may name agents and teams who are gone.

    A rule that keeps its id but changes its list of agents keeps its rotation too.
    """
    pools_before = _members(rules_before, roster_before)
    pools = _members(rules, roster)
    carried = _carried(rules, rules_before, pools.keys() - pools_before.keys())
    views_before, views = _views(rules_before), _views(rules)
    names_before = {view.name for each in views_before.values() for view in each}
    new = [view for each in views.values() for view in each if view.name not in names_before]
    agents_before = _agents(roster_before, pools_before, views_before, {})
    agents = _agents(roster, pools, views, carried)
    return Change(
        new_views={view.name: _followed(view, views_before.get(carried.get(view.pool, view.pool), ())) for view in new},
        agents=[plan for agent_id, plan in agents.items() if agents_before.get(agent_id) != plan],
        gone=[agent_id for agent_id in agents_before if agent_id not in agents],
        dropped_views=sorted(names_before - {view.name for each in views.values() for view in each}),
    )


def plan_agents(rules: RuleSet, agents: Layout, before: Layout) -> Change:
    """Return how agents are added or changed while all others stay.

    Args:
        rules: The rules in force; looked at only if agents are added, who may be in lists.
        agents: The agents as they are to be.
        before: Those of them that are there.
    """
    added = Layout({each: placed for each, placed in agents.agents.items() if each not in before.agents}, {})
    plans = _agents(added, _members(rules, added), _views(rules), {}) if added.agents else {}
    return Change(
        agents=list(plans.values()),
        settings=[
            _settings(placed.agent)
            for each, placed in agents.agents.items()
            if each in before.agents and placed != before.agents[each]
        ],
    )


def plan_teams(rules: RuleSet, teams: Layout, before: Layout) -> Change:
    """Return how teams are added, changed or removed while all others stay.

    Args:
        rules: The rules in force.
        teams: The teams as they are to be.
        before: Those of them that are there, and those to remove.
    """
    moves: dict[str, dict[str, int]] = {}
    for team_id in {**before.teams, **teams.teams}:
        pool = pool_of(Target(team_id=team_id))
        members_before, members = (
            layout.teams[team_id].members if team_id in layout.teams else {} for layout in (before, teams)
        )
        for agent_id in {**members_before, **members}:
            position = members.get(agent_id, 0)
            if position != members_before.get(agent_id, 0):
                moves.setdefault(agent_id, {})[pool] = position
    return Change(moves=[Moves(*move) for move in moves.items()], views=_views(rules))


def _members(rules: RuleSet, roster: Layout) -> dict[str, Mapping[str, int]]:
    """Give the positions of every pool's members: of everyone, each team, and each list of agents that a rule names.

    An agent's position in a list is its place there, so that it is the same whoever else is in the roster.
    """
    pools: dict[str, Mapping[str, int]] = {EVERYONE: {each: placed.position for each, placed in roster.agents.items()}}
    for team_id, placed in roster.teams.items():
        pools[pool_of(Target(team_id=team_id))] = placed.members
    for _, target in _listing_targets(rules):
        name = pool_of(target)
        if name not in pools:
            listed = enumerate(target.agents.agent_ids, 1)
            pools[name] = {agent_id: at for at, agent_id in listed if agent_id in roster.agents}
    return pools


def _views(rules: RuleSet) -> dict[str, tuple[View, ...]]:
    views: dict[str, dict[View, None]] = {}
    for choice in choices_of(rules):
        if choice.view is not None:
            views.setdefault(choice.view.pool, {})[choice.view] = None
    return {pool: tuple(each) for pool, each in views.items()}


def _followed(new: View, before: Sequence[View]) -> str:
    """Names the view that a new one carries on: of those before, the one that asks for the same, or else the first.

    It must be of the same strategy, since only some keep virtual times.
    """
    alike = [view for view in before if view.strategy == new.strategy]
    same = [view for view in alike if view.asked == new.asked]
    return next((view.name for view in same + alike), "")


def _carried(rules: RuleSet, rules_before: RuleSet, new_pools: set[str]) -> dict[str, str]:
    before = {owner: pool_of(target) for owner, target in _listing_targets(rules_before)}
    return {
        pool_of(target): before[owner]
        for owner, target in _listing_targets(rules)
        if owner in before and pool_of(target) in new_pools
    }


def _agents(
    roster: Layout,
    pools: Mapping[str, Mapping[str, int]],
    views: Mapping[str, tuple[View, ...]],
    carried: Mapping[str, str],
) -> dict[str, AgentPlan]:
    places: dict[str, list[Place]] = {agent_id: [] for agent_id in roster.agents}
    for pool, members in pools.items():
        predecessor, pool_views = carried.get(pool, ""), views.get(pool, ())
        for agent_id, position in members.items():
            places[agent_id].append(Place(pool, position, predecessor, pool_views))
    return {
        agent_id: AgentPlan(*_settings(placed.agent), tuple(places[agent_id]))
        for agent_id, placed in roster.agents.items()
    }


def _settings(agent: Agent) -> Settings:
    return Settings(agent.id, agent.name or agent.id, agent.weight or 1, agent.max_open_contacts, not agent.disabled)


def _listing_targets(rules: RuleSet) -> Iterator[tuple[str, Target]]:
    """Yields each target that is a list, with what identifies its owner: the rule's id, or nothing for the fallback."""
    for rule in rules.rules:
        if rule.target.WhichOneof("to") == "agents":
            yield rule.id, rule.target
    if rules.fallback.target.WhichOneof("to") == "agents":
        yield "", rules.fallback.target
