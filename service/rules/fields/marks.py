"""Characters that nobody sees, as ranges of a class of a regular expression: one list for texts, amounts and ids."""

from __future__ import annotations

import re
from typing import Final

MARKS: Final = "\u00ad\u034f\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff"
"""Soft hyphens, joiners of accents, zero-width spaces, byte order marks, and marks of direction and of formulas."""

SELECTORS: Final = "\ufe00-\ufe0f\U000e0100-\U000e01ef"
"""Variation selectors, by which one phone writes a symbol that another writes without."""

UNSEEN: Final = MARKS + SELECTORS
"""What shows nothing, and makes no difference to a reader wherever it stands. Not what joins letters or emoji: words or
pictures differ by that."""

SPACES: Final = " \xa0\u1680\u2000-\u200a\u202f\u205f\u3000"
"""White space of every script, but for control characters and separators of lines."""

BLANK: Final = (
    f"{UNSEEN}{SPACES}"
    # All else that Unicode calls ignorable by default, such as fillers of Hangul; and a Braille letter without dots.
    "\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200c\u200d\u2065\u206a-\u206f\u3164\uffa0\ufff0-\ufff8"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff\u2800"
)
"""What shows nothing where nothing else stands."""

_RANGE: Final = re.compile("(.)-(.)|(.)")


def characters_of(ranges: str) -> str:
    """List the characters of such ranges."""
    found = ""
    for first, last, single in _RANGE.findall(ranges):
        found += single or "".join(map(chr, range(ord(first), ord(last) + 1)))
    return found


WIDE: Final[dict[int, int | str | None]] = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
"""Wide forms of ASCII, as keyboards for Chinese and Japanese write them, as a table of `str.translate`."""

WITHOUT_UNSEEN: Final[dict[int, int | str | None]] = dict.fromkeys(map(ord, characters_of(UNSEEN)))
"""A table of `str.translate` that takes away what shows nothing."""

DASHES: Final = "\u058a\u2010\u2011\u2012\u2013\u2014\u2015\u2043\u2212\u2e3a\u2e3b\ufe31\ufe32\ufe58\ufe63\uff0d"
"""Characters that a reader takes for a hyphen."""
