"""An index of very many conditions: those that a contact could fulfil are looked up instead of tried one by one.

Each condition has a need: one of some tags, of some values of a trait, of some sources. Of several needs, the one that
is rarest among all conditions is filed: "the source is whatsapp_dm and the campaign is diwali" stands under the
campaign. A look-up may find conditions that do not hold, so they are still to be tried, but it never misses one that
does. Conditions without a need, such as negations and expressions, are always found.
"""

from __future__ import annotations

import heapq
from array import array
from typing import TYPE_CHECKING

from service.rules.conditions.kinds import need_of
from service.rules.conditions.needs import SORTS, TRAIT, VALUE, Need, Some, Thing
from service.rules.conditions.operands import MISSING
from service.rules.matching.filing import Filed, Filing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from service.rules.conditions.folded_contact import FoldedContact
    from service.rules.conditions.kinds import Prepared
    from service.rules.conditions.operands import Operand

# Up to this many finds are sorted at once; more are merged one by one, since the first that holds ends the search.
_MOST_SORTED = 512
# Things are counted in so many numbers.
_COUNTS = 1 << 16


class Index:
    """Conditions, filed by their rarest needs. Immutable, so safe to share between threads.

    It is made while it reads one condition after the other, some of them twice, so that never all of them are in
    memory.

    Args:
        places: by which conditions are known, ascending.
        condition_at: reads the condition of a place.
    """

    __slots__ = ("_always", "_places", "_traits")

    def __init__(self, places: Iterable[int], condition_at: Callable[[int], Prepared | None]) -> None:
        self._always: list[int] = []
        # By sort and name, the places of the conditions that need this.
        filings = tuple(Filing() for _ in SORTS)
        counts = _Counts()
        later = []
        for place in places:
            need = need_of(condition_at(place))
            if need is None:
                self._always.append(place)
                continue
            counts.add(need)
            if isinstance(need, frozenset):
                _file(need, place, filings)
            else:
                later.append(place)
        for place in later:
            need = need_of(condition_at(place))
            if need is not None:
                _file(_rarest(need, counts), place, filings)
        self._places = tuple(filing.close() for filing in filings)
        self._traits = _keys(self._places[VALUE], self._places[TRAIT])

    def places(self, contact: FoldedContact) -> Iterable[int]:
        """Find the places of all conditions that could hold for this contact, in order; a place may come twice."""
        found = self._found(contact)
        if len(found) == 1:
            return found[0]
        if sum(map(len, found)) <= _MOST_SORTED:
            return sorted(set().union(*found))
        return heapq.merge(*found)

    def _found(self, contact: FoldedContact) -> list[Sequence[int]]:
        tags, sources, channels, values, traits, updated = self._places
        found: list[Sequence[int]] = [self._always] if self._always else []
        if tags:
            found += [tags[tag] for tag in contact.tags() if tag in tags]
        if updated:
            found += [updated[key] for key in contact.updated_keys() if key in updated]
        if sources and contact.source() in sources:
            found.append(sources[contact.source()])
        if channels and contact.channel() in channels:
            found.append(channels[contact.channel()])
        for key in contact.keys_among(self._traits):
            trait = contact.trait(key)
            if trait is not MISSING and key in traits:
                found.append(traits[key])
            if values:
                found += [values[name] for name in _names(key, trait) if name in values]
        return found


def _names(key: str, trait: Operand) -> set[tuple[str, str | float]]:
    """List what a trait, or one of a list's elements, may equal, by the names under which conditions are filed."""
    each = (trait,) if trait.items is None else trait.items
    return {(key, same) for one in each for same in (one.word, one.number) if same is not None}


def _file(things: frozenset[Thing], place: int, filings: tuple[Filing, ...]) -> None:
    for sort, name in things:
        filings[sort].add(name, place)


def _keys(values: Filed, traits: Filed) -> frozenset[str] | None:
    """List the keys of the traits that are looked up; None for too many to be listed."""
    if isinstance(values, dict) and isinstance(traits, dict):
        return frozenset([name if isinstance(name, str) else name[0] for name in (*values, *traits)])
    return None


class _Counts:
    """How often each thing is needed, by its hash: a few are taken for each other, which costs time and no finds."""

    def __init__(self) -> None:
        self._counts = array("I", bytes(4 * _COUNTS))

    def add(self, need: Need) -> None:
        if isinstance(need, frozenset):
            for thing in need:
                self._counts[hash(thing) % _COUNTS] += 1
        else:
            for each in need.needs:
                self.add(each)

    def of(self, thing: Thing) -> int:
        return self._counts[hash(thing) % _COUNTS]


def _rarest(need: Need, counts: _Counts) -> frozenset[Thing]:
    """Choose the things to file a condition under: a contact needs one of them, and few conditions do."""
    if isinstance(need, frozenset):
        return need
    parts = [_rarest(each, counts) for each in need.needs]
    if isinstance(need, Some):
        return frozenset[Thing]().union(*parts)
    return min(parts, key=lambda things: (max(map(counts.of, things), default=0), len(things)))
