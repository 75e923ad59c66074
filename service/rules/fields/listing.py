"""Names and clauses in a message for people: the first few, and how many more there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_MOST: Final = 3


def listed(items: Sequence[str], *, most: int = _MOST, clauses: bool = False) -> str:
    """Join the first few for a message, such as `ann, bob, cy and 4 more`.

    Args:
        items: all of them; at least one.
        most: the number that is shown at most.
        clauses: whether they are clauses rather than names, and so are parted by semicolons.
    """
    separator, last = ("; ", "; and") if clauses else (", ", " and")
    shown, more = separator.join(items[:most]), len(items) - most
    return f"{shown}{last} {more} more" if more > 0 else shown
