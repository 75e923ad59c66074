"""Operators of trait conditions: one row each, which checks, preparing, compiling and the index read."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from evenhand.v1 import rules_pb2 as pb

from service.rules.conditions.kinds import Predicate, nothing
from service.rules.conditions.needs import TRAIT, UPDATED, VALUE, Need, one_of
from service.rules.conditions.operands import MISSING, NAMES, Operand, number_text
from service.rules.conditions.wanted import PART, QUANTITY, SAME, TIME, Reading, Wanted, is_number
from service.rules.fields.limits import MAX_CONDITION_ITEMS

if TYPE_CHECKING:
    from service.rules.conditions.folded_contact import FoldedContact

Values: TypeAlias = Sequence[Wanted]
"""The values of a prepared condition."""

Test: TypeAlias = Callable[[Operand], bool]
"""Whether one value, which is no list, passes."""


@dataclass(frozen=True, slots=True)
class Operator:
    """A row: how a trait is tested.

    Attributes:
        counts: the numbers of values that it takes.
        reading: how it reads each of them.
        compile: make a predicate for the trait of a key and these values; for a negative operator, the one that it
            negates.
        need: tell what a contact needs for it to hold, by the key and the values as they were prepared.
        negative: whether it is the exact opposite of what `compile` makes, and so holds for a missing trait.
        hint: goes on the message about a wrong number of values.
    """

    counts: range
    reading: Reading
    compile: Callable[[str, Values], Predicate]
    need: Callable[[str, Values], Need | None]
    negative: bool = False
    hint: str = ""


def _exists(key: str, _values: Values) -> Predicate:
    return lambda contact: contact.trait(key) is not MISSING


def _changed(key: str, _values: Values) -> Predicate:
    return lambda contact: key in contact.updated_keys() and contact.trait(key) is not MISSING


def _equals(key: str, values: Values) -> Predicate:
    words = frozenset(value for value in values if isinstance(value, str))
    if len(words) < len(values):
        return _any_element(key, _same(values))

    def holds(contact: FoldedContact) -> bool:  # the most frequent test of all, so without the call of another
        trait = contact.trait(key)
        if trait.items is None:
            return trait.word in words
        return any(item.word in words for item in trait.items)

    return holds


def _same(values: Values) -> Test:
    words = frozenset(value for value in values if isinstance(value, str))
    numbers = frozenset(value for value in values if is_number(value))
    if numbers:
        return lambda each: each.number in numbers or each.word in words
    return lambda each: each.word in words


def _any_element(key: str, test: Test) -> Predicate:
    """Make a predicate that holds if a trait passes, or one element of a list does."""

    def holds(contact: FoldedContact) -> bool:
        trait = contact.trait(key)
        return test(trait) if trait.items is None else any(map(test, trait.items))

    return holds


def _of_text(test: Callable[[str, str], bool]) -> Callable[[str, Values], Predicate]:
    """Make a compiler for an operator that holds a text, or a number's digits, against the value's text."""
    return lambda key, values: _any_element(key, _part(test, values[0]))


def _part(test: Callable[[str, str], bool], value: Wanted) -> Test:
    part = number_text(value) if is_number(value) else value
    if not isinstance(part, str):
        return _nothing_passes

    def passes(each: Operand) -> bool:
        characters = each.characters
        return characters is not None and test(characters, part)

    return passes


def _contains(key: str, values: Values) -> Predicate:
    """Make a predicate that looks for a part of a text; of a list, an element may also equal the value."""
    has_part = _part(str.__contains__, values[0])
    same = _same([NAMES[value] if isinstance(value, bool) else value for value in values])

    def holds(contact: FoldedContact) -> bool:
        trait = contact.trait(key)
        if trait.items is None:
            return has_part(trait)
        return any(has_part(item) or same(item) for item in trait.items)

    return holds


def _ordering(test: Callable[[Any, Any], bool]) -> Callable[[str, Values], Predicate]:
    """Make a compiler for an operator that orders numbers, or times."""

    def compiler(key: str, values: Values) -> Predicate:
        wanted = values[0]
        if isinstance(wanted, dict):
            return _any_element(key, _time_passes(test, wanted[TIME]))
        return _number_predicate(key, test, wanted) if is_number(wanted) else _any_element(key, _nothing_passes)

    return compiler


def _number_predicate(key: str, test: Callable[[float, float], bool], wanted: float) -> Predicate:
    def holds(contact: FoldedContact) -> bool:  # frequent, too
        trait = contact.trait(key)
        if trait.items is None:
            number = trait.number
            return number is not None and test(number, wanted)
        return any(item.number is not None and test(item.number, wanted) for item in trait.items)

    return holds


def _time_passes(test: Callable[[int, int], bool], wanted: int) -> Test:
    def passes(each: Operand) -> bool:
        time = each.time
        return time is not None and test(time, wanted)

    return passes


def _nothing_passes(_each: Operand) -> bool:
    """Refuse everything, since the value is one that nothing compares with."""
    return False


def _equality(key: str, values: Values) -> Need:
    """Need a trait that equals one of the values."""
    return one_of(VALUE, [(key, value) for value in values if isinstance(value, str | float | int)])


def _presence(key: str, _values: Values) -> Need:
    """Need the trait, as whatever is false for a missing one does."""
    return one_of(TRAIT, [key])


def _update(key: str, _values: Values) -> Need:
    """Need the key among those that the event updated."""
    return one_of(UPDATED, [key])


_NONE, _ONE, _SEVERAL = range(1), range(1, 2), range(1, MAX_CONDITION_ITEMS + 1)
_USE_IN = "; to test for one of several, use TRAIT_OPERATOR_IN"

OPERATORS: Final[dict[int, Operator]] = {
    pb.TRAIT_OPERATOR_EXISTS: Operator(_NONE, SAME, _exists, _presence),
    pb.TRAIT_OPERATOR_NOT_EXISTS: Operator(_NONE, SAME, _exists, nothing, negative=True),
    pb.TRAIT_OPERATOR_EQUALS: Operator(_ONE, SAME, _equals, _equality, hint=_USE_IN),
    pb.TRAIT_OPERATOR_NOT_EQUALS: Operator(_ONE, SAME, _equals, nothing, negative=True),
    pb.TRAIT_OPERATOR_CONTAINS: Operator(_ONE, PART, _contains, _presence),
    pb.TRAIT_OPERATOR_STARTS_WITH: Operator(_ONE, PART, _of_text(str.startswith), _presence),
    pb.TRAIT_OPERATOR_IN: Operator(_SEVERAL, SAME, _equals, _equality),
    pb.TRAIT_OPERATOR_NOT_IN: Operator(_SEVERAL, SAME, _equals, nothing, negative=True),
    pb.TRAIT_OPERATOR_LESS: Operator(_ONE, QUANTITY, _ordering(operator.lt), _presence),
    pb.TRAIT_OPERATOR_LESS_OR_EQUAL: Operator(_ONE, QUANTITY, _ordering(operator.le), _presence),
    pb.TRAIT_OPERATOR_GREATER: Operator(_ONE, QUANTITY, _ordering(operator.gt), _presence),
    pb.TRAIT_OPERATOR_GREATER_OR_EQUAL: Operator(_ONE, QUANTITY, _ordering(operator.ge), _presence),
    pb.TRAIT_OPERATOR_CHANGED: Operator(_NONE, SAME, _changed, _update),
    pb.TRAIT_OPERATOR_ENDS_WITH: Operator(_ONE, PART, _of_text(str.endswith), _presence),
}
"""Each operator of the contract, by its number."""
