"""An index of very many conditions: those that a contact could fulfil are looked up instead of tried one by one.

Each condition has a need: one of some tags, of some values of a trait, of some sources. Of several needs, the one that
is rarest among all conditions is filed: "the source is whatsapp_dm and the campaign is diwali" stands under the
campaign. A look-up may find conditions that do not hold, so they are still to be tried, but it never misses one that
does. Conditions without a need, such as negations and expressions, are always found.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from typing import TYPE_CHECKING

from service.rules.conditions.kinds import need_of
from service.rules.conditions.needs import SORTS, TRAIT, VALUE, Name, Need, Some, Thing
from service.rules.conditions.operands import MISSING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from service.rules.conditions.folded_contact import FoldedContact
    from service.rules.conditions.kinds import Prepared

# Up to this many finds are sorted at once; more are merged one by one, since the first that holds ends the search.
_MOST_SORTED = 512


class Index:
    """Conditions, filed by their rarest needs. Immutable, so safe to share between threads.

    Args:
        conditions: each with the place by which it is known; places ascend.
    """

    __slots__ = ("_always", "_places", "_traits")

    def __init__(self, conditions: Iterable[tuple[int, Prepared | None]]) -> None:
        needs = [(place, need_of(condition)) for place, condition in conditions]
        frequencies: defaultdict[Thing, int] = defaultdict(int)
        for _, need in needs:
            _count(need, frequencies)
        # By sort and name, the places of the conditions that need this.
        self._places: tuple[dict[Name, list[int]], ...] = tuple({} for _ in SORTS)
        self._always: list[int] = []
        self._traits: set[str] = set()
        for place, need in needs:
            if need is None:
                self._always.append(place)
                continue
            for sort, name in _rarest(need, frequencies):
                self._places[sort].setdefault(name, []).append(place)
                if sort in (VALUE, TRAIT):
                    self._traits.add(name if isinstance(name, str) else name[0])

    def places(self, contact: FoldedContact) -> Iterable[int]:
        """Find the places of all conditions that could hold for this contact, in order; a place may come twice."""
        found = self._found(contact)
        if len(found) == 1:
            return found[0]
        if sum(map(len, found)) <= _MOST_SORTED:
            return sorted(set().union(*found))
        return heapq.merge(*found)

    def _found(self, contact: FoldedContact) -> list[list[int]]:
        tags, sources, channels, values, traits, updated = self._places
        found = [self._always] if self._always else []
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
            if trait.key is not None and (key, trait.key) in values:
                found.append(values[key, trait.key])
        return found


def _count(need: Need | None, frequencies: defaultdict[Thing, int]) -> None:
    """Count how often each thing is needed."""
    if isinstance(need, frozenset):
        for thing in need:
            frequencies[thing] += 1
    elif need is not None:
        for each in need.needs:
            _count(each, frequencies)


def _rarest(need: Need, frequencies: Mapping[Thing, int]) -> frozenset[Thing]:
    """Choose the things to file a condition under: a contact needs one of them, and few conditions do."""
    if isinstance(need, frozenset):
        return need
    parts = [_rarest(each, frequencies) for each in need.needs]
    if isinstance(need, Some):
        return frozenset[Thing]().union(*parts)
    return min(parts, key=lambda things: (max(map(frequencies.__getitem__, things), default=0), len(things)))
