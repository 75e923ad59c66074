"""Which texts are amounts, read slowly and plainly: those that a number gives when it is written in a known form."""

from __future__ import annotations

import re
import sys
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# By part of the world.
CODES = """
EUR CHF GBP SEK NOK DKK ISK PLN CZK HUF RON BGN HRK RSD BAM MKD ALL MDL UAH BYN RUB TRY GEL AMD AZN GIP CHE CHW
USD CAD MXN MXV GTQ BZD HNL NIO CRC PAB CUP CUC DOP HTG JMD BSD BBD TTD XCD XCG AWG ANG KYD BMD SVC USN
BRL ARS CLP CLF COP COU PEN BOB BOV PYG UYU UYI UYW VES VED GYD SRD FKP
INR PKR BDT LKR NPR BTN MVR AFN IRR KZT UZS KGS TJS TMT MNT CNY HKD MOP TWD JPY KRW KPW
IDR MYR SGD BND THB VND LAK KHR MMK PHP AUD NZD PGK FJD SBD TOP WST VUV XPF
AED SAR QAR KWD BHD OMR YER IQD JOD LBP SYP ILS EGP LYD TND DZD MAD MRU SDG SSP
NGN GHS KES UGX TZS RWF BIF ETB ERN DJF SOS ZAR BWP NAD LSL SZL ZMW MWK MZN AOA CDF XAF XOF GMD GNF SLE SLL LRD
CVE STN MGA MUR SCR KMF SHP ZWG ZWL XAD XAG XAU XBA XBB XBC XBD XDR XPD XPT XSU XTS XUA XXX
"""
POINTED = "BS DH DHS DIN FR GS KR KSH LEI LPS NU RP RS SFR TK TSH USH د.إ ر.س ر.ق ر.ي ج.م ج.س د.ج د.م ل.ل ل.س"
CYRILLIC = "РУБ Р ГРН ЛВ ДИН ДЕН ТГ СУМ СОМ"  # noqa: RUF001  # these are not meant to be Latin
ARABIC_OF_THREE = "د.ب د.ع د.أ د.ا د.ك د.ل ر.ع د.ت"  # noqa: RUF001
OTHERS = "KČ FT ZŁ ZL LEU Đ VNĐ RMB RM R TL S/ S/. B/. U$S 元 円 圓 원"
OF_THREE = "BHD IQD JOD KWD LYD OMR TND"
AS_WRITTEN = "ALL BAM BOB CUP GEL KGS LAK MAD MOP PEN R SOS TOP TRY XXX Ft"
BEFORE_A_SIGN = "R RD US A AU C CA S HK NT NZ MX AR CO COL B BDS BZ CI CL EC FJ G GH GY J JA L N SI T TT U WS Z"

WORDS = {*CODES.split(), *OTHERS.split()}
WORDS |= {one + end for one in f"{POINTED} {CYRILLIC} {ARABIC_OF_THREE}".split() for end in ("", ".")}
THREE_DECIMALS = {*OF_THREE.split(), *(one + end for one in ARABIC_OF_THREE.split() for end in ("", "."))}
EXACT = {one.upper(): one for one in AS_WRITTEN.split()}
SIGNS = [chr(code) for code in range(0x10000) if unicodedata.category(chr(code)) == "Sc"]
LETTERS = ["", *BEFORE_A_SIGN.split()]
CURRENCIES = ["", *WORDS, *(letters + sign for sign in SIGNS for letters in LETTERS)]
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
    given = " ".join(unicodedata.normalize("NFC", "".join(map(_narrow, text))).split())
    words = given.upper()
    if len(text.strip()) > 64:  # what the contract says
        return None
    if re.fullmatch(r"[+-]?[0-9]+(\.[0-9]+)?E[+-]?[0-9]+", words):
        return float(words)
    found = {number for sign, body, money in _bodies(words, given) for number in _numbers(sign, body, money=money)}
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


def _bodies(words: str, given: str) -> Iterator[tuple[str, str, bool]]:
    """Each way to take a sign and currencies away: the sign, what is left, and whether it is money of two decimals."""
    longest = max((one for one in CURRENCIES if words.lstrip("+-").startswith(one)), key=len)
    for before in {"", longest}:
        sign = words[: len(words) - len(words.lstrip("+-"))]
        rest = words.lstrip("+-")[len(before) :].removeprefix(" " if before else "")
        if before and rest[:1] in {"+", "-"}:
            sign, rest = sign + rest[0], rest[1:]
        for after in (one for one in CURRENCIES if rest.endswith(one)):
            body = rest[: len(rest) - len(after)].removesuffix(" " if after else "")
            exact = given.lstrip("+-").startswith(EXACT.get(before, "")) and given.endswith(EXACT.get(after, ""))
            if len(sign) <= 1 and exact:
                yield sign, body.removesuffix("/-"), bool(before or after) and not {before, after} & THREE_DECIMALS


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
