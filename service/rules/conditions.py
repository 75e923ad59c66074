"""Conditions compiled to predicates: each message of the tree becomes one closure over folded, ready-made values."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from evenhand.v1 import rules_pb2 as pb

from service.rules.expressions import compile_expression
from service.rules.operands import Operand, compare, contains, equal, fold, operand_of, starts_with
from service.rules.view import ContactView

if TYPE_CHECKING:
    from collections.abc import Iterable

Predicate = Callable[[ContactView], bool]


def compile_condition(condition: pb.Condition) -> Predicate | None:
    """Compiles a condition that has passed validation.

    Returns:
        The predicate, which never raises; None if the condition is empty, which means always.
    """
    kind = condition.WhichOneof("kind")
    return None if kind is None else _KINDS[kind](condition)


def _compile_each(conditions: pb.ConditionList) -> tuple[Predicate, ...]:
    return tuple(compile_condition(condition) or _always for condition in conditions.conditions)


def _always(_view: ContactView) -> bool:
    return True


def _not(predicate: Predicate) -> Predicate:
    return lambda view: not predicate(view)


# Plain loops: all() and any() over a generator cost twice as much, and this is the hot path.
def _all(predicates: tuple[Predicate, ...]) -> Predicate:
    if len(predicates) == 1:
        return predicates[0]

    def holds(view: ContactView) -> bool:
        for predicate in predicates:  # noqa: SIM110
            if not predicate(view):
                return False
        return True

    return holds


def _any(predicates: tuple[Predicate, ...]) -> Predicate:
    if len(predicates) == 1:
        return predicates[0]

    def holds(view: ContactView) -> bool:
        for predicate in predicates:  # noqa: SIM110
            if predicate(view):
                return True
        return False

    return holds


def _folded(texts: Iterable[str]) -> frozenset[str]:
    return frozenset(map(fold, texts))


def _tag(condition: pb.TagCondition) -> Predicate:
    any_of, all_of, none_of = _folded(condition.any_of), _folded(condition.all_of), _folded(condition.none_of)

    def holds(view: ContactView) -> bool:
        tags = view.tags()
        return (not any_of or not any_of.isdisjoint(tags)) and all_of <= tags and none_of.isdisjoint(tags)

    return holds


def _source(condition: pb.SourceCondition) -> Predicate:
    any_of = _folded(condition.any_of)
    return lambda view: view.source() in any_of


def _channel(condition: pb.ChannelCondition) -> Predicate:
    any_of = _folded(condition.any_of)
    return lambda view: view.channel() in any_of


def _expression(text: str) -> Predicate:
    program = compile_expression(text)
    return lambda view: program.holds(view.activation())


Values = tuple[Operand, ...]


def _exists(key: str, _values: Values) -> Predicate:
    return lambda view: view.trait(key) is not None


def _changed(key: str, _values: Values) -> Predicate:
    return lambda view: view.changed(key) and view.trait(key) is not None


def _in(key: str, values: Values) -> Predicate:
    def holds(view: ContactView) -> bool:
        trait = view.trait(key)
        return trait is not None and any(equal(trait, value) for value in values)

    return holds


def _against_first(test: Callable[[Operand, Operand], bool]) -> Callable[[str, Values], Predicate]:
    """A compiler for an operator with one value; a missing trait makes it false."""

    def compiler(key: str, values: Values) -> Predicate:
        value = values[0]

        def holds(view: ContactView) -> bool:
            trait = view.trait(key)
            return trait is not None and test(trait, value)

        return holds

    return compiler


def _negation(compiler: Callable[[str, Values], Predicate]) -> Callable[[str, Values], Predicate]:
    """A compiler for the exact opposite; so a missing trait makes it true."""
    return lambda key, values: _not(compiler(key, values))


_equals = _against_first(equal)

_OPERATORS: dict[pb.TraitOperator.ValueType, Callable[[str, Values], Predicate]] = {
    pb.TRAIT_OPERATOR_EXISTS: _exists,
    pb.TRAIT_OPERATOR_NOT_EXISTS: _negation(_exists),
    pb.TRAIT_OPERATOR_EQUALS: _equals,
    pb.TRAIT_OPERATOR_NOT_EQUALS: _negation(_equals),
    pb.TRAIT_OPERATOR_CONTAINS: _against_first(contains),
    pb.TRAIT_OPERATOR_STARTS_WITH: _against_first(starts_with),
    pb.TRAIT_OPERATOR_IN: _in,
    pb.TRAIT_OPERATOR_NOT_IN: _negation(_in),
    pb.TRAIT_OPERATOR_LESS: _against_first(lambda trait, value: compare(trait, value) == -1),
    pb.TRAIT_OPERATOR_LESS_OR_EQUAL: _against_first(lambda trait, value: compare(trait, value) in (-1, 0)),
    pb.TRAIT_OPERATOR_GREATER: _against_first(lambda trait, value: compare(trait, value) == 1),
    pb.TRAIT_OPERATOR_GREATER_OR_EQUAL: _against_first(lambda trait, value: compare(trait, value) in (0, 1)),
    pb.TRAIT_OPERATOR_CHANGED: _changed,
}


def _trait(condition: pb.TraitCondition) -> Predicate:
    operands = (operand_of(value) for value in condition.values)
    values = tuple(operand for operand in operands if operand is not None)
    return _OPERATORS[condition.operator](condition.key, values)


_KINDS: dict[str, Callable[[pb.Condition], Predicate]] = {
    "all": lambda condition: _all(_compile_each(condition.all)),
    "any": lambda condition: _any(_compile_each(condition.any)),
    "none": lambda condition: _not(_any(_compile_each(condition.none))),
    "tag": lambda condition: _tag(condition.tag),
    "trait": lambda condition: _trait(condition.trait),
    "source": lambda condition: _source(condition.source),
    "channel": lambda condition: _channel(condition.channel),
    "expression": lambda condition: _expression(condition.expression),
}
