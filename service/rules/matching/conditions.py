"""Conditions compiled to predicates: each one of the tree becomes one closure over folded, ready-made values.

Compiling is a part of the cost of a rule set that is asked only once, and so as cheap as it can be; an expression is
compiled when it is first evaluated.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from evenhand.v1 import rules_pb2 as pb

from service.rules.matching.contact_view import ContactView
from service.rules.matching.expressions import Program, read_checked
from service.rules.matching.operands import MISSING, Operand, contains, equal, operand_of_prepared, ordered, starts_with

if TYPE_CHECKING:
    from service.rules.matching.prepared import PreparedCondition

Predicate = Callable[[ContactView], bool]


def compile_condition(condition: PreparedCondition) -> Predicate:
    """Compiles a prepared condition.

    Returns:
        The predicate, which no contact makes raise. Parts of a list may come to light only in the predicate, which then
        raises what is said here.

    Raises:
        KeyError: If an operator or kind is none that this version knows.
    """
    return always if condition is None else _KINDS[condition[0]](condition)


def always(_view: ContactView) -> bool:
    """The predicate of an empty condition."""
    return True


def _not(predicate: Predicate) -> Predicate:
    return lambda view: not predicate(view)


def _list(deciding: bool, verdict: bool) -> Callable[[list[Any]], Predicate]:
    """A compiler for a list of conditions, where the first that comes out as `deciding` makes it the verdict."""

    def compiler(condition: list[Any]) -> Predicate:
        _, parts = condition
        if not parts:
            return _not(always) if verdict else always
        first = compile_condition(parts[0])
        if len(parts) == 1:
            return first if deciding is verdict else _not(first)
        others: list[Predicate] | None = None

        def holds(view: ContactView) -> bool:
            nonlocal others
            if first(view) is deciding:
                return verdict
            if others is None:  # most often the first decides, and the others are never needed
                others = list(map(compile_condition, parts[1:]))
            for predicate in others:
                if predicate(view) is deciding:
                    return verdict
            return not verdict

        return holds

    return compiler


def _tag(condition: list[Any]) -> Predicate:
    any_of, all_of, none_of = map(frozenset, condition[1:])
    if not (all_of or none_of or not any_of):
        return lambda view: not any_of.isdisjoint(view.tags())

    def holds(view: ContactView) -> bool:
        tags = view.tags()
        return (not any_of or not any_of.isdisjoint(tags)) and all_of <= tags and none_of.isdisjoint(tags)

    return holds


def _source(condition: list[Any]) -> Predicate:
    _, any_of = condition
    return lambda view: view.source() in any_of


def _channel(condition: list[Any]) -> Predicate:
    _, any_of = condition
    return lambda view: view.channel() in any_of


def _expression(condition: list[Any]) -> Predicate:
    _, form = condition
    program: Program | None = None

    def holds(view: ContactView) -> bool:
        nonlocal program
        if program is None:
            program = read_checked(form)  # two threads at once get the same
        return program.holds(view.activation())

    return holds


Values = Sequence[Operand]


def _exists(key: str, _values: Values) -> Predicate:
    return lambda view: view.trait(key) is not MISSING


def _changed(key: str, _values: Values) -> Predicate:
    return lambda view: key in view.updated_keys() and view.trait(key) is not MISSING


def _one_of(key: str, values: Values) -> Predicate:
    if len(values) == 1 and values[0].key is not None and values[0].whole is None:
        only = values[0].key
        return lambda view: view.trait(key).key == only
    if any(value.whole is not None for value in values):
        return lambda view: any(equal(view.trait(key), value) for value in values)
    wanted = frozenset(value.key for value in values if value.key is not None)
    return lambda view: view.trait(key).key in wanted


def _against_first(test: Callable[[Operand, Operand], bool]) -> Callable[[str, Values], Predicate]:
    """A compiler for an operator with one value; a missing trait makes it false."""

    def compiler(key: str, values: Values) -> Predicate:
        value = values[0]
        return lambda view: test(view.trait(key), value)

    return compiler


def _ordering(test: Callable[[Any, Any], bool]) -> Callable[[str, Values], Predicate]:
    """A compiler for an operator that orders."""

    def compiler(key: str, values: Values) -> Predicate:
        value = values[0]
        number = value.number
        if number is None or value.text is not None:
            return lambda view: ordered(view.trait(key), value, test)

        def holds(view: ContactView) -> bool:
            trait = view.trait(key).number
            return trait is not None and test(trait, number)

        return holds

    return compiler


def _negation(compiler: Callable[[str, Values], Predicate]) -> Callable[[str, Values], Predicate]:
    """A compiler for the exact opposite; so a missing trait makes it true."""
    return lambda key, values: _not(compiler(key, values))


_OPERATORS: dict[int, Callable[[str, Values], Predicate]] = {
    pb.TRAIT_OPERATOR_EXISTS: _exists,
    pb.TRAIT_OPERATOR_NOT_EXISTS: _negation(_exists),
    pb.TRAIT_OPERATOR_EQUALS: _one_of,
    pb.TRAIT_OPERATOR_NOT_EQUALS: _negation(_one_of),
    pb.TRAIT_OPERATOR_CONTAINS: _against_first(contains),
    pb.TRAIT_OPERATOR_STARTS_WITH: _against_first(starts_with),
    pb.TRAIT_OPERATOR_IN: _one_of,
    pb.TRAIT_OPERATOR_NOT_IN: _negation(_one_of),
    pb.TRAIT_OPERATOR_LESS: _ordering(operator.lt),
    pb.TRAIT_OPERATOR_LESS_OR_EQUAL: _ordering(operator.le),
    pb.TRAIT_OPERATOR_GREATER: _ordering(operator.gt),
    pb.TRAIT_OPERATOR_GREATER_OR_EQUAL: _ordering(operator.ge),
    pb.TRAIT_OPERATOR_CHANGED: _changed,
}


def _trait(condition: list[Any]) -> Predicate:
    _, key, by, values = condition
    return _OPERATORS[by](key, list(map(operand_of_prepared, values)))


_KINDS: dict[str, Callable[[list[Any]], Predicate]] = {
    "all": _list(deciding=False, verdict=False),
    "any": _list(deciding=True, verdict=True),
    "none": _list(deciding=True, verdict=False),
    "tag": _tag,
    "trait": _trait,
    "source": _source,
    "channel": _channel,
    "expression": _expression,
}
