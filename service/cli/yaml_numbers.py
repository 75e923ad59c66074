"""Numbers as a file writes them: which stay what is written, and what becomes of the others.

A number is kept in 64 bits, without the way in which it was written: `01` would be kept as 1, `1.10` as 1.1, and of
more than 15 digits the last may change. What was meant as a code or a phone number would then take other contacts.
"""

from __future__ import annotations

import re
from math import isfinite, nan
from typing import Final

_FAITHFUL: Final = re.compile(r"(?!-0$)-?(0|[1-9][0-9]*)(\.[0-9]*[1-9])?")
_DIGITS: Final = 15  # of so many, 64 bits keep each
_BASES: Final = {"b": 2, "o": 8, "x": 16}


def is_faithful(written: str) -> bool:
    """Tell whether a number writes back as it was written, to the letter."""
    return bool(_FAITHFUL.fullmatch(written)) and len(re.sub("[-.]", "", written).lstrip("0")) <= _DIGITS


def faithful(written: str) -> float:
    """Read a number that writes back as it was written.

    Raises:
        ValueError: it does not.
    """
    if not is_faithful(written):
        raise ValueError(f"{written} would not stay what it is")
    return float(written)


def kept_as(written: str) -> str | None:
    """Write the number that would be kept of a number in any of YAML's forms; None if it is too large, or none."""
    text = written.replace("_", "").lower()
    sign = -1 if text.startswith("-") else 1
    digits = text.lstrip("+-")
    base = _BASES.get(digits[1:2]) if digits.startswith("0") else None
    try:
        number = sign * (float(int(digits[2:], base)) if base else float(digits)) + 0.0  # no -0
    except (ValueError, OverflowError):
        number = nan
    if not isfinite(number):
        return None
    return f"{number:.0f}" if number.is_integer() else repr(number)
