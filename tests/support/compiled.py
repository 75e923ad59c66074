"""Rules and conditions made ready to be asked, by the way they take in the service: prepared, written down, read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.rules import CompiledRules, dump, load, prepare
from service.rules.conditions.kinds import Predicate, prepare_condition
from service.rules.conditions.kinds import compile_condition as compile_prepared

if TYPE_CHECKING:
    from evenhand.v1 import rules_pb2


def compile_rules(rule_set: rules_pb2.RuleSet, revision: int = 1) -> CompiledRules:
    """Returns the rule set, ready to be asked."""
    return CompiledRules(load(dump(prepare(rule_set))), revision)


def compile_condition(condition: rules_pb2.Condition) -> Predicate:
    """Returns the condition's predicate."""
    return compile_prepared(prepare_condition(condition))
