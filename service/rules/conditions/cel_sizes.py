"""Sizes: the most that a part of an expression can give, on whatever contact the contract allows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from service.rules.fields.limits import (
    MAX_CONTACT_TAGS,
    MAX_CONTACT_TRAITS,
    MAX_CONTACT_VALUES,
    MAX_ID_CHARACTERS,
    MAX_VALUE_BYTES,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True, slots=True)
class Size:
    """The most that a value can be.

    An element of a list is taken as the average one: what a loop costs grows no faster than its elements do, so the sum
    over all of them is that over as many of average size. A part of whatever is not known is as large as the whole.

    Attributes:
        items: elements of a list, or entries of a map.
        values: values in it to the bottom, itself included.
        bytes: of all texts in it.
        flat: whether it is known to be no list and no map.
        written: the text or bytes that it is, as the expression writes it; None if it is computed.
        element: the size of one element, where that is known.
        fields: the sizes of its fields, where they are known.
    """

    items: float = 0
    values: float = 1
    bytes: float = 0
    flat: bool = False
    written: str | None = None
    element: Size | None = None
    fields: Mapping[str, Size] | None = None

    def one_item(self) -> Size:
        """Give the size of what a loop over it has in hand: an element of a list, a key of a map."""
        if self.element is not None:
            return self.element
        items = max(self.items, 1)
        values = max(1, self.values / items)
        return Size(values, values, self.bytes / items)

    def part(self, field: str | None) -> Size:
        """Give the size of a field or of the element at a place; None for one that is computed."""
        if self.fields is not None:
            known = self.fields.get(field or "")
            if known is not None:
                return known
        return Size(self.values, self.values, self.bytes)


def together(sizes: Iterable[Size]) -> Size:
    """Give the size of a list, or of a message, of these."""
    each = list(sizes)
    return Size(len(each), 1 + sum(size.values for size in each), sum(size.bytes for size in each))


def either(one: Size, other: Size) -> Size:
    """Give the size of one of two."""
    return Size(
        max(one.items, other.items),
        max(one.values, other.values),
        max(one.bytes, other.bytes),
    )


NUMBER: Final = Size(flat=True)
"""A number, a bool, a time, null."""

LONGEST_NUMBER: Final = Size(bytes=32)
"""A number or a time written as a text."""

# A character takes up to four bytes.
_NAME: Final = Size(bytes=4 * MAX_ID_CHARACTERS, flat=True)
# The smallest element takes two bytes.
_TRAIT: Final = Size(MAX_VALUE_BYTES // 2, MAX_VALUE_BYTES // 2, MAX_VALUE_BYTES)


class _Traits(Size):
    """The traits: a loop has their names in hand, and a part is the value of one."""

    __slots__ = ()

    def part(self, field: str | None) -> Size:  # noqa: ARG002  # the value of each is as large
        return _TRAIT


# Of traits that nest deeply the library takes several times as long to convert each value; of one trait, which has room
# for fewer of them, not longer than of many values that do not nest.
_OF_DEPTH: Final = 4

_TRAITS: Final = _Traits(
    MAX_CONTACT_TRAITS,
    MAX_CONTACT_VALUES * _OF_DEPTH,
    MAX_CONTACT_TRAITS * (_NAME.bytes + MAX_VALUE_BYTES),
    element=_NAME,
)
_TAGS: Final = Size(MAX_CONTACT_TAGS, MAX_CONTACT_TAGS + 1, MAX_CONTACT_TAGS * _NAME.bytes, element=_NAME)
_FIELDS: Final = {
    **dict.fromkeys(("id", "owner_id", "source", "channel"), _NAME),
    "tags": _TAGS,
    "traits": _TRAITS,
}
CONTACT: Final = replace(together(_FIELDS.values()), fields=_FIELDS)
"""The largest contact."""
