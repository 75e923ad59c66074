"""Checks of a rule set: all that `rules.proto` promises about RuleSet, Rule, Fallback and Target."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from evenhand.v1 import rules_pb2 as pb

from service.rules.conditions.expression import steps_of
from service.rules.conditions.kinds import check_condition
from service.rules.fields.identifiers import id_problem, quoted
from service.rules.fields.limits import (
    MAX_EXPRESSION_COST,
    MAX_LISTED_AGENTS,
    MAX_LISTED_AGENTS_IN_ALL,
    MAX_REPLY_BYTES,
    MAX_REPLY_PLACEHOLDERS,
    MAX_RULE_BYTES,
    MAX_RULES,
)
from service.rules.fields.problems import check_agent_ids, check_own_id, count_problem, enum_problem, name_problem
from service.rules.fields.violations import Violation, Violations
from service.rules.matching.reply import placeholders_in

if TYPE_CHECKING:
    from collections.abc import Collection


def validate_rule_set(
    rule_set: pb.RuleSet, agents: Collection[str] | None, teams: Collection[str] | None, prefix: str = "rule_set"
) -> list[Violation]:
    """Find everything that is wrong with a rule set, disabled rules and a disabled fallback included.

    Args:
        rule_set: as given.
        agents: ids of the roster's agents; None if rules may name any.
        teams: ids of the roster's teams; None if rules may name any.
        prefix: path of the rule set in its request.

    Returns:
        One violation for each wrong field, in the order of the fields; none if the rule set is right.
    """
    return _RuleSetCheck(agents, teams).run(rule_set, prefix)


class _RuleSetCheck:
    """One check of one rule set: the roster it is held against, and the violations found so far."""

    def __init__(self, agents: Collection[str] | None, teams: Collection[str] | None) -> None:
        self._agents = None if agents is None else frozenset(agents)
        self._teams = None if teams is None else frozenset(teams)
        self._found = Violations()
        self._listed = 0

    def run(self, rule_set: pb.RuleSet, prefix: str) -> Violations:
        found = self._found
        if len(rule_set.rules) > MAX_RULES:
            found.add(f"{prefix}.rules", f"has {len(rule_set.rules)} rules; at most {MAX_RULES} are allowed")
        seen: dict[str, str] = {}
        # Rules beyond the limit are not looked at, so that refusing too much costs no more than taking the most.
        for index, rule in enumerate(islice(rule_set.rules, MAX_RULES)):
            path = f"{prefix}.rules[{index}]"
            check_own_id(rule.id, path, seen, found)
            self._check_rule(rule, path)
        if rule_set.HasField("fallback"):
            self._check_fallback(rule_set.fallback, f"{prefix}.fallback")
        return found

    def _check_rule(self, rule: pb.Rule, path: str) -> None:
        found = self._found
        found.add_if(path, _size_problem(rule))
        found.add_if(f"{path}.name", name_problem(rule.name))
        found.add_if(f"{path}.trigger", enum_problem(pb.RuleTrigger, rule.trigger, required=True))
        if rule.HasField("condition"):
            before = len(found)
            check_condition(rule.condition, f"{path}.condition", found)
            if len(found) == before:  # so each of its expressions compiles and alone does not cost too much
                found.add_if(f"{path}.condition", _cost_problem(rule.condition))
        if rule.target.WhichOneof("to") is None:
            found.add(f"{path}.target", "is missing; say who gets the contact: agents, team_id, everyone or nobody")
        else:
            self._check_target(rule.target, f"{path}.target")
        if rule.target.WhichOneof("to") == "nobody":
            for field in ("strategy", "online_only", "max_open_contacts", "reply"):
                if getattr(rule, field):
                    found.add(f"{path}.{field}", "means nothing where the target is nobody; leave it out")
            return
        found.add_if(f"{path}.strategy", enum_problem(pb.Strategy, rule.strategy))
        found.add_if(f"{path}.max_open_contacts", count_problem(rule.max_open_contacts))
        if rule.reply:
            found.add_if(f"{path}.reply", _reply_problem(rule.reply))

    def _check_fallback(self, fallback: pb.Fallback, path: str) -> None:
        self._found.add_if(path, _size_problem(fallback))
        if fallback.target.WhichOneof("to") == "nobody":
            self._found.add(f"{path}.target.nobody", "is only for rules; disable the fallback instead")
        else:
            self._check_target(fallback.target, f"{path}.target")
        self._found.add_if(f"{path}.strategy", enum_problem(pb.Strategy, fallback.strategy))

    def _check_target(self, target: pb.Target, path: str) -> None:
        match target.WhichOneof("to"):
            case "agents":
                self._check_listed(target.agents, f"{path}.agents.agent_ids")
            case "team_id":
                self._found.add_if(f"{path}.team_id", self._team_problem(target.team_id))
            case "everyone" if not target.everyone:
                self._found.add(f"{path}.everyone", "is false; set it to true, or name agents or a team instead")
            case "nobody" if not target.nobody:
                self._found.add(f"{path}.nobody", "is false; set it to true, or say who gets the contact instead")

    def _check_listed(self, agents: pb.AgentList, path: str) -> None:
        count = len(agents.agent_ids)
        if not count:
            self._found.add(path, "is empty; name at least one agent")
        elif count > MAX_LISTED_AGENTS:
            limit = f"at most {MAX_LISTED_AGENTS} are allowed in one list; a larger pool can be a team"
            self._found.add(path, f"has {count} agents; {limit}")
        before, self._listed = self._listed, self._listed + count
        if self._listed > MAX_LISTED_AGENTS_IN_ALL:
            if before <= MAX_LISTED_AGENTS_IN_ALL:
                limit = f"at most {MAX_LISTED_AGENTS_IN_ALL} are allowed; rules can share a team instead"
                self._found.add(path, f"brings all lists together to {self._listed} agents or more; {limit}")
            return
        check_agent_ids(agents.agent_ids[:MAX_LISTED_AGENTS], path, self._agents, self._found)

    def _team_problem(self, team_id: str) -> str | None:
        problem = id_problem(team_id)
        if problem is None and self._teams is not None and team_id not in self._teams:
            problem = f"{quoted(team_id)} is no team of the roster; add it there first, or name another"
        return problem


def _size_problem(by: pb.Rule | pb.Fallback) -> str | None:
    size = by.ByteSize()
    if size > MAX_RULE_BYTES:
        return f"takes {size} bytes; at most {MAX_RULE_BYTES} are allowed; a long list of agents can be a team"
    return None


def _cost_problem(condition: pb.Condition) -> str | None:
    steps = steps_of(condition)
    if steps > MAX_EXPRESSION_COST:
        costs = f"its expressions cost up to {steps:.0f} steps together on the largest contact"
        return f"{costs}; at most {MAX_EXPRESSION_COST} are allowed in one rule; spread them over several rules"
    return None


def _reply_problem(reply: str) -> str | None:
    size = len(reply.encode())
    if size > MAX_REPLY_BYTES:
        return f"takes {size} bytes; at most {MAX_REPLY_BYTES} are allowed"
    count = placeholders_in(reply)
    if count > MAX_REPLY_PLACEHOLDERS:
        return f"has {count} placeholders; at most {MAX_REPLY_PLACEHOLDERS} are allowed"
    return None
