"""Rules as they are stored for the matcher: what is written down, and what of it can be read."""

from __future__ import annotations

import pytest
from evenhand.v1 import contact_pb2, rules_pb2
from hypothesis import given
from hypothesis import strategies as st

from service.rules import dump, is_readable, load, prepare
from service.rules.conditions.cel_runtime import Program, _environment, activation_of, checked_form, read_checked
from service.rules.matching.prepared import FORMAT, condition_of, selection_of
from tests.support import builders as make
from tests.support.random_conditions import leaves, trees_of

texts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)
rules = st.lists(
    st.builds(lambda rule_id, when, reply: make.rule(rule_id, when=when, reply=reply), texts, trees_of(leaves), texts),
    max_size=4,
)


@given(rules=rules)
def test_whatever_texts_hold_they_are_read_as_they_were_written(rules):
    """Line ends, quotes and marks of all kinds in ids, replies and conditions come back as they were."""
    prepared = prepare(rules_pb2.RuleSet(rules=rules))
    written = dump(prepared)
    assert is_readable(written)
    assert load(written) == prepared
    selections = [selection_of(line) for line in prepared]
    assert [(one["rule_id"], one["reply"]) for one in selections] == [(r.id, r.reply) for r in rules]


def test_what_is_written():
    """Rules are stored like this, to the letter."""
    rule = make.rule(
        "r",
        on=make.ON_NEW_WHATSAPP,
        when=make.all_of(make.tag(any_of=["VIP "]), make.trait("n", "IN", 5, "Five", True)),
        to=make.team("sales"),
        strategy=make.LEAST_OPEN_CONTACTS,
        reply="Hi",
    )
    off = make.rule("off", disabled=True)
    assert dump(prepare(rules_pb2.RuleSet(rules=[rule, off], fallback=make.fallback()))).decode().split("\n") == [
        f"evenhand rules {FORMAT}",
        (
            'w["all",[["tag",["vip"],[],[],[]],["trait","n",7,[5.0,"five","true"]]]]'
            '{"rule_id":"r","choice":"e372917b0140fe56","reply":"Hi"}'
        ),
        'wnull{"choice":"c0539813e1325cd2"}',
    ]


@pytest.mark.parametrize(
    "written", [b"", f"evenhand rules {FORMAT + 1}\nx".encode(), f"evenhand rules {FORMAT}x".encode(), b"\x0a\x05rule"]
)
def test_what_another_version_wrote_is_not_taken_for_rules(written):
    """Neither a higher number nor something else altogether passes for what this version reads."""
    assert not is_readable(written)


@pytest.mark.parametrize("tags", [[], ["vip"], ["a", "b", "c"]])
@pytest.mark.parametrize(
    "text",
    ["contact.tags.size() > 2", "'vip' in contact.tags", "contact.traits.n > 1.0", "contact.tags.exists(t, t == 'b')"],
)
def test_a_checked_expression_says_what_its_text_says(text, tags):
    """Read back from its checked form, an expression holds for the contacts that it holds for as a text."""
    contact = contact_pb2.Contact(tags=tags)
    expected = Program(_environment().compile(text)).holds(activation_of(contact))
    assert read_checked(checked_form(text)).holds(activation_of(contact)) is expected


def test_a_rule_that_is_not_reached_is_not_read():
    """A condition is read from its own line only."""
    (line,) = prepare(rules_pb2.RuleSet(rules=[make.rule("r", when=make.tag(any_of=["A"]))]))
    assert condition_of(line + "}{") == ["tag", ["a"], [], [], []]
