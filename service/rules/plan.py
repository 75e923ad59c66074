"""What a rule set and a roster come to: which agents stand in which pools, and how rules look at those.

A change of configuration is the difference of two layouts, so that its cost is that of what changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from evenhand.v1.rules_pb2 import Target

from service.rules.choices import View, choices_of
from service.rules.pools import EVERYONE, pool_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from evenhand.v1.roster_service_pb2 import Roster
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


class Change(NamedTuple):
    """What is to be done to get from one configuration to another.

    Attributes:
        new_views: names of new views, each with the view whose virtual times it carries on; empty if it starts level.
        agents: Agents who are new, or whose settings or places change.
        gone: Ids of agents who are no longer in the roster.
        dropped_views: names of views that are no more.
    """

    new_views: dict[str, str]
    agents: list[AgentPlan]
    gone: list[str]
    dropped_views: list[str]


def plan_change(rules: RuleSet, roster: Roster, rules_before: RuleSet, roster_before: Roster) -> Change:
    """Returns how the second pair of rules and roster becomes the first. Rules may name agents and teams who are gone.

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


def _members(rules: RuleSet, roster: Roster) -> dict[str, list[str]]:
    """Lists the members of every pool in order: of everyone, each team, and each list of agents that a rule names."""
    everyone = [agent.id for agent in roster.agents]
    known = set(everyone)
    pools = {EVERYONE: everyone}
    for team in roster.teams:
        pools[pool_of(Target(team_id=team.id))] = list(team.agent_ids)
    for _, target in _listing_targets(rules):
        name = pool_of(target)
        if name not in pools:
            pools[name] = [agent_id for agent_id in target.agents.agent_ids if agent_id in known]
    return pools


def _views(rules: RuleSet) -> dict[str, tuple[View, ...]]:
    views: dict[str, dict[View, None]] = {}
    for choice in choices_of(rules):
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
    roster: Roster, pools: dict[str, list[str]], views: dict[str, tuple[View, ...]], carried: dict[str, str]
) -> dict[str, AgentPlan]:
    places: dict[str, list[Place]] = {agent.id: [] for agent in roster.agents}
    for pool, members in pools.items():
        predecessor, pool_views = carried.get(pool, ""), views.get(pool, ())
        for position, agent_id in enumerate(members, 1):
            places[agent_id].append(Place(pool, position, predecessor, pool_views))
    return {
        agent.id: AgentPlan(
            agent.id,
            agent.name or agent.id,
            agent.weight or 1,
            agent.max_open_contacts,
            not agent.disabled,
            tuple(places[agent.id]),
        )
        for agent in roster.agents
    }


def _listing_targets(rules: RuleSet) -> Iterator[tuple[str, Target]]:
    """Yields each target that is a list, with what identifies its owner: the rule's id, or nothing for the fallback."""
    for rule in rules.rules:
        if rule.target.WhichOneof("to") == "agents":
            yield rule.id, rule.target
    if rules.fallback.target.WhichOneof("to") == "agents":
        yield "", rules.fallback.target
