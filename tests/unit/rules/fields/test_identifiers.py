"""Ids: what one looks like, and how a bad one is shown."""

from __future__ import annotations

import pytest

from service.rules import identifier_problem, is_identifier, quoted


@pytest.mark.parametrize("text", ["a", " ", "x" * 128, "Ünïcode ✓", "👩‍💻", "നന്‍മ", "{a}:b*"])
def test_identifiers(text):
    """1 to 128 printable characters are an id, joiners within words included."""
    assert is_identifier(text)
    assert identifier_problem(text) is None


@pytest.mark.parametrize(
    "text", ["", "x" * 129, "a\nb", "a\x00", "\x1f", "\u200d", "a\u200bb", "a\u2028", "\ud7ff\ue000"]
)
def test_no_identifiers(text):
    """Nothing, too much, or what cannot be printed is no id, and the problem is told in printable words."""
    assert not is_identifier(text)
    assert identifier_problem(text).isprintable()


def test_quoted():
    """A bad value is shown shortened and printable."""
    assert quoted("a\n\x00") == '"a\\u000a\\u0000"'
    assert quoted("x" * 41) == '"' + "x" * 39 + '…"'
