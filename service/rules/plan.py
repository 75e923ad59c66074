"""What a rule set and a roster come to: which pools there are, who stands in them, and how they are looked at."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from evenhand.v1.rules_pb2 import RuleSet, Target

from service.rules.matcher import selections_of
from service.rules.pools import EVERYONE, pool_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evenhand.v1.roster_service_pb2 import Roster


@dataclass(frozen=True, slots=True)
class View:
    """One way in which rules look at a pool: by which strategy, and who is eligible."""

    strategy: int
    online_only: bool
    max_open_contacts: int


@dataclass(slots=True)
class Pool:
    """The agents one target stands for.

    Attributes:
        name: its name, as `pool_of` gives it.
        members: indexes into the roster's agents, in the order in which they stand in the pool.
        predecessor: the pool whose rotation this one carries on if it is new; empty for none.
        views: how the enabled rules look at it, without repeats.
    """

    name: str
    members: list[int]
    predecessor: str = ""
    views: dict[View, None] = field(default_factory=dict)


def plan_pools(rule_set: RuleSet, roster: Roster, before: RuleSet) -> list[Pool]:
    """Return every pool of the workspace: everyone, each team, and each list of agents that a rule names.

    Args:
        rule_set: the rules that will be in force.
        roster: the agents and teams that will be in force. Rules may name some who are gone.
        before: the rules in force until now. A rule that kept its id but changed its list of agents keeps the
            rotation too.
    """
    index = {agent.id: at for at, agent in enumerate(roster.agents)}
    pools = {EVERYONE: Pool(EVERYONE, list(range(len(roster.agents))))}
    for team in roster.teams:
        name = pool_of(Target(team_id=team.id))
        pools[name] = Pool(name, [index[agent] for agent in team.agent_ids])
    lists_before = {key: pool_of(target) for key, target in _targets(before) if target.WhichOneof("to") == "agents"}
    for key, target in _targets(rule_set):
        if target.WhichOneof("to") == "agents":
            name = pool_of(target)
            if name not in pools:
                members = [index[agent] for agent in target.agents.agent_ids if agent in index]
                pools[name] = Pool(name, members, lists_before.get(key, ""))
    for choice in selections_of(rule_set):
        if choice.pool in pools:
            pools[choice.pool].views[View(choice.strategy, choice.online_only, choice.max_open_contacts)] = None
    return list(pools.values())


def _targets(rule_set: RuleSet) -> Iterator[tuple[str, Target]]:
    """Yield each target with what identifies its owner: the rule's id, or nothing for the fallback."""
    for rule in rule_set.rules:
        yield rule.id, rule.target
    yield "", rule_set.fallback.target
