"""Amounts: which texts read as a number, and as which."""

from __future__ import annotations

import math
import time
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from service.rules.conditions.amounts import MAX_AMOUNT_CHARACTERS, amount_of
from tests.support.amounts import CURRENCIES, EXACT, amount

READ = {
    "5000": 5000,
    " 5000 ": 5000,
    "5000.": 5000,
    "5000.5": 5000.5,
    ".5": 0.5,
    "007": 7,
    "+5000": 5000,
    "-5000": -5000,
    "\u22125000": -5000,
    "5e3": 5000,
    "5.5E-1": 0.55,
    "5,000": 5000,
    "12,34,567.50": 1234567.5,
    "1,234,567.50": 1234567.5,
    "1,00,000": 100000,
    "5.000,00": 5000,
    "1.234.567": 1234567,
    "1.234.567,89": 1234567.89,
    "5000,5": 5000.5,
    "0,125": 0.125,
    "5 000": 5000,
    "5\u00a0000,50": 5000.5,
    "5\u202f000.50": 5000.5,
    "5'000.50": 5000.5,
    "5\u2019000": 5000,
    "1.500": 1.5,
    "1.500 \u20ac": 1500,
    "\u20b95000": 5000,
    "\u20b9 1,00,000": 100000,
    "5.000,00 \u20ac": 5000,
    "$5,000.50 USD": 5000.5,
    "US$ 5,000": 5000,
    "R$ 1.500,00": 1500,
    "-\u20b9500": -500,
    "\u20b9-500": -500,
    "Rs. 5,000/-": 5000,
    "rs 5000": 5000,
    "INR 5000": 5000,
    "5000 eur": 5000,
    "Rp15.000": 15000,
    "1 234,50 Kč": 1234.5,
    "5 Kc\u030c": 5,
    "12.000 Ft": 12000,
    "500 lei": 500,
    "Dhs. 1,500": 1500,
    "KSh 2,000": 2000,
    "R 1 500": 1500,
    "S/ 1,500.50": 1500.5,
    "S/. 20": 20,
    "5,000 د.إ": 5000,
    "د.إ.\u200f 5,000": 5000,
    "1,500 ر.س": 1500,
    "5 000 \u0440\u0443\u0431.": 5000,
    "99 kr.": 99,
    "1 500,00 zł": 1500,
    "Fr. 1'500.50": 1500.5,
    "RM1,200": 1200,
    "500.000đ": 500000,
    "500 元": 500,
    "J$ 1,000": 1000,
    "TRY 500": 500,
    "500 kgs".upper(): 500,
    "1.500 KWD": 1.5,
    "د.ك 1.500": 1.5,
    "1,500 KWD": 1500,
    "500 zmw": 500,
    "\uff15\uff10\uff10\uff10": 5000,
    "\uffe55,000": 5000,
    "\ufeff5000": 5000,
    "5000\u200b": 5000,
    "5\u00ad000": 5000,
    "\u202d\u20b9\u2063 5,\u2060000\u202e\ufe0f": 5000,
    "\u200b 5000 \u200b": 5000,
    "9007199254740993": 9007199254740993,
    "9,007,199,254,740,993": 9007199254740993,
    "1e400": math.inf,
}
NOT_READ = [
    *(
        "",
        " ",
        "-",
        "+",
        ".",
        ",",
        "$",
        "not sure",
        "lots",
        "5k",
        "5 lakh",
        "5000 euros",
        "about 5000",
        "5000-6000",
        "5000?",
    ),
    *("1,2,3", "1,00,00", "1,2345", "5000,", "5,00.00", "5.00.000", "0,500,000", "5 00", "1,000.000,00", "1 000'000"),
    *("--5", "+-5", "-$-5", "- 5", "5-", "(500)", "5%", "$$5", "EUR EUR 5", "5 EUR EUR"),
    *(
        "0x10",
        "1_000",
        "nan",
        "inf",
        "infinity",
        "1e",
        "e5",
        "5e3.5",
        "\u0665",
        "\u00bd",
        "10\u00b2",
        "\u2460",
        "\u4e94",
    ),
    *("2026-01-31", "12:30", "+91 98765 43210", "1.2.3.4", "10/20", "5000\n6000", "9" * 65),
    *(
        "try 500",
        "5 kgs",
        "top 10",
        "6 ft",
        "all 5",
        "5 Kgs",
        "r5",
        "5 km",
        "5 m",
        "5 l",
        "5 br",
        "5K",
        "ab$5",
        "EURO 5",
    ),
]


@pytest.mark.parametrize(("text", "number"), READ.items())
def test_texts_that_are_amounts(text, number):
    """What people and CRMs write reads as its number."""
    assert amount_of(text) == number
    assert amount(text) == number


@pytest.mark.parametrize("text", NOT_READ)
def test_texts_that_are_not(text):
    """Words, ranges, codes and what could be anything are no amounts."""
    assert amount_of(text) is None
    assert amount(text) is None


pieces = st.one_of(
    st.sampled_from("00123456789.,.,.,' +-"),
    st.sampled_from(
        [
            "000",
            "00",
            ",000",
            ".000",
            ",00",
            " 000",
            "\u20b9",
            "$",
            "R$",
            "EUR",
            "rs.",
            "/-",
            "e",
            "k",
            "Ft",
            "try",
            "TRY ",
            "KWD",
            "S/.",
            "\u0440.",
        ]
    ),
    st.sampled_from("\u00a0\u2019\u2212\uff15\u200e\ufeff\u00ad\ufe0f\u200d"),
)
numbers = st.from_regex(r"[1-9][0-9]{0,2}([,.' ][0-9]{2,3}){0,3}([.,][0-9]{0,3})?", fullmatch=True)
currencies = st.sampled_from(
    [
        "",
        " KWD",
        "TRY ",
        "try ",
        "Ft",
        " kr.",
        "S/.",
        "R",
        "د.ك.",
        "$",
        "$ ",
        "R$ ",
        "-\u20b9",
        "Rs.",
        " EUR",
        "\u20ac",
        " \u20ac",
        "/-",
        "/- INR",
    ]
)


@settings(max_examples=2_000)
@given(st.one_of(st.lists(pieces, max_size=10).map("".join), st.tuples(currencies, numbers, currencies).map("".join)))
@example("0.000 \u20ac")
def test_reading_agrees_with_the_plain_reader(text):
    """Whatever stands in a text, it reads as the slow and plain reader has it."""
    assert amount_of(text) == amount(text)


def test_every_currency_sign_is_known():
    """Each currency sign of Unicode stands before and after an amount."""
    signs = [chr(code) for code in range(0x10000) if unicodedata.category(chr(code)) == "Sc"]
    assert len(signs) > 50
    for sign in signs:
        assert amount_of(f"{sign}5,000") == amount_of(f"5,000 {sign}") == 5000


def test_every_currency_of_the_plain_reader_is_known():
    """Each code of ISO 4217, and each sign and abbreviation of the table, stands before and after an amount."""
    assert len(CURRENCIES) > 2000
    for currency in CURRENCIES:
        written = EXACT.get(currency, currency)
        assert amount_of(f"{written} 5,000.5") == amount_of(f"5,000.5{written}") == 5000.5


@pytest.mark.parametrize(
    "piece",
    ["9", "S/", "RS.", "KR", "1,", ",000", "1 ", " ", "$", "1.", ".000", "+", "1'", "EUR ", "/-", "\uff11", "\u200e"],
)
def test_the_longest_texts_take_no_longer(piece):
    """A text of 4 KiB of whatever an amount is made of is read in less than a millisecond, and is none."""
    most = MAX_AMOUNT_CHARACTERS // len(piece)
    for text in (piece * (4096 // len(piece)), piece * most, "1" + piece * (most - 1), piece * (most - 1) + "x"):
        took = []
        for _ in range(5):
            start = time.process_time()
            amount_of(text)
            took.append(time.process_time() - start)
        assert min(took) < 0.001
    assert amount_of(piece * (4096 // len(piece))) is None
