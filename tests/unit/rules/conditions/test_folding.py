"""Folding: texts that a reader takes for the same compare as the same, and no others do."""

from __future__ import annotations

import sys
import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.rules.conditions.folding import fold


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Women\u2019s", "women's"),
        ("Women\u2018s Fashion", "Women\u00b4s fashion"),
        ("Women`s", "WOMEN\u02bcS"),
        ("\u201cVIP\u201d", '"vip"'),
        ("\u00abVIP\u00bb", "\u201evip\u201c"),
        ("2024\u20132025", "2024-2025"),
        ("pre\u2014sale", "pre\u2010sale"),
        ("\u2212 5", "- 5"),
        ("new   lead", " New Lead\t"),
        ("new\u00a0lead", "new\u202flead"),
        ("\u5c71\u7530\u3000\u592a\u90ce", "\u5c71\u7530 \u592a\u90ce"),
        ("\u0130stanbul", "istanbul"),
        ("I\u0307stanbul", "ISTANBUL"),
        ("\u0130STANBUL".lower(), "istanbul"),
        ("DIYARBAKIR", "D\u0131yarbak\u0131r"),
        ("M\u00fcller", "mu\u0308ller"),
        ("\u0110\u00e0 N\u1eb5ng", "\u0111a\u0300 na\u0306\u0303ng"),
        ("\uc11c\uc6b8", "\u1109\u1165\u110b\u116e\u11af"),
        ("\u304c", "\u304b\u3099"),
        ("\uff76\uff9e", "\u30ac"),
        ("\u0958", "\u0915\u093c"),
        ("\u09dc", "\u09a1\u09bc"),
        ("STRASSE", "stra\u00dfe"),
        ("\uff36\uff29\uff30", "vip"),
        ("\u200evip\u200f", "vip"),
        ("\ufeffco\u00adop", "coop"),
        ("\u2b50", "\u2b50\ufe0f"),
        ("\u2764 vip", "\u2764\ufe0f VIP"),
        ("\u260e\ufe0e", "\u260e\ufe0f"),
        ("\u26a0", "\u26a0\ufe0f"),
        ("\u845b\U000e0100", "\u845b"),
        ("co\u034fop \u180e", "coop"),
        ("e\u034f\u0301", "\u00e9"),
        ("f\u2061x\u2062y\u2063z\u2064", "fxyz"),
        ("\u039f\u0394\u039f\u03a3", "\u03bf\u03b4\u03bf\u03c2"),
    ],
)
def test_texts_that_are_the_same_to_a_reader(one, other):
    """Case, space, Unicode form, shapes of marks, and characters that show nothing make no difference."""
    assert fold(one) == fold(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("\u00e9", "e"),
        ("M\u00fcller", "Mueller"),
        ("newlead", "new lead"),
        ("a-b", "a b"),
        ("women's", "womens"),
        ("'vip'", '"vip"'),
        ("a_b", "a-b"),
        ("\u0915", "\u0915\u093c"),
        ("\u304b", "\u304c"),
        ("01067", "1067"),
        ("\U0001f468\u200d\U0001f469", "\U0001f468\U0001f469"),
        ("\u0646\u0645\u06cc\u200c\u062e", "\u0646\u0645\u06cc\u062e"),
        ("a\u3164", "a"),
    ],
)
def test_texts_that_are_not(one, other):
    """Accents, and whatever else a reader sees, do make a difference."""
    assert fold(one) != fold(other)


@pytest.mark.parametrize(
    "text",
    [
        *("", " \t\n", "\u3000", "\u200b\u200b", "\ufe0f", "\ufeff \u00ad", "\U000e01ef\u180e", "\u2064"),
        *("\u3164", "\u2800", "\u2800 \u2800\n", "\u115f", "\u1160", "\uffa0", "\u3164\ufe0f\t", "\u200d"),
        "\u3164" * 300,
    ],
)
def test_what_nobody_sees_is_blank(text):
    """White space, what is folded away, and letters that show nothing where nothing else stands fold to nothing."""
    assert fold(text) == ""


def test_every_character_in_every_case():
    """Each character of Unicode, within a word, folds alike in each case and form, and folds no further."""
    for code in range(sys.maxunicode + 1):
        character = chr(code)
        if unicodedata.category(character) in {"Cs", "Cn", "Co"}:
            continue
        text = f"a{character}b"
        folded = fold(text)
        others = {text.upper(), text.lower(), text.swapcase()}
        others |= {unicodedata.normalize(form, text) for form in ("NFC", "NFD")}
        differing = [other for other in others | {folded} if fold(other) != folded]
        assert not differing, (hex(code), folded, differing)


@pytest.mark.parametrize(
    "piece",
    [
        "\u0301\u0323",
        "\u0301\u034f\u0323\ufe0f",
        "\u0301\u200b\u0323",
        "\u0344",
        "\ufdfa",
        "e\u0301",
        "\u0390",
        "\uc11c",
        "x ",
        "x  \u2019",
    ],
)
def test_the_longest_texts_take_no_longer(piece):
    """64 KiB, sixteen times what a trait takes, fold within a fifth of a second, however many marks a letter has."""
    text = piece * (65_536 // len(piece.encode()))
    start = time.process_time()
    fold(text)
    assert time.process_time() - start < 0.2


def test_long_texts_fold_as_short_ones_do():
    """A long text compares however it is encoded, with as many marks on a letter as any script has."""
    text = "Vi\u1ec7t Nam \u304c\uc11c\uc6b8 \u0958 " * 40
    assert fold(text) == fold(unicodedata.normalize("NFD", text))
    assert fold("a" + "\u0301" * 2000) == fold("A" + "\u0301" * 2000)


@given(st.text(max_size=12))
def test_folding_is_done_once(text):
    """What is folded stays as it is when it is folded again, and so do the forms of Unicode it came in."""
    folded = fold(text)
    assert fold(folded) == folded
    assert fold(unicodedata.normalize("NFC", text)) == folded
    assert fold(unicodedata.normalize("NFD", text)) == folded


@given(st.text(st.characters(max_codepoint=127, exclude_characters="`"), max_size=12))
def test_plain_text_changes_in_case_and_space_alone(text):
    """Plain ASCII text folds to lower case with single spaces."""
    assert fold(text) == " ".join(text.lower().split())
