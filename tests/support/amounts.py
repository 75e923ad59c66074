"""Which texts are amounts, read slowly and plainly: those that a number gives when it is written in a known form."""

from __future__ import annotations

import re
import sys
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

CODES = {
    *("AED", "ARS", "AUD", "BDT", "BRL", "CAD", "CHF", "CLP", "CNY", "COP", "CZK", "DKK", "EGP", "EUR", "GBP", "HKD"),
    *("HUF", "IDR", "ILS", "INR", "JPY", "KES", "KRW", "KZT", "LKR", "MXN", "MYR", "NGN", "NOK", "NPR", "NZD", "PHP"),
    *("PKR", "PLN", "QAR", "RON", "RUB", "SAR", "SEK", "SGD", "THB", "TWD", "UAH", "USD", "VND", "ZAR", "RMB", "RM"),
    *("RP", "TL", "KR", "Z\u0141", "RS", "RS."),
}
SIGNS = [chr(code) for code in range(0x10000) if unicodedata.category(chr(code)) == "Sc"]
LETTERS = ["", "R", "RD", "US", "A", "AU", "C", "CA", "S", "HK", "NT", "NZ", "MX", "AR", "CO", "COL"]
CURRENCIES = ["", *CODES, *(letters + sign for sign in SIGNS for letters in LETTERS)]

UNSEEN = {chr(code) for code in range(sys.maxunicode + 1) if unicodedata.name(chr(code), "").startswith("VARIATION S")}
UNSEEN |= {"\u034f", "\u180e", "\u200b", *map(chr, range(0x2060, 0x2065)), *map(chr, range(0x2066, 0x206A))}
UNSEEN |= {"\u00ad", "\u061c", "\u200e", "\u200f", *map(chr, range(0x202A, 0x202F)), "\ufeff"}

# How whole numbers are written: the mark between groups, the sizes of groups from the right, the mark before decimals.
FORMS = [
    (",", [3, 3], "."),
    (",", [3, 2], "."),
    ("'", [3, 3], "."),
    (" ", [3, 3], "."),
    (" ", [3, 3], ","),
    (".", [3, 3], ","),
]


def amount(text: str) -> float | None:
    """The number that a text is; None if it is none. An int if it is whole and large."""
    words = " ".join("".join(map(_narrow, text)).split()).upper()
    if len(text.strip()) > 64:  # what the contract says
        return None
    if re.fullmatch(r"[+-]?[0-9]+(\.[0-9]+)?E[+-]?[0-9]+", words):
        return float(words)
    found = {number for sign, body, money in _bodies(words) for number in _numbers(sign, body, money=money)}
    assert len(found) <= 1, (text, found)
    return found.pop() if found else None


def _narrow(character: str) -> str:
    if 0xFF01 <= ord(character) <= 0xFFE6:
        return unicodedata.normalize("NFKC", character)
    if character in "\u2019\ufe69":
        return "'" if character == "\u2019" else "$"
    if character in UNSEEN:
        return ""
    return "-" if character in "\u2010\u2011\u2013\u2212" else character


def _bodies(words: str) -> Iterator[tuple[str, str, bool]]:
    """Each way to take a sign and currencies away: the sign, what is left, and whether it is money."""
    longest = max((one for one in CURRENCIES if words.lstrip("+-").startswith(one)), key=len)
    for before in {"", longest}:
        sign = words[: len(words) - len(words.lstrip("+-"))]
        rest = words.lstrip("+-")[len(before) :].removeprefix(" " if before else "")
        if before and rest[:1] in {"+", "-"}:
            sign, rest = sign + rest[0], rest[1:]
        for after in (one for one in CURRENCIES if rest.endswith(one)):
            body = rest[: len(rest) - len(after)].removesuffix(" " if after else "")
            if len(sign) <= 1:
                yield sign, body.removesuffix("/-"), bool(before or after)


def _numbers(sign: str, body: str, *, money: bool) -> Iterator[float]:
    for whole, decimals in filter(None, (_plain(body), *(_grouped(body, *form, money=money) for form in FORMS))):
        if money and re.fullmatch(r"[1-9][0-9]{0,2}\.[0-9]{3}", body) and decimals:
            continue  # three decimals of money are a group
        large = not decimals and "." not in body.replace(whole, "") and int(whole or 0) >= 2**53
        number = int(whole) if large else float(f"{whole or 0}.{decimals or 0}")
        yield -number if sign == "-" else number


def _plain(body: str) -> tuple[str, str] | None:
    """The digits before and after the mark of decimals, of a number without groups."""
    if match := re.fullmatch(r"([0-9]+)\.?|([0-9]*)\.([0-9]+)", body):
        return (match[1], "") if match[1] else (match[2], match[3])
    if match := re.fullmatch(r"([0-9]+),([0-9]{1,2})|(0),([0-9]+)", body):
        return (match[1], match[2]) if match[1] else (match[3], match[4])
    return None


def _grouped(body: str, mark: str, sizes: list[int], point: str, *, money: bool) -> tuple[str, str] | None:
    whole, given_point, decimals = body.partition(point)
    digits = whole.replace(mark, "")
    if not re.fullmatch(r"[1-9][0-9]{3,}", digits) or not re.fullmatch(r"[0-9]*", decimals):
        return None
    if point == "," and given_point and not decimals:
        return None
    if mark == "." and not given_point and len(digits) <= 6 and not money:
        return None
    return (digits, decimals) if _in_groups(digits, mark, *sizes) == whole else None


def _in_groups(digits: str, mark: str, last: int, others: int) -> str:
    groups, rest = [digits[-last:]], digits[:-last]
    while rest:
        groups.insert(0, rest[-others:])
        rest = rest[:-others]
    return mark.join(groups)
