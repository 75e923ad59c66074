"""Amounts: which texts read as a number, and as which (the table at `TraitCondition` in `rules.proto`).

People write amounts into chats, and CRMs write numbers. What could be meant otherwise is read as the more usual form,
or not at all; words are never read ("5k", "5 lakh", "about 5000").
"""

from __future__ import annotations

import re
from typing import Final
from unicodedata import normalize

from service.rules.conditions.currencies import CURRENCY, EXACT, THREE_DECIMALS
from service.rules.fields.marks import WIDE, WITHOUT_UNSEEN

MAX_AMOUNT_CHARACTERS: Final = 64
"""Longer texts, without space around them, are no amounts; so nothing takes more than linear time."""

# Whole numbers in groups, parted alike; the first group never begins with a zero, so 0,500 is a half.
_GROUPED = (
    r"[1-9][0-9]{0,2}(?:,[0-9]{3})+(?:\.[0-9]*)?"  # 5,000.50
    r"|[1-9][0-9]?(?:,[0-9]{2})+,[0-9]{3}(?:\.[0-9]*)?"  # 1,00,000.50
    r"|[1-9][0-9]{0,2}(?:'[0-9]{3})+(?:\.[0-9]*)?"  # 5'000.50
)
_GROUPED_WITH_COMMA = (
    r"[1-9][0-9]{0,2}(?:\.[0-9]{3})+,[0-9]+"  # 5.000,50
    r"|[1-9][0-9]{0,2}(?:\.[0-9]{3}){2,}"  # 5.000.000
    r"|[1-9][0-9]{0,2}(?: [0-9]{3})+(?:,[0-9]+)?"  # 5 000,50
    r"|[0-9]+,[0-9]{1,2}|0,[0-9]+"  # 5000,5 and 0,125
)
_GROUPED_WITH_SPACE = r"[1-9][0-9]{0,2}(?: [0-9]{3})+\.[0-9]*"  # 5 000.50
_PLAIN = r"[0-9]+(?:\.[0-9]*)?|\.[0-9]+"
_SCIENTIFIC = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?E[+-]?[0-9]+")
_AMOUNT = re.compile(
    rf"(?P<sign>[+-]?)(?:(?P<before>{CURRENCY}) ?(?P<inner>[+-]?))?"
    rf"(?:(?P<plain>{_PLAIN})|(?P<grouped>{_GROUPED}|{_GROUPED_WITH_SPACE})|(?P<comma>{_GROUPED_WITH_COMMA}))"
    rf"(?:/-)?(?: ?(?P<after>{CURRENCY}))?"
)
# 1.500 is one and a half, and 1.500 € are fifteen hundred: nobody writes three decimals of most money.
_ONE_GROUP = re.compile(r"[1-9][0-9]{0,2}\.[0-9]{3}")
_DIGIT = re.compile(r"[0-9\uff10-\uff19]")
_GROUPS = str.maketrans("", "", ",' ")
_GROUPS_WITH_COMMA = str.maketrans(",", ".", ". ")
# What shows nothing, as marks of direction around amounts in Arabic; other shapes of digits, signs and apostrophes.
_SHAPES: dict[int, int | str | None] = {
    **WITHOUT_UNSEEN,
    **WIDE,
    **dict.fromkeys((0x2010, 0x2011, 0x2013, 0x2212), "-"),
    0x2019: "'",
    0xFE69: "$",
    0xFFE0: "\u00a2",
    0xFFE1: "\u00a3",
    0xFFE5: "\u00a5",
    0xFFE6: "\u20a9",
}

# Every whole number below this is exact as a float.
_FIRST_INEXACT = 2**53
_EXACT_DIGITS = 15


def amount_of(text: str) -> float | None:
    """Read a text as an amount; None if it is none.

    Args:
        text: as it was written, not folded.

    Returns:
        Its number; an `int` where a float would not be exact (long ids).
    """
    if text.isdecimal() and text.isascii() and len(text) <= _EXACT_DIGITS:
        return float(text)  # the usual way of a number
    if _DIGIT.search(text) is None:
        return None
    given = text.strip()
    if len(given) > MAX_AMOUNT_CHARACTERS:
        return None
    if not given.isascii():
        given = normalize("NFC", given.translate(_SHAPES))
    given = " ".join(given.split())
    found = _AMOUNT.fullmatch(given.upper())
    if found is None:
        return float(given) if _SCIENTIFIC.fullmatch(given.upper()) else None
    sign, inner = found["sign"], found["inner"] or ""
    if (sign and inner) or not _is_exact(given, found["before"], found["after"]):
        return None
    number = _number(_digits(found))
    return -number if "-" in (sign, inner) else number


def _is_exact(given: str, before: str | None, after: str | None) -> bool:
    """Tell whether currencies that have to be written just so are."""
    begins = before not in EXACT or given.lstrip("+-").startswith(EXACT[before])
    return begins and (after not in EXACT or given.endswith(EXACT[after]))


def _digits(found: re.Match[str]) -> str:
    """Return the digits of an amount without groups, and a point before its decimals."""
    plain, grouped = found["plain"], found["grouped"]
    if plain is not None:
        currencies = {each for each in (found["before"], found["after"]) if each}
        is_group = currencies and currencies.isdisjoint(THREE_DECIMALS) and _ONE_GROUP.fullmatch(plain)
        return plain.replace(".", "") if is_group else plain
    return found["comma"].translate(_GROUPS_WITH_COMMA) if grouped is None else grouped.translate(_GROUPS)


def _number(digits: str) -> float:
    if digits.isdigit() and int(digits) >= _FIRST_INEXACT:
        return int(digits)
    return float(digits)
