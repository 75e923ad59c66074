"""Ids: what one looks like, and how a bad one is shown."""

from __future__ import annotations

import sys
import unicodedata

import pytest

from service.rules import identifier_problem, is_id, is_identifier, quoted
from service.rules.fields.identifiers import id_problem

NAMES = [
    *(
        "a",
        " ",
        "x" * 128,
        "{a}:b*",
        "\u00dcn\u00efcode \u2713",
        "\U0001f469\u200d\U0001f4bb",
        "\u0d28\u0d28\u0d4d\u200d\u0d2e",
    ),
    "\u5c71\u7530\u3000\u592a\u90ce",  # a wide space
    "Jean\u00a0Dupont",
    "\u200f\u05d3\u05e0\u05d4\u200e",  # marks of direction
    "\u202b\u0639\u0644\u064a\u202c",
    "\U0001fae8",  # an emoji of Unicode 15
    "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",  # the flag of England
    "a\u200bb",
    "\u2b50\ufe0f",
    "\ue000\U000e0fff\U0003ffff",  # of nobody's, or not given yet
]
"""Names that people have, and texts that nothing speaks against."""


@pytest.mark.parametrize("text", NAMES)
def test_identifiers(text):
    """1 to 128 characters are an id, whatever the script, spaces, emoji and marks of direction included."""
    assert is_identifier(text)
    assert identifier_problem(text) is None


@pytest.mark.parametrize(
    "text",
    ["", "x" * 129, "a\nb", "a\x00", "\x1f", "\x7f", "a\x85", "a\u2028", "\u2029", "\ud83d", "\u200ea\t"],
)
def test_no_identifiers(text):
    """Nothing, too much, control characters, line separators and lone surrogates are no id, which is told printably."""
    assert not is_identifier(text)
    assert identifier_problem(text).isprintable()


def test_every_character_that_is_refused():
    """Refused are controls, line and paragraph separators, and surrogates, as Unicode has them, and nothing else."""
    kinds = {"Cc", "Zl", "Zp", "Cs"}
    for code in range(sys.maxunicode + 1):
        assert is_identifier(f"a{chr(code)}b") is (unicodedata.category(chr(code)) not in kinds), hex(code)


@pytest.mark.parametrize(
    "text",
    [
        *(" ", "\u3000", "\xa0 \u2009", "\u200b", "\u200e \ufeff", "\u3164", "\u2800\u2800", "\u115f\u1160", "\uffa0"),
        *("\ufe0f", "\U000e0100", "\u034f", "\u2061\u2064", "\u180e", "\u200d", "\U000e0067\U000e007f"),
        *("\t", " \r\n", " " * 40),
    ],
)
def test_blank_ids(text):
    """What a reader does not see is no id, and the message says so, visibly."""
    assert not is_id(text)
    assert id_problem(text).isascii()
    assert "blank" in id_problem(text)


def test_ids_in_space():
    """An id that begins or ends with space of any script is none; the message shows it, and what to write."""
    spaces = [chr(code) for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code)) == "Zs"]
    for space in spaces:
        assert not is_id(f"a{space}")
        assert id_problem(f"{space}a b") == f'"{space}a b" begins or ends with space; write "a b"'
    for name in (name for name in NAMES if name != " "):
        assert is_id(name)
        assert id_problem(name) is None
    assert id_problem("\ta b\n") == identifier_problem("\ta b\n")
    assert id_problem("x" * 129) == identifier_problem("x" * 129)


def test_quoted():
    """A value is shown shortened, as it is but for what nobody would see."""
    assert quoted("a\n\x00") == '"a\\u000a\\u0000"'
    assert quoted("\u3164 ") == '"\\u3164 "'
    assert quoted("\u2764\ufe0f") == '"\u2764\ufe0f"'
    assert quoted("\u202ea\u200b") == '"\\u202ea\\u200b"'
    for name in (name for name in NAMES if len(name) < 40 and not set(name) & set("\u200b\u200e\u200f\u202b\u202c")):
        assert quoted(name) == f'"{name}"'
    assert quoted("x" * 41) == '"' + "x" * 39 + '…"'
