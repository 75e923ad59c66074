"""Operators of trait conditions: one row each, which checks, compiling and the index read."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from evenhand.v1 import rules_pb2 as pb

from service.rules.conditions.kinds import Predicate, nothing
from service.rules.conditions.needs import TRAIT, UPDATED, VALUE, Need, one_of
from service.rules.conditions.operands import (
    MISSING,
    Operand,
    PreparedValue,
    characters,
    contains,
    equal,
    operand_of_prepared,
    ordered,
)
from service.rules.fields.limits import MAX_CONDITION_ITEMS

if TYPE_CHECKING:
    from service.rules.conditions.folded_contact import FoldedContact

Values: TypeAlias = Sequence[Operand]


@dataclass(frozen=True, slots=True)
class Operator:
    """A row: how a trait is tested.

    Attributes:
        counts: the numbers of values that it takes.
        compile: make a predicate for the trait of a key and these values; for a negative operator, the one that it
            negates.
        need: tell what a contact needs for it to hold, by the key and the values as they were prepared.
        negative: whether it is the exact opposite of what `compile` makes, and so holds for a missing trait.
        hint: goes on the message about a wrong number of values.
    """

    counts: range
    compile: Callable[[str, Values], Predicate]
    need: Callable[[str, Sequence[PreparedValue]], Need | None]
    negative: bool = False
    hint: str = ""


def _exists(key: str, _values: Values) -> Predicate:
    return lambda contact: contact.trait(key) is not MISSING


def _changed(key: str, _values: Values) -> Predicate:
    return lambda contact: key in contact.updated_keys() and contact.trait(key) is not MISSING


def _equals(key: str, values: Values) -> Predicate:
    if len(values) == 1 and values[0].key is not None and values[0].whole is None:
        only = values[0].key
        return lambda contact: contact.trait(key).key == only
    if any(value.whole is not None for value in values):
        return lambda contact: any(equal(contact.trait(key), value) for value in values)
    wanted = frozenset(value.key for value in values if value.key is not None)
    return lambda contact: contact.trait(key).key in wanted


def _contains(key: str, values: Values) -> Predicate:
    value = values[0]
    return lambda contact: contains(contact.trait(key), value)


def _of_text(test: Callable[[str, str], bool]) -> Callable[[str, Values], Predicate]:
    """Make a compiler for an operator that holds a text, or a number's digits, against the value's text."""

    def compiler(key: str, values: Values) -> Predicate:
        part = characters(values[0])

        def holds(contact: FoldedContact) -> bool:
            whole = characters(contact.trait(key))
            return whole is not None and part is not None and test(whole, part)

        return holds

    return compiler


def _ordering(test: Callable[[Any, Any], bool]) -> Callable[[str, Values], Predicate]:
    """Make a compiler for an operator that orders."""

    def compiler(key: str, values: Values) -> Predicate:
        value = values[0]
        number = value.number
        if number is None or value.text is not None:
            return lambda contact: ordered(contact.trait(key), value, test)

        def holds(contact: FoldedContact) -> bool:
            trait = contact.trait(key).number
            return trait is not None and test(trait, number)

        return holds

    return compiler


def _equality(key: str, values: Sequence[PreparedValue]) -> Need:
    """Need a trait that equals one of the values."""
    keys = [operand_of_prepared(value).key for value in values]
    return one_of(VALUE, [(key, each) for each in keys if each is not None])


def _presence(key: str, _values: Sequence[PreparedValue]) -> Need:
    """Need the trait, as whatever is false for a missing one does."""
    return one_of(TRAIT, [key])


def _update(key: str, _values: Sequence[PreparedValue]) -> Need:
    """Need the key among those that the event updated."""
    return one_of(UPDATED, [key])


_NONE, _ONE, _SEVERAL = range(1), range(1, 2), range(1, MAX_CONDITION_ITEMS + 1)
_USE_IN = "; to test for one of several, use TRAIT_OPERATOR_IN"

OPERATORS: Final[dict[int, Operator]] = {
    pb.TRAIT_OPERATOR_EXISTS: Operator(_NONE, _exists, _presence),
    pb.TRAIT_OPERATOR_NOT_EXISTS: Operator(_NONE, _exists, nothing, negative=True),
    pb.TRAIT_OPERATOR_EQUALS: Operator(_ONE, _equals, _equality, hint=_USE_IN),
    pb.TRAIT_OPERATOR_NOT_EQUALS: Operator(_ONE, _equals, nothing, negative=True),
    pb.TRAIT_OPERATOR_CONTAINS: Operator(_ONE, _contains, _presence),
    pb.TRAIT_OPERATOR_STARTS_WITH: Operator(_ONE, _of_text(str.startswith), _presence),
    pb.TRAIT_OPERATOR_IN: Operator(_SEVERAL, _equals, _equality),
    pb.TRAIT_OPERATOR_NOT_IN: Operator(_SEVERAL, _equals, nothing, negative=True),
    pb.TRAIT_OPERATOR_LESS: Operator(_ONE, _ordering(operator.lt), _presence),
    pb.TRAIT_OPERATOR_LESS_OR_EQUAL: Operator(_ONE, _ordering(operator.le), _presence),
    pb.TRAIT_OPERATOR_GREATER: Operator(_ONE, _ordering(operator.gt), _presence),
    pb.TRAIT_OPERATOR_GREATER_OR_EQUAL: Operator(_ONE, _ordering(operator.ge), _presence),
    pb.TRAIT_OPERATOR_CHANGED: Operator(_NONE, _changed, _update),
    pb.TRAIT_OPERATOR_ENDS_WITH: Operator(_ONE, _of_text(str.endswith), _presence),
}
"""Each operator of the contract, by its number."""
