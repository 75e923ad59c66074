"""Facts about a contact: what one test of a condition says, and which facts follow from others.

Whatever follows here holds for every contact, so that no warning is false; not all that holds is found. A trait may be
a list, of which one element passes one test and another the next: so EQUALS "a" and EQUALS "b" are no contradiction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from evenhand.v1 import rules_pb2 as pb

from service.rules.conditions.kinds import prepare_condition
from service.rules.conditions.operands import NAMES
from service.rules.conditions.wanted import TIME

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

Subject: TypeAlias = tuple[str, ...]
"""What a fact is about: the tags, the source, a trait of some key, or a condition as a whole."""

IN: Final = "in"
EXISTS: Final = "exists"
_NUMBER: Final = "number"
_NAMES: Final = frozenset(NAMES.values())
_STRICT: Final = frozenset({"<", ">"})
_ORDERS: Final = _STRICT | {"<=", ">="}
_TAGS: Final[Subject] = ("tags",)
_CHANGED_TAGS: Final[Subject] = ("changed tags",)
_PARTS: Final[dict[str, Callable[[str, str], bool]]] = {
    "contains": str.__contains__,
    "starts": str.startswith,
    "ends": str.endswith,
}
_SINGLE: Final = frozenset({("source",), ("channel",)})  # a contact has only one
_OPPOSITE: Final[dict[int, int]] = {
    pb.TRAIT_OPERATOR_NOT_EXISTS: pb.TRAIT_OPERATOR_EXISTS,
    pb.TRAIT_OPERATOR_NOT_EQUALS: pb.TRAIT_OPERATOR_EQUALS,
    pb.TRAIT_OPERATOR_NOT_IN: pb.TRAIT_OPERATOR_IN,
}
_TESTS: Final[dict[int, str]] = {
    pb.TRAIT_OPERATOR_EXISTS: EXISTS,
    pb.TRAIT_OPERATOR_EQUALS: IN,
    pb.TRAIT_OPERATOR_IN: IN,
    pb.TRAIT_OPERATOR_LESS: "<",
    pb.TRAIT_OPERATOR_LESS_OR_EQUAL: "<=",
    pb.TRAIT_OPERATOR_GREATER: ">",
    pb.TRAIT_OPERATOR_GREATER_OR_EQUAL: ">=",
    pb.TRAIT_OPERATOR_STARTS_WITH: "starts",
    pb.TRAIT_OPERATOR_ENDS_WITH: "ends",
    pb.TRAIT_OPERATOR_CONTAINS: "contains",
    pb.TRAIT_OPERATOR_CHANGED: "changed",
}


class Fact(NamedTuple):
    """A test of a contact, and how it comes out.

    Attributes:
        subject: what is tested.
        test: IN (one of the subject's values is among those of the operand), EXISTS, or an operator.
        operand: what it is held against: for IN a set of values, else the value; of each its type, too, since Python
            takes True for 1.
        holds: whether the test passes.
    """

    subject: Subject
    test: str
    operand: Any
    holds: bool

    def opposite(self) -> Fact:
        """Return the fact that holds wherever this one does not."""
        return Fact(self.subject, self.test, self.operand, not self.holds)


def source_is(source: str) -> Fact:
    """Return the fact that the contact has this source, folded."""
    return Fact(("source",), IN, _values([source]), True)


def whole(condition: pb.Condition) -> Fact:
    """Return the fact that a condition holds, of which nothing more is known."""
    return Fact(("condition", condition.SerializeToString(deterministic=True).hex()), "holds", None, True)


def facts_of(condition: pb.Condition) -> list[Fact]:
    """Return the facts that together are a condition over no other conditions."""
    if condition.WhichOneof("kind") == "expression":
        return [whole(condition)]
    match prepare_condition(condition):
        case ["tag", any_of, all_of, none_of, changed]:
            asked = [Fact(_TAGS, IN, _values(tags), True) for tags in (any_of, *([tag] for tag in all_of)) if tags]
            asked += [Fact(_CHANGED_TAGS, IN, _values(changed), True)] if changed else []
            return asked + ([Fact(_TAGS, IN, _values(none_of), False)] if none_of else [])
        case [("source" | "channel") as kind, any_of]:
            return [Fact((kind,), IN, _values(any_of), True)]
        case ["trait", key, int(number), values] if _OPPOSITE.get(number, number) in _TESTS:
            test = _TESTS[_OPPOSITE.get(number, number)]
            operand = _values(values) if test == IN else tuple(map(_typed, values))
            return [Fact(("trait", key), test, operand, number not in _OPPOSITE)]
    return [whole(condition)]


def _typed(value: Any) -> tuple[str, Any]:
    if isinstance(value, dict):
        return TIME, value[TIME]
    if isinstance(value, float | int) and not isinstance(value, bool):
        return _NUMBER, value
    return type(value).__name__, value


def _values(values: Iterable[Any]) -> frozenset[tuple[str, Any]]:
    return frozenset(map(_typed, values))


def elsewhere(fact: Fact) -> Iterable[Fact]:
    """List what a fact says about another subject: a tag just added is there, and one that is not there was not."""
    if len(fact.subject) > 1:  # a trait, as most are
        return ()
    if fact.subject == _CHANGED_TAGS and fact.holds:
        return (fact._replace(subject=_TAGS),)
    if fact.subject == _TAGS and not fact.holds:
        return (fact._replace(subject=_CHANGED_TAGS),)
    return ()


def follows(known: Collection[Fact], fact: Fact) -> bool:
    """Tell whether a fact surely holds where others do.

    Args:
        known: facts about the same subject.
        fact: what may follow.
    """
    if fact in known:
        return True
    if fact.test == IN:
        return _one_follows(known, fact) if fact.holds else _none_follows(known, fact)
    if fact.test == EXISTS:
        return fact.holds and any(other.holds for other in known)
    if fact.holds:
        return any(other.holds and _implies(other, fact) for other in known)
    return _is_missing(known) or any(not other.holds and _implies(fact, other) for other in known)


def left_of(known: Collection[Fact], fact: Fact) -> frozenset[tuple[str, Any]]:
    """Return of what values one must be there, given a fact that holds: those that no other fact rules out."""
    values: frozenset[tuple[str, Any]] = fact.operand
    for other in known:
        if other.test != IN:
            continue
        if not other.holds:
            values -= other.operand
        elif fact.subject in _SINGLE:
            values &= other.operand
    return values


def _one_follows(known: Collection[Fact], fact: Fact) -> bool:
    return any(other.holds and other.test == IN and left_of(known, other) <= fact.operand for other in known)


def _none_follows(known: Collection[Fact], fact: Fact) -> bool:
    left = fact.operand
    for other in known:
        if other.test == IN and not other.holds:
            left -= other.operand
        elif other.test == IN and fact.subject in _SINGLE:
            left &= other.operand
    return not left or _is_missing(known) or any(not other.holds and _implies(fact, other) for other in known)


def _is_missing(known: Collection[Fact]) -> bool:
    return any(other.test == EXISTS and not other.holds for other in known)


def _implies(one: Fact, other: Fact) -> bool:
    """Tell whether a test of the same subject passes wherever another does."""
    if one.test == IN and other.test in _ORDERS:
        numbers = {kind for kind, _ in (*one.operand, *other.operand)} == {_NUMBER}
        return numbers and all(_is_beyond(value, "=", other) for _, value in one.operand)
    if other.test in _PARTS:
        return _implies_part(one, other)
    if IN in (one.test, other.test) or not one.operand or not other.operand or one.operand[0][0] != other.operand[0][0]:
        return False
    kind, value = one.operand[0]
    both = one.test in _ORDERS and other.test in _ORDERS and kind in {_NUMBER, TIME}
    return both and one.test[0] == other.test[0] and _is_beyond(value, one.test, other)


def _implies_part(one: Fact, other: Fact) -> bool:
    """Tell whether a part of a text is there wherever a test passes.

    A boolean equals its name, in a list by CONTAINS too, and yet has no parts.
    """
    if one.test not in {IN, other.test} and (other.test != "contains" or one.test not in _PARTS):
        return False
    kind, part = other.operand[0]
    has_part = _PARTS[other.test]
    texts = kind == "str" and all(each == "str" and text not in _NAMES for each, text in one.operand)
    return texts and all(has_part(text, part) for _, text in one.operand)


def _is_beyond(value: Any, test: str, other: Fact) -> bool:
    """Tell whether what stands to a value as the test says stands to the other's bound as that says."""
    bound = other.operand[0][1]
    if value == bound:
        return other.test not in _STRICT or test in _STRICT
    return bool(value > bound if other.test[0] == ">" else value < bound)
