"""Which of very many conditions a contact could fulfil at all, by look-up instead of trying one after the other.

From each condition follows something that a contact must have for it to hold: one of some tags, of some values of a
trait, of some sources. Where several things follow, what is rarest among all conditions is looked up: "the source is
whatsapp_dm and the campaign is diwali" stands under the campaign. Looking up may find conditions that do not hold, so
they are still to be asked, but never misses one that does. What nothing follows from, such as a negation or an
expression, is always found.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from evenhand.v1 import rules_pb2 as pb

from service.rules.matching.operands import MISSING, Key, operand_of_prepared

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from service.rules.matching.contact_view import ContactView
    from service.rules.matching.prepared import PreparedCondition

# The kinds of things that a contact has: a tag, a source, a channel, a trait of some value, a trait, an updated key.
_TAG, _SOURCE, _CHANNEL, _VALUE, _TRAIT, _UPDATED = range(6)
# Up to this many finds are sorted at once; more are merged one by one, since the first that holds ends the search.
_MOST_SORTED = 512

_Thing: TypeAlias = tuple[int, str | tuple[str, Key]]
"""A kind, and a name; for _VALUE the trait's key and what its value is equal by."""


class _Every(NamedTuple):
    """A contact needs all of these."""

    needs: list[_Need]


class _Some(NamedTuple):
    """A contact needs one of these, whichever."""

    needs: list[_Need]


_Need: TypeAlias = frozenset[_Thing] | _Every | _Some
"""What a contact must have for a condition to hold; of a set of things, any one."""

_EQUALITIES: frozenset[int] = frozenset({pb.TRAIT_OPERATOR_EQUALS, pb.TRAIT_OPERATOR_IN})
# Other operators that are false for a missing trait.
_OF_PRESENT: frozenset[int] = frozenset(
    {
        pb.TRAIT_OPERATOR_EXISTS,
        pb.TRAIT_OPERATOR_CONTAINS,
        pb.TRAIT_OPERATOR_STARTS_WITH,
        pb.TRAIT_OPERATOR_LESS,
        pb.TRAIT_OPERATOR_LESS_OR_EQUAL,
        pb.TRAIT_OPERATOR_GREATER,
        pb.TRAIT_OPERATOR_GREATER_OR_EQUAL,
    }
)


class Index:
    """Finds the conditions that a contact could fulfil. Immutable, so safe to share between threads.

    Args:
        conditions: Each with the place by which it is known; places ascend.
    """

    __slots__ = ("_always", "_places", "_traits")

    def __init__(self, conditions: Iterable[tuple[int, PreparedCondition]]) -> None:
        needs = [(place, _need_of(condition)) for place, condition in conditions]
        frequencies: defaultdict[_Thing, int] = defaultdict(int)
        for _, need in needs:
            _count(need, frequencies)
        # By kind and name, the places of the conditions that need this.
        self._places: tuple[dict[str | tuple[str, Key], list[int]], ...] = ({}, {}, {}, {}, {}, {})
        self._always: list[int] = []
        self._traits: set[str] = set()
        for place, need in needs:
            if need is None:
                self._always.append(place)
                continue
            for kind, name in _rarest(need, frequencies):
                self._places[kind].setdefault(name, []).append(place)
                if kind in (_VALUE, _TRAIT):
                    self._traits.add(name if isinstance(name, str) else name[0])

    def places(self, view: ContactView) -> Iterable[int]:
        """The places of all conditions that could hold for this contact, in order; a place may come twice."""
        found = self._found(view)
        if len(found) == 1:
            return found[0]
        if sum(map(len, found)) <= _MOST_SORTED:
            return sorted(set().union(*found))
        return heapq.merge(*found)

    def _found(self, view: ContactView) -> list[list[int]]:
        tags, sources, channels, values, traits, updated = self._places
        found = [self._always] if self._always else []
        if tags:
            found += [tags[tag] for tag in view.tags() if tag in tags]
        if updated:
            found += [updated[key] for key in view.updated_keys() if key in updated]
        if sources and view.source() in sources:
            found.append(sources[view.source()])
        if channels and view.channel() in channels:
            found.append(channels[view.channel()])
        for key in view.keys_among(self._traits):
            trait = view.trait(key)
            if trait is not MISSING and key in traits:
                found.append(traits[key])
            if trait.key is not None and (key, trait.key) in values:
                found.append(values[key, trait.key])
        return found


def _need_of(condition: PreparedCondition) -> _Need | None:
    """What a contact must have for the condition to hold; None for nothing in particular."""
    return _KINDS[condition[0]](*condition[1:]) if condition is not None and condition[0] in _KINDS else None


def _need_of_all(conditions: list[PreparedCondition]) -> _Need | None:
    return _every(list(map(_need_of, conditions)))


def _need_of_any(conditions: list[PreparedCondition]) -> _Need | None:
    needs = list(map(_need_of, conditions))
    found = [need for need in needs if need is not None]
    return _Some(found) if len(found) == len(needs) else None


def _need_of_tags(any_of: list[str], all_of: list[str], _none_of: list[str]) -> _Need | None:
    needs: list[_Need | None] = [_any_of(_TAG, [tag]) for tag in all_of]
    if any_of:
        needs.append(_any_of(_TAG, any_of))
    return _every(needs)


def _need_of_trait(trait: str, operator: int, values: list[str | float | bool | None]) -> _Need | None:
    if operator in _EQUALITIES:
        keys = [operand_of_prepared(value).key for value in values]
        return frozenset([(_VALUE, (trait, key)) for key in keys if key is not None])
    if operator in _OF_PRESENT:
        return frozenset([(_TRAIT, trait)])
    return frozenset([(_UPDATED, trait)]) if operator == pb.TRAIT_OPERATOR_CHANGED else None


# What is not here, `none` and `expression`, needs nothing in particular.
_KINDS: dict[str, Callable[..., _Need | None]] = {
    "all": _need_of_all,
    "any": _need_of_any,
    "tag": _need_of_tags,
    "trait": _need_of_trait,
    "source": lambda any_of: _any_of(_SOURCE, any_of),
    "channel": lambda any_of: _any_of(_CHANNEL, any_of),
}


def _any_of(kind: int, texts: Sequence[str]) -> _Need:
    return frozenset([(kind, text) for text in texts])


def _every(needs: list[_Need | None]) -> _Need | None:
    found = [need for need in needs if need is not None]
    if len(found) > 1:
        return _Every(found)
    return found[0] if found else None


def _count(need: _Need | None, frequencies: defaultdict[_Thing, int]) -> None:
    """Counts how often each thing is needed."""
    if isinstance(need, frozenset):
        for thing in need:
            frequencies[thing] += 1
    elif need is not None:
        for each in need.needs:
            _count(each, frequencies)


def _rarest(need: _Need, frequencies: Mapping[_Thing, int]) -> frozenset[_Thing]:
    """The things to look a condition up by: a contact needs one of them, and few conditions do."""
    if isinstance(need, frozenset):
        return need
    parts = [_rarest(each, frequencies) for each in need.needs]
    if isinstance(need, _Some):
        return frozenset[_Thing]().union(*parts)
    return min(parts, key=lambda things: (max(map(frequencies.__getitem__, things), default=0), len(things)))
