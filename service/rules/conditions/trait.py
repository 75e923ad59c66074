"""The kind `trait`: one trait of the contact passes the test of an operator."""

from __future__ import annotations

from itertools import islice
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

from evenhand.v1 import rules_pb2 as pb

from service.rules.conditions.folding import fold
from service.rules.conditions.kinds import Kind, Predicate, Prepared, negation
from service.rules.conditions.operands import PreparedValue, operand_of_prepared
from service.rules.conditions.operators import OPERATORS
from service.rules.fields.identifiers import identifier_problem, quoted
from service.rules.fields.limits import MAX_CONDITION_ITEMS, MAX_VALUE_BYTES
from service.rules.fields.problems import enum_problem

if TYPE_CHECKING:
    from google.protobuf.struct_pb2 import Value

    from service.rules.conditions.needs import Need
    from service.rules.fields.violations import Violations


def _check(condition: pb.TraitCondition, path: str, found: Violations, _depth: int) -> None:
    found.add_if(f"{path}.key", identifier_problem(condition.key))
    problem = enum_problem(pb.TraitOperator, condition.operator, required=True)
    if problem is not None:
        found.add(f"{path}.operator", problem)
    else:
        found.add_if(f"{path}.values", _count_problem(condition.operator, len(condition.values)))
    for index, value in enumerate(islice(condition.values, MAX_CONDITION_ITEMS)):
        found.add_if(f"{path}.values[{index}]", _value_problem(value))


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


def _value_problem(value: Value) -> str | None:
    match value.WhichOneof("kind"):
        case "bool_value":
            problem = None
        case "number_value":
            number = value.number_value
            problem = None if isfinite(number) else f"is {number}, which no trait compares with; give a number"
        case "string_value":
            size = len(value.string_value.encode())
            limit = f"takes {size} bytes; at most {MAX_VALUE_BYTES} are allowed"
            problem = None if size <= MAX_VALUE_BYTES else f"{quoted(value.string_value)} {limit}"
        case "list_value":
            problem = "is a list; give a text, a number, true or false, one value each"
        case "struct_value":
            problem = "is an object; give a text, a number, true or false"
        case _:
            problem = "is null; give a text, a number, true or false, or test with TRAIT_OPERATOR_NOT_EXISTS"
    return problem


def _prepare(condition: pb.TraitCondition) -> list[Any]:
    return [condition.key, condition.operator, list(map(_prepare_value, condition.values[:]))]


def _prepare_value(value: Value) -> PreparedValue:
    """Fold a text; None for what no trait compares with, which equals nothing."""
    match value.WhichOneof("kind"):
        case "string_value":
            return fold(value.string_value)
        case "number_value":
            return value.number_value
        case "bool_value":
            return value.bool_value
        case _:
            return None


def _compile(condition: Prepared) -> Predicate:
    _, key, number, values = condition
    operator = OPERATORS[number]
    compiler = operator.compile  # a name of its own: Python calls a field on the spot more slowly
    predicate = compiler(key, list(map(operand_of_prepared, values)))
    return negation(predicate) if operator.negative else predicate


def _need(condition: Prepared) -> Need | None:
    _, key, number, values = condition
    # An operator that only a newer version knows makes the rule's own turn fail, and not that of every other.
    return OPERATORS[number].need(key, values) if number in OPERATORS else None


KIND: Final = Kind(_check, _prepare, _compile, _need)
