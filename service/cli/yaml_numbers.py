"""Numbers as a file writes them: which stay what is written, and what becomes of the others.

A number is kept in 64 bits, without the way in which it was written: `01` would be kept as 1, `1.10` as 1.1, and of
more than 15 digits the last may change. What was meant as a code or a phone number would then take other contacts.
"""

from __future__ import annotations

import re
from decimal import Decimal
from math import isfinite, nan
from typing import Final

_FAITHFUL: Final = re.compile(r"(?!-0$)-?(0|[1-9][0-9]*)(\.[0-9]*[1-9])?")
_DECIMAL: Final = re.compile(r"[-+]?([0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9_]+)(?:[eE][-+]?[0-9]+)?")
_DIGITS: Final = 15  # of so many, 64 bits keep each
_BASES: Final = {"b": 2, "o": 8, "x": 16}
_SHOWN: Final = 40  # characters of a number that a report repeats


def is_faithful(written: str) -> bool:
    """Tell whether a number writes back as it was written, to the letter; `5000.0` too, as JSON has 5000."""
    # That is what protobuf's JSON has in Python and Java, so that what a client prints of rules is a file of rules.
    bare = written.removesuffix(".0")
    return bool(_FAITHFUL.fullmatch(bare)) and _digits_of(bare) <= _DIGITS


def _digits_of(written: str) -> int:
    return len(re.sub("[-._]", "", written).lstrip("0"))


def faithful(written: str) -> float:
    """Read a number that writes back as it was written.

    Raises:
        ValueError: it does not.
    """
    if not is_faithful(written):
        raise ValueError(f"{written} would not stay what it is")
    return float(written)


def kept_as(written: str) -> str | None:
    """Write in full the number that would be kept of one in any of YAML's forms; None if it is too large, or none."""
    text = written.replace("_", "").lower()
    sign = -1 if text.startswith("-") else 1
    digits = text.lstrip("+-")
    base = _BASES.get(digits[1:2]) if digits.startswith("0") else None
    try:
        number = sign * (float(int(digits[2:], base)) if base else float(digits)) + 0.0  # no -0
    except (ValueError, OverflowError):
        number = nan
    return _in_full(repr(number)) if isfinite(number) else None


def _in_full(number: str) -> str:
    return format(Decimal(number).normalize(), "f")


def refusal(written: str) -> str:
    """Say what is wrong with a number that would not stay what is written, and what to write."""
    shown = written if len(written) <= _SHOWN else f"{written[:_SHOWN]}..."
    kept, decimal = kept_as(written), _DECIMAL.fullmatch(written)
    if kept is None:
        fault = f"{shown} is {'too large a number' if decimal else 'no number that can be kept'}"
        meant = "" if decimal else " if text is meant"
    elif decimal and _digits_of(decimal[1]) > _DIGITS:
        fault = f"{shown} has more than {_DIGITS} digits, of which the last may be lost"
        # A long whole number is rather an id, and no other one is as good.
        meant = _or_as(_in_full(f"{float(kept):.{_DIGITS}g}")) if "." in written else ""
    elif is_faithful(kept) and len(kept) <= _SHOWN:
        fault, meant = f"{shown} would be kept as {kept}", _or_as(kept)
    elif is_faithful(kept):
        fault, meant = f"{shown} has an exponent", ", or in full if a number is meant"
    else:
        fault, meant = f"{shown} has more than {_DIGITS} digits if written in full", ""
    return f"{fault}; write it in quotes{meant}"


def _or_as(number: str) -> str:
    return f", or as {number} if a number is meant" if is_faithful(number) and len(number) <= _SHOWN else ""
