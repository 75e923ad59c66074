"""Places of conditions by the names of what they need: a dict for the usual rule set, packed for the largest ones.

A rule set may name a million things, and each takes 250 bytes in a dict of lists. Packed, it takes 12: a hash of its
name and a place, in sorted arrays. Two names with the same hash are found for each other, which an index may.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

    from service.rules.conditions.needs import Name

MOST_IN_DICT: Final = 20_000
"""Names up to which they are kept in a dict, in which they are found in a tenth of the time."""

# Chunks by which hashes are sorted, so that no more of them than these are ever Python's numbers at once.
_CHUNKS = 256
_PLACE_BITS = 24
_HASH_BITS = 64 - _PLACE_BITS
_PLACE = (1 << _PLACE_BITS) - 1


class Filing:
    """Takes places by name, in any order of names, then finds those of a name in order.

    `close` ends the taking; what is found before is not in order.
    """

    __slots__ = ("_names", "_packed")

    def __init__(self) -> None:
        self._names: dict[Name, list[int]] = {}
        self._packed: Packed | None = None

    def add(self, name: Name, place: int) -> None:
        """File a place under a name."""
        if self._packed is not None:
            self._packed.add(name, place)
            return
        self._names.setdefault(name, []).append(place)
        if len(self._names) > MOST_IN_DICT:
            self._packed = Packed()
            for each, places in self._names.items():
                for one in places:
                    self._packed.add(each, one)
            self._names = {}

    def close(self) -> Filed:
        """Return what finds places by name."""
        if self._packed is not None:
            self._packed.sort()
            return self._packed
        for places in self._names.values():
            places.sort()
        return self._names


class Packed:
    """Places by the hashes of names."""

    __slots__ = ("_chunks", "_hashes", "_places")

    def __init__(self) -> None:
        self._chunks = [array("Q") for _ in range(_CHUNKS)]  # hash, then place
        self._hashes: list[array[int]] = []
        self._places: list[array[int]] = []

    def add(self, name: Name, place: int) -> None:
        """File a place under a name; it is found after `sort`."""
        hashed = hash(name)
        self._chunks[hashed % _CHUNKS].append(_spread(hashed) << _PLACE_BITS | place)

    def sort(self) -> None:
        """Make what was added ready to be found."""
        for at, chunk in enumerate(self._chunks):
            entries = sorted(chunk)
            self._chunks[at] = array("Q")
            self._hashes.append(array("Q", [entry >> _PLACE_BITS for entry in entries]))
            self._places.append(array("I", [entry & _PLACE for entry in entries]))

    def __contains__(self, name: Name) -> bool:
        hashed = hash(name)
        hashes, spread = self._hashes[hashed % _CHUNKS], _spread(hashed)
        at = bisect_left(hashes, spread)
        return at < len(hashes) and hashes[at] == spread

    def __getitem__(self, name: Name) -> Sequence[int]:
        hashed = hash(name)
        hashes, spread = self._hashes[hashed % _CHUNKS], _spread(hashed)
        at = bisect_left(hashes, spread)
        return self._places[hashed % _CHUNKS][at : bisect_right(hashes, spread, at)]


def _spread(hashed: int) -> int:
    """Return the bits of a hash by which names of one chunk are told from one another."""
    return (hashed // _CHUNKS) % (1 << _HASH_BITS)


Filed: TypeAlias = dict["Name", list[int]] | Packed
"""What finds the places of a name: it is asked by `in`, then by `[]`."""
