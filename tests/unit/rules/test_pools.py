"""Names of pools, and what an id looks like."""

from __future__ import annotations

import pytest
from evenhand.v1.rules_pb2 import AgentList, Target

from service.rules import identifier_problem, is_identifier, pool_of, quoted


def listed(*agent_ids):
    """The pool of a list."""
    return pool_of(Target(agents=AgentList(agent_ids=agent_ids)))


def test_everyone_and_teams():
    """Everyone is one pool, also for no target, and each team is its own."""
    assert pool_of(Target(everyone=True)) == pool_of(Target()) == "*"
    assert pool_of(Target(team_id="sales")) == "t:sales"


def test_lists():
    """The same agents in the same order are the same pool; others are not, however their ids run together."""
    assert listed("a", "b") == listed("a", "b")
    assert listed("a", "b").startswith("l:")
    assert len(listed("a", "b")) == len("l:") + 16
    different = [listed("a", "b"), listed("b", "a"), listed("ab"), listed("a"), listed("1:a"), listed("a1:b"), listed()]
    assert len(set(different)) == len(different)


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
