"""The kind `trait`: one trait of the contact passes the test of an operator."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from evenhand.v1 import rules_pb2 as pb

from service.rules.conditions.kinds import Kind, Predicate, Prepared, negation
from service.rules.conditions.operators import OPERATORS
from service.rules.conditions.texts import seen_problem
from service.rules.conditions.wanted import SAME, value_problem
from service.rules.fields.limits import MAX_CONDITION_ITEMS
from service.rules.fields.problems import enum_problem

if TYPE_CHECKING:
    from service.rules.conditions.needs import Need
    from service.rules.fields.violations import Violations


def _check(condition: pb.TraitCondition, path: str, found: Violations, _depth: int) -> None:
    found.add_if(f"{path}.key", seen_problem(condition.key))
    problem = enum_problem(pb.TraitOperator, condition.operator, required=True)
    if problem is not None:
        found.add(f"{path}.operator", problem)
    else:
        found.add_if(f"{path}.values", _count_problem(condition.operator, len(condition.values)))
    reading = SAME if problem is not None else OPERATORS[condition.operator].reading
    for index, value in enumerate(islice(condition.values, MAX_CONDITION_ITEMS)):
        found.add_if(f"{path}.values[{index}]", value_problem(value, reading))


def _count_problem(number: pb.TraitOperator.ValueType, count: int) -> str | None:
    operator = OPERATORS[number]
    if count in operator.counts:
        return None
    values = f"{count or 'no'} value{'' if count == 1 else 's'}"
    return f"has {values}; {pb.TraitOperator.Name(number)} takes {_takes(operator.counts)}{operator.hint}"


def _takes(counts: range) -> str:
    match counts[0], counts[-1]:
        case 0, 0:
            return "none, so leave them out"
        case 1, 1:
            return "exactly one"
        case least, most:
            return f"{least} to {most}"


def _prepare(condition: pb.TraitCondition) -> list[Any]:
    reading = OPERATORS[condition.operator].reading
    return [condition.key, condition.operator, list(map(reading.read, condition.values[:]))]


def _compile(condition: Prepared) -> Predicate:
    _, key, number, values = condition
    operator = OPERATORS[number]
    compiler = operator.compile  # a name of its own: Python calls a field on the spot more slowly
    predicate = compiler(key, values)
    return negation(predicate) if operator.negative else predicate


def _need(condition: Prepared) -> Need | None:
    _, key, number, values = condition
    # An operator that only a newer version knows makes the rule's own turn fail, and not that of every other.
    return OPERATORS[number].need(key, values) if number in OPERATORS else None


KIND: Final = Kind(_check, _prepare, _compile, _need)
