"""Warnings about a rule set: allowed, but probably not meant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from evenhand.v1.assignment_service_pb2 import Warning as Advice

from service.rules.checks.cases import ALWAYS, Case, cases_of
from service.rules.checks.condition_warnings import condition_warnings
from service.rules.checks.facts import source_is
from service.rules.checks.reply_warnings import reply_warnings
from service.rules.checks.taken import Taken
from service.rules.fields.identifiers import quoted
from service.rules.fields.listing import listed
from service.rules.triggers import TRIGGERS, covering

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from evenhand.v1 import rules_pb2 as pb

UNREACHABLE_RULE: Final = "UNREACHABLE_RULE"
"""A rule that can never match: earlier ones take all that it could, or its condition cannot hold."""
UNKNOWN_AGENT: Final = "UNKNOWN_AGENT"
"""A target that names agents who are not in the roster (any more); they are in no pool."""
UNKNOWN_TEAM: Final = "UNKNOWN_TEAM"
"""A target that names a team that is not in the roster (any more); its pool is empty."""
EMPTY_TEAM: Final = "EMPTY_TEAM"
"""A target that names a team without agents."""
FALLBACK_WITHOUT_RULES: Final = "FALLBACK_WITHOUT_RULES"
"""A fallback that is enabled but never works, since there is no rule (deploy/adr/0006)."""
EMPTY_CONDITION: Final = "EMPTY_CONDITION"
"""A condition with nothing in it, which is none: the rule always matches."""
MORE_WARNINGS: Final = "MORE_WARNINGS"
"""Stands last where there are more warnings than fit."""

MAX_WARNINGS: Final = 1_000
"""Keeps a response well below gRPC's 4 MiB, whatever the rules; more are only counted."""


def warnings_of(
    rule_set: pb.RuleSet,
    agents: Collection[str] | None = None,
    teams: Collection[str] | None = None,
    prefix: str = "rule_set",
    *,
    empty_teams: Collection[str] = (),
) -> list[Advice]:
    """Find whatever is allowed but probably not meant, in time by the rules and by what their conditions share.

    Args:
        rule_set: has passed validation, perhaps against another roster.
        agents: ids of the roster's agents; None if rules may name any.
        teams: ids of the roster's teams; None if rules may name any.
        prefix: path of the rule set.
        empty_teams: ids of those teams that have no agents.

    Returns:
        At most MAX_WARNINGS: about targets first, then the fallback, then unreachable rules.
    """
    found: list[Advice] = []
    roster = _Roster(agents, teams, empty_teams)
    for index, rule in enumerate(rule_set.rules):
        found.extend(roster.warnings_of(rule.target, f"{prefix}.rules[{index}].target"))
        found.extend(_of_rule(rule, f"{prefix}.rules[{index}]"))
    found.extend(roster.warnings_of(rule_set.fallback.target, f"{prefix}.fallback.target"))
    if rule_set.fallback.enabled and not rule_set.rules:
        message = "The fallback is enabled but does nothing: it works only beside at least one rule."
        found.append(Advice(field=f"{prefix}.fallback", reason=FALLBACK_WITHOUT_RULES, message=message))
    found.extend(_unreachable(rule_set, prefix))
    if len(found) > MAX_WARNINGS:
        more = len(found) - MAX_WARNINGS + 1
        found[MAX_WARNINGS - 1 :] = [Advice(field=prefix, reason=MORE_WARNINGS, message=f"{more} more warnings.")]
    return found


def _of_rule(rule: pb.Rule, path: str) -> Iterator[Advice]:
    if rule.HasField("condition") and rule.condition.WhichOneof("kind") is None:
        message = "The condition is empty, so the rule always matches; leave it out if that is meant."
        yield Advice(field=f"{path}.condition", reason=EMPTY_CONDITION, message=message)
    yield from condition_warnings(rule.condition, f"{path}.condition")
    yield from reply_warnings(rule.reply, f"{path}.reply")


def _unreachable(rule_set: pb.RuleSet, prefix: str) -> Iterator[Advice]:
    enabled = [(index, rule) for index, rule in enumerate(rule_set.rules) if not rule.disabled]
    places = {rule.id: index for index, rule in enabled}
    taken = {number: Taken(_given(number)) for number in dict.fromkeys(rule.trigger for _, rule in enabled)}
    for index, rule in enabled:
        cases = cases_of(rule.condition)
        takers = [taken[rule.trigger].takers(case) for case in cases]
        if None in takers:
            for number, those in taken.items():
                if rule.trigger in covering(number):
                    for case in cases:
                        those.add(case, (rule.id,))
            continue
        found = {each for rules in takers for each in rules or ()}
        earlier = sorted(found, key=places.__getitem__)
        names = listed([quoted(each) for each in earlier])
        take = f"rule {names} before it takes" if len(earlier) == 1 else f"rules {names} before it take"
        why = f"{take} all that it could" if earlier else "its condition cannot hold"
        message = f"Rule {quoted(rule.id)} never matches: {why}."
        yield Advice(field=f"{prefix}.rules[{index}]", reason=UNREACHABLE_RULE, message=message)


def _given(number: int) -> Case:
    """What a trigger says of each contact."""
    trigger = TRIGGERS.get(number)
    return ALWAYS if trigger is None or trigger.source is None else frozenset({source_is(trigger.source)})


class _Roster:
    """The roster that targets are held against."""

    def __init__(
        self, agents: Collection[str] | None, teams: Collection[str] | None, empty_teams: Collection[str]
    ) -> None:
        self._agents = None if agents is None else frozenset(agents)
        self._teams = None if teams is None else frozenset(teams)
        self._empty_teams = frozenset(empty_teams)

    def warnings_of(self, target: pb.Target, path: str) -> Iterator[Advice]:
        match target.WhichOneof("to"):
            case "agents" if self._agents is not None:
                unknown = [(i, each) for i, each in enumerate(target.agents.agent_ids) if each not in self._agents]
                if unknown:
                    field = f"{path}.agents.agent_ids[{unknown[0][0]}]"
                    names = listed([quoted(agent_id) for _, agent_id in unknown])
                    message = f"Not in the roster, so never picked: {names}."
                    yield Advice(field=field, reason=UNKNOWN_AGENT, message=message)
            case "team_id":
                team = target.team_id
                if self._teams is not None and team not in self._teams:
                    message = f"Team {quoted(team)} is not in the roster, so nobody can be picked."
                    yield Advice(field=f"{path}.team_id", reason=UNKNOWN_TEAM, message=message)
                elif team in self._empty_teams:
                    message = f"Team {quoted(team)} has no agents, so nobody can be picked."
                    yield Advice(field=f"{path}.team_id", reason=EMPTY_TEAM, message=message)
