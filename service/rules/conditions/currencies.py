"""Currencies beside an amount: codes, signs and abbreviations (the table at `TraitCondition` in `rules.proto`)."""

from __future__ import annotations

import re
from typing import Final

SIGNS: Final = (
    "$\u00a2-\u00a5\u058f\u060b\u07fe\u07ff\u09f2\u09f3\u09fb\u0af1\u0bf9\u0e3f\u17db\u20a0-\u20cf\ua838\ufdfc"
)
"""The currency signs of Unicode, as ranges of a character class."""

# Of ISO 4217, with some that were withdrawn lately.
_CODES = (
    "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD "
    "CDF CHE CHF CHW CLF CLP CNY COP COU CRC CUC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS "
    "GIP GMD GNF GTQ GYD HKD HNL HRK HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD "
    "KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR "
    "NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SLL SOS SRD SSP STN "
    "SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD USN UYI UYU UYW UZS VED VES VND VUV WST XAD XAF "
    "XAG XAU XBA XBB XBC XBD XCD XCG XDR XOF XPD XPF XPT XSU XTS XUA XXX YER ZAR ZMW ZWG ZWL"
)
_LETTERS = (
    "A AR AU B BDS BZ C CA CI CL CO COL EC FJ G GH GY HK J JA L MX N NT NZ R RD S SI T TT U US WS Z"  # before a sign
)
# With and without a point after them.
_ABBREVIATIONS = (
    "bs dh dhs din fr gs kr ksh lei lps nu rp rs sfr tk tsh ush "
    "руб р грн лв дин ден тг сум сом "  # noqa: RUF001  # no Latin letters
    "د.إ ر.س ر.ق ر.ي ج.م ج.س د.ج د.م ل.ل ل.س"
)
_ABBREVIATIONS_OF_THREE_DECIMALS = "د.ب د.ع د.أ د.ا د.ك د.ل ر.ع د.ت"  # noqa: RUF001
_OTHERS = "Kč Ft zł zl leu đ VNĐ RMB RM R TL S/ S/. B/. U$S 元 円 圓 원"
_CODES_OF_THREE_DECIMALS = "BHD IQD JOD KWD LYD OMR TND"
# Words and measures in other letters: "5 kgs", "try 500", "6 ft", "5 r".
_EXACT = "ALL BAM BOB CUP GEL KGS LAK MAD MOP PEN R SOS TOP TRY XXX Ft"


def _pointed(words: str) -> list[str]:
    return [word + end for word in words.upper().split() for end in (".", "")]


THREE_DECIMALS: Final = frozenset([*_CODES_OF_THREE_DECIMALS.split(), *_pointed(_ABBREVIATIONS_OF_THREE_DECIMALS)])
"""Currencies with three decimals, in capitals, whose 1.500 is one and a half."""

EXACT: Final = {word.upper(): word for word in _EXACT.split()}
"""Currencies that have to be written just so, each by its capitals."""

_WORDS = [
    *_pointed(_ABBREVIATIONS),
    *_pointed(_ABBREVIATIONS_OF_THREE_DECIMALS),
    *_CODES.split(),
    *_OTHERS.upper().split(),
]
CURRENCY: Final = (
    f"(?![0-9])(?:{'|'.join(map(re.escape, sorted(_WORDS, key=len, reverse=True)))}"
    f"|(?:{'|'.join(sorted(_LETTERS.split(), key=len, reverse=True))})?[{SIGNS}])"
)
"""A regular expression for any currency in capitals, the longest first. Where none stands, there mostly is a digit."""
