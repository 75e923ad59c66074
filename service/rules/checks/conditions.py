"""Checks of conditions: what `rules.proto` promises about Condition and what is under it."""

from __future__ import annotations

from itertools import islice
from math import isfinite
from typing import TYPE_CHECKING, Final

from evenhand.v1 import rules_pb2 as pb

from service.rules.fields.identifiers import identifier_problem, quoted
from service.rules.fields.limits import MAX_CONDITION_DEPTH, MAX_CONDITION_ITEMS, MAX_EXPRESSION_BYTES, MAX_VALUE_BYTES
from service.rules.fields.problems import enum_problem
from service.rules.matching.expressions import ExpressionError, compile_expression

if TYPE_CHECKING:
    from collections.abc import Sequence

    from google.protobuf.struct_pb2 import Value

    from service.rules.fields.violations import Violations

_WITHOUT_VALUES: Final = frozenset({pb.TRAIT_OPERATOR_EXISTS, pb.TRAIT_OPERATOR_NOT_EXISTS, pb.TRAIT_OPERATOR_CHANGED})
_WITH_MANY_VALUES: Final = frozenset({pb.TRAIT_OPERATOR_IN, pb.TRAIT_OPERATOR_NOT_IN})
_KINDS: Final = "all, any, none, tag, trait, source, channel or expression"


def check_condition(condition: pb.Condition, path: str, found: Violations, depth: int = 1) -> None:
    """Notes every violation in a condition and in all those under it.

    Args:
        condition: The condition; an empty one is right at the top of a rule, where it means always.
        path: Its path.
        found: Takes the violations.
        depth: Its level in the tree, from 1.
    """
    match condition.WhichOneof("kind"):
        case "all":
            _check_nested(condition.all, f"{path}.all", found, depth)
        case "any":
            _check_nested(condition.any, f"{path}.any", found, depth)
        case "none":
            _check_nested(condition.none, f"{path}.none", found, depth)
        case "tag":
            _check_tag(condition.tag, f"{path}.tag", found)
        case "trait":
            _check_trait(condition.trait, f"{path}.trait", found)
        case "source":
            _check_texts(condition.source.any_of, f"{path}.source.any_of", "source", found)
        case "channel":
            _check_texts(condition.channel.any_of, f"{path}.channel.any_of", "channel", found)
        case "expression":
            found.add_if(f"{path}.expression", _expression_problem(condition.expression))
        case _ if depth > 1:
            found.add(path, f"is empty; set one of {_KINDS}, or leave it out")


def _check_nested(conditions: pb.ConditionList, path: str, found: Violations, depth: int) -> None:
    items = conditions.conditions
    path = f"{path}.conditions"
    if not items:
        found.add(path, f"is empty; give 1 to {MAX_CONDITION_ITEMS} conditions")
    elif len(items) > MAX_CONDITION_ITEMS:
        found.add(path, f"has {len(items)} conditions; at most {MAX_CONDITION_ITEMS} are allowed in one list")
    if items and depth >= MAX_CONDITION_DEPTH:
        found.add(path, f"is nested too deeply; at most {MAX_CONDITION_DEPTH} levels are allowed")
        return
    for index, condition in enumerate(islice(items, MAX_CONDITION_ITEMS)):
        check_condition(condition, f"{path}[{index}]", found, depth + 1)


def _check_tag(condition: pb.TagCondition, path: str, found: Violations) -> None:
    if not (condition.any_of or condition.all_of or condition.none_of):
        found.add(path, "names no tags; give some in any_of, all_of or none_of")
    for name, tags in (("any_of", condition.any_of), ("all_of", condition.all_of), ("none_of", condition.none_of)):
        if tags:
            _check_texts(tags, f"{path}.{name}", "tag", found)


def _check_texts(texts: Sequence[str], path: str, what: str, found: Violations) -> None:
    if not texts:
        found.add(path, f"is empty; give 1 to {MAX_CONDITION_ITEMS} {what}s")
    elif len(texts) > MAX_CONDITION_ITEMS:
        found.add(path, f"has {len(texts)} {what}s; at most {MAX_CONDITION_ITEMS} are allowed in one list")
    for index, text in enumerate(islice(texts, MAX_CONDITION_ITEMS)):
        found.add_if(f"{path}[{index}]", identifier_problem(text))


def _check_trait(condition: pb.TraitCondition, path: str, found: Violations) -> None:
    found.add_if(f"{path}.key", identifier_problem(condition.key))
    operator, count = condition.operator, len(condition.values)
    problem = enum_problem(pb.TraitOperator, operator, required=True)
    if problem is not None:
        found.add(f"{path}.operator", problem)
    else:
        found.add_if(f"{path}.values", _count_problem(operator, count))
    for index, value in enumerate(islice(condition.values, MAX_CONDITION_ITEMS)):
        found.add_if(f"{path}.values[{index}]", _value_problem(value))


def _count_problem(operator: pb.TraitOperator.ValueType, count: int) -> str | None:
    name = pb.TraitOperator.Name(operator)
    if operator in _WITHOUT_VALUES:
        return f"has {_values(count)}; {name} takes none, so leave them out" if count else None
    if operator in _WITH_MANY_VALUES:
        if 1 <= count <= MAX_CONDITION_ITEMS:
            return None
        return f"has {_values(count)}; {name} takes 1 to {MAX_CONDITION_ITEMS}"
    if count == 1:
        return None
    hint = "; to test for one of several, use TRAIT_OPERATOR_IN" if operator == pb.TRAIT_OPERATOR_EQUALS else ""
    return f"has {_values(count)}; {name} takes exactly one{hint}"


def _values(count: int) -> str:
    return f"{count or 'no'} value{'' if count == 1 else 's'}"


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


def _expression_problem(text: str) -> str | None:
    size = len(text.encode())
    if size > MAX_EXPRESSION_BYTES:
        return f"takes {size} bytes; at most {MAX_EXPRESSION_BYTES} are allowed"
    if not text.strip():
        return "is empty; write an expression that gives a bool, such as contact.tags.size() > 2"
    try:
        compile_expression(text)
    except ExpressionError as error:
        return str(error)
    return None
