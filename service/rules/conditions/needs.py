"""Needs: what a contact must have for a condition to hold, in the terms in which the index looks contacts up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable

SORTS: Final = range(6)
"""The sorts of things that a contact has: tags, source, channel, traits of a value, traits, updated keys."""
TAG, SOURCE, CHANNEL, VALUE, TRAIT, UPDATED = SORTS

Name: TypeAlias = str | tuple[str, str | float]
"""The name of a thing; of a VALUE the trait's key and the text or number that it equals."""

Thing: TypeAlias = tuple[int, Name]
"""A sort, and a name."""


class Every(NamedTuple):
    """A contact needs all of these."""

    needs: list[Need]


class Some(NamedTuple):
    """A contact needs one of these, whichever."""

    needs: list[Need]


Need: TypeAlias = frozenset[Thing] | Every | Some
"""What a contact must have; of a set of things, any one."""


def one_of(sort: int, names: Iterable[Name]) -> Need:
    """Need one of these things of a sort."""
    return frozenset([(sort, name) for name in names])


def every(needs: Iterable[Need | None]) -> Need | None:
    """Need all of these; None if each of them is nothing in particular."""
    found = [need for need in needs if need is not None]
    if len(found) > 1:
        return Every(found)
    return found[0] if found else None


def some(needs: Iterable[Need | None]) -> Need | None:
    """Need any of these; None if one of them is nothing in particular."""
    found: list[Need] = []
    for need in needs:
        if need is None:
            return None
        found.append(need)
    return Some(found)
