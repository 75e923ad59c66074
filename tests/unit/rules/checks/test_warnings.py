"""Warnings: what is allowed but probably not meant."""

from __future__ import annotations

import time
from itertools import chain, combinations

import pytest
from evenhand.v1 import rules_pb2
from evenhand.v1.contact_pb2 import Contact
from google.protobuf.json_format import ParseDict
from hypothesis import given, settings
from hypothesis import strategies as st

from service.rules import warnings_of
from service.rules.checks.warnings import MAX_WARNINGS
from service.rules.conditions.cel_runtime import activation_of, checked_form, read_checked

VIP = {"tag": {"anyOf": ["vip"]}}
NEW_YEAR = "timestamp('2026-01-01T00:00:00Z')"
GOLD = {"tag": {"anyOf": ["gold"]}}


def rule(rule_id, trigger="CONTACT_CREATED", condition=None, **fields):
    """A rule as JSON."""
    made = {"id": rule_id, "trigger": f"RULE_TRIGGER_{trigger}", "target": {"everyone": True}, **fields}
    return made if condition is None else {**made, "condition": condition}


def warned(rules, fallback=None, **roster):
    """Fields and reasons of the warnings about rules given as JSON."""
    rule_set = ParseDict({"rules": rules, "fallback": fallback or {}}, rules_pb2.RuleSet())
    return [(warning.field, warning.reason) for warning in warnings_of(rule_set, **roster)]


@pytest.mark.parametrize(
    ("earlier", "later", "unreachable"),
    [
        (rule("a"), rule("b"), True),
        (rule("a"), rule("b", condition=VIP), True),
        (rule("a"), rule("b", "NEW_CONTACT_WHATSAPP_DM"), True),
        (rule("a"), rule("b", "NEW_CONTACT_WHATSAPP_DM", VIP), True),
        (rule("a", condition={}), rule("b"), True),
        (rule("a", condition=VIP), rule("b", condition=VIP), True),
        (rule("a", condition=VIP), rule("b", "NEW_CONTACT_WHATSAPP_DM", VIP), True),
        (rule("a", "CONVERSATION_OPENED", VIP), rule("b", "CONVERSATION_OPENED", VIP), True),
        (rule("a", "CONVERSATION_OPENED_BY_ANYONE", VIP), rule("b", "CONVERSATION_OPENED", VIP), True),
        (rule("a", "CONVERSATION_OPENED", VIP), rule("b", "CONVERSATION_OPENED_BY_ANYONE", VIP), False),
        (rule("a", "NEW_CONTACT_WHATSAPP_DM"), rule("b"), False),
        (rule("a", condition=VIP), rule("b"), False),
        (rule("a", condition=VIP), rule("b", condition=GOLD), False),
        (rule("a", "CONVERSATION_OPENED"), rule("b", "TRAIT_OR_TAG_UPDATED"), False),
        (rule("a", "TRAIT_OR_TAG_UPDATED"), rule("b"), False),
        (rule("a", disabled=True), rule("b"), False),
        (rule("a"), rule("b", disabled=True), False),
    ],
)
def test_unreachable(earlier, later, unreachable):
    """A rule after one that always takes its contacts is warned about, any other is not."""
    expected = [("rule_set.rules[1]", "UNREACHABLE_RULE")] if unreachable else []
    assert [one for one in warned([earlier, later]) if one[1] == "UNREACHABLE_RULE"] == expected


def test_message_names_the_earlier_rule():
    """The warning says which rule stands in the way: the first that does."""
    rule_set = ParseDict({"rules": [rule("one"), rule("two"), rule("three")]}, rules_pb2.RuleSet())
    messages = [warning.message for warning in warnings_of(rule_set)]
    assert [('"one"' in message, '"two"' in message) for message in messages] == [(True, True), (True, False)]


def test_who_is_not_in_the_roster():
    """Agents and teams that are gone, and teams without agents, are told once for each target."""
    rules = [
        rule("a", "CONVERSATION_OPENED", VIP, target={"agents": {"agentIds": ["ann", "gone", "bob", "away"]}}),
        rule("b", "CONVERSATION_OPENED", GOLD, target={"teamId": "gone"}, disabled=True),
        rule("c", target={"teamId": "empty"}),
        rule("d", "TRAIT_OR_TAG_UPDATED", target={"teamId": "sales"}),
    ]
    roster = {"agents": ["ann", "bob"], "teams": ["empty", "sales"], "empty_teams": ["empty"]}
    assert warned(rules, {"enabled": True, "target": {"teamId": "old"}}, **roster) == [
        ("rule_set.rules[0].target.agents.agent_ids[1]", "UNKNOWN_AGENT"),
        ("rule_set.rules[1].target.team_id", "UNKNOWN_TEAM"),
        ("rule_set.rules[2].target.team_id", "EMPTY_TEAM"),
        ("rule_set.fallback.target.team_id", "UNKNOWN_TEAM"),
    ]
    assert warned(rules, {"enabled": True, "target": {"teamId": "old"}}) == []


def test_an_empty_condition():
    """A condition with nothing in it makes a rule that always matches, and that is told."""
    assert warned([rule("a", condition={})]) == [("rule_set.rules[0].condition", "EMPTY_CONDITION")]
    assert warned([rule("a")]) == []


def messages_about(condition):
    """The messages about the one rule that has this condition, by field."""
    rule_set = ParseDict({"rules": [rule("a", condition=condition)]}, rules_pb2.RuleSet())
    return {warning.field: warning.message for warning in warnings_of(rule_set)}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("contact.traits.status != 'human'", ["has(contact.traits.status)"]),
        ("'bot' == contact.traits['my status']", ["('my status' in contact.traits)"]),
        ("contact.traits.plan in ['pro', 'team']", ["has(contact.traits.plan)"]),
        ("!(contact.traits.vip == true)", ["has(contact.traits.vip)"]),
        ("contact.traits.rating >= 4", ["has(contact.traits.rating)", "double(contact.traits.rating)"]),
        ("has(contact.traits.rating) && contact.traits.rating >= 4.0", ["double(contact.traits.rating)"]),
        ("double(contact.traits.rating) >= 4.0", ["has(contact.traits.rating)"]),
        ("!contact.traits.opted_out", ["has(contact.traits.opted_out)"]),
        ("!contact.traits.name.startsWith('Test')", ["has(contact.traits.name)"]),
        ("!(contact.traits.notes.contains('spam'))", ["has(contact.traits.notes)"]),
        ("!('spam' in contact.traits.labels)", ["has(contact.traits.labels)"]),
        ("contact.traits.labels.size() == 0", ["has(contact.traits.labels)"]),
        ("size(contact.traits.labels) == 0", ["has(contact.traits.labels)"]),
        ("contact.traits.l[0] == 'a'", ["has(contact.traits.l)"]),
        ("contact.traits.address.city == 'Pune'", ["has(contact.traits.address)"]),
        ("!has(contact.traits.address.city) || contact.traits.address.city == 'Pune'", ["has(contact.traits.address)"]),
        ("contact.traits.owner == contact.id", ["has(contact.traits.owner)"]),
        ("contact.tags.exists(t, t == contact.traits.tag)", ["has(contact.traits.tag)"]),
        ("!contact.traits.l.exists(x, x == 'a')", ["has(contact.traits.l)"]),
        ("contact.traits.vip ? contact.source == 'a' : contact.source == 'b'", ["has(contact.traits.vip)"]),
        ("has(contact.traits.a) || contact.traits.a != 'x'", ["has(contact.traits.a)"]),
        ("!has(contact.traits.a) && contact.traits.a != 'x'", ["has(contact.traits.a)"]),
        ("contact.traits.a != 'x' || (has(contact.traits.a) && contact.tags.size() > 1)", ["has(contact.traits.a)"]),
        ("(has(contact.traits.a) ? true : true) && contact.traits.a != 'x'", ["has(contact.traits.a)"]),
        ("has(contact.traits.b) && contact.traits.a == 'x'", ["has(contact.traits.a)"]),
        (
            "has(contact.traits.age) && contact.traits.age + 1 > 18",
            ["contact.traits.age + 1 fails", "contact.traits.age + 1.0"],
        ),
        ("has(contact.traits.age) && 18 < 1 + contact.traits.age", ["1.0 + contact.traits.age"]),
        ("has(contact.traits.age) && contact.traits.age * 2 > 18", ["contact.traits.age * 2.0"]),
        ("has(contact.traits.age) && contact.traits.age % 2 == 0", ["int(double(contact.traits.age)) % 2"]),
        ("has(contact.traits.l) && contact.traits.l[0] - 1u > 0u", ["... - 1.0"]),
        ("has(contact.traits.a) && int(contact.traits.a) >= 4", ["int() fails", "int(double(contact.traits.a))"]),
        ("has(contact.traits.n) && contact.traits.n != 5", ["!= does", "double(contact.traits.n)"]),
        ("has(contact.traits.n) && !(contact.traits.n in [4, 5])", ["in do not hold", "double(contact.traits.n)"]),
        (
            "contact.traits.plan == 'vip' || contact.source == 'api'",
            ["unless another part", "has(contact.traits.plan)"],
        ),
        (
            "has(contact.traits.d) && timestamp(contact.traits.d) > timestamp('2026-01-31T00:00:00Z')",
            ["date", "GREATER"],
        ),
        ("timestamp('2026-01-31') < timestamp('2026-02-31T00:00:00Z')", ['"2026-01-31"', '"2026-02-31T00:00:00Z"']),
    ],
)
def test_an_expression_that_is_false_in_silence(text, words):
    """A trait that is compared, missing or of another kind, and a date without a time, are told with the remedy."""
    (message,) = messages_about({"all": {"conditions": [VIP, {"expression": text}]}}).values()
    assert warned([rule("a", condition={"any": {"conditions": [VIP, {"expression": text}]}})]) == [
        ("rule_set.rules[0].condition.any.conditions[1].expression", "UNGUARDED_TRAIT")
    ]
    for word in words:
        assert word in message
    assert ("double(" in message) is any("double(" in word for word in words)
    assert ("missing" in message) is any("contact.traits)" in word or "has(" in word for word in words)
    assert ("fails for every number" in message) is any(sign in text for sign in ("+ ", "- ", "* ", "% "))


@pytest.mark.parametrize(
    "text",
    [
        "contact.tags.size() > 2 && contact.source != 'api'",
        "has(contact.traits.status) && contact.traits.status != 'human'",
        "!has(contact.traits.status) || contact.traits.status != 'human'",
        "has(contact.traits.rating) && double(contact.traits.rating) >= 4.0",
        "'my rating' in contact.traits && double(contact.traits['my rating']) >= 4.0",
        "has(contact.traits.n) && type(contact.traits.n) == double && contact.traits.n > 4.0",
        f"has(contact.traits.d) && contact.traits.d.contains('T') && timestamp(contact.traits.d) > {NEW_YEAR}",
        "contact.traits.vip",
        "contact.traits.tags.exists(t, t == 'vip')",
        "!!contact.traits.vip && contact.traits.name.startsWith('A') && 'vip' in contact.traits.labels",
        "!(!has(contact.traits.a) || contact.traits.a == 'x')",
        "contact.traits.a != 'x' && has(contact.traits.a)",
        "!has(contact.traits.a) || (contact.source == 'a' && contact.traits.a != 'x')",
        "has(contact.traits.a) && has(contact.traits.b) && contact.traits.a == contact.traits.b",
        "has(contact.traits.a) ? contact.traits.a != 'x' : contact.source == 'api'",
        "has(contact.traits.a) == true && contact.traits.a != 'x'",
        "has(contact.traits.a) != false && contact.traits.a != 'x'",
        "(has(contact.traits.a) ? contact.traits.a == 'x' : false) && contact.traits.a != 'y'",
        "('a' in contact.traits ? false : true) || contact.traits['a'] != 'y'",
        "has(contact.traits.l) && contact.traits.l.size() == 0 && !(contact.traits.l[0] == 'a')",
        "has(contact.traits.address.city) && contact.traits.address.city != 'Pune'",
        "has(contact.traits.address) && contact.traits.address.city == 'Pune'",
        "has(contact.traits.n) && double(contact.traits.n) + 1.0 > 18.0 && int(double(contact.traits.n)) % 2 == 0",
        "contact.tags.size() + 1 > 2 && contact.traits.size() - 1 == 2",
    ],
)
def test_an_expression_that_says_what_holds(text):
    """What says what holds without the trait, and converts it, is not told."""
    assert warned([rule("a", condition={"expression": text})]) == []


HAS, DIFFERS, IS = "has(contact.traits.k)", "contact.traits.k != 'a'", "contact.traits.k == 'b'"
PARTS = st.recursive(
    st.sampled_from([HAS, HAS, "!" + HAS, DIFFERS, IS, "TAG", "TAG", "false", "true"]),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["&&", "||"]), inner).map(lambda parts: f"({' '.join(parts)})"),
        inner.map(lambda part: f"!({part})"),
        st.tuples(inner, inner, inner).map(lambda parts: "({} ? {} : {})".format(*parts)),
    ),
    max_leaves=7,
)


@settings(max_examples=500, deadline=None)
@given(PARTS)
def test_a_missing_trait_is_told_where_it_makes_the_expression_fail(text):
    """A trait that is compared is told just where an expression fails, neither true nor false, if it is missing."""
    tags = [f"t{n}" for n in range(text.count("TAG"))]
    for name in tags:
        text = text.replace("TAG", f"'{name}' in contact.tags", 1)
    ways = [read_checked(checked_form(each)) for each in (text, f"!({text})")]
    some = chain.from_iterable(combinations(tags, count) for count in range(len(tags) + 1))
    fails = any(not any(way.holds(activation_of(Contact(tags=those))) for way in ways) for those in some)
    assert bool(warned([rule("a", condition={"expression": text})])) is fails


def test_a_blank_value():
    """A value that equals no trait since it is blank is told."""
    blank = {"trait": {"key": "city", "operator": "TRAIT_OPERATOR_IN", "values": ["Pune", " "]}}
    assert warned([rule("a", condition=blank)]) == [("rule_set.rules[0].condition.trait.values[1]", "BLANK_VALUE")]
    assert "NOT_EXISTS" in messages_about(blank)["rule_set.rules[0].condition.trait.values[1]"]


def test_a_reply_that_is_probably_not_meant():
    """A reply's warnings are among those of its rule set, by the reply's path."""
    assert warned([rule("a"), rule("b", "CONVERSATION_OPENED", reply="Hi {{name}}, $contact.name様")]) == [
        ("rule_set.rules[1].reply", "UNKNOWN_PLACEHOLDER"),
        ("rule_set.rules[1].reply", "DOUBTFUL_PLACEHOLDER"),
    ]
    assert warned([rule("a", reply="Hi ${contact.first name}, it costs $5. $agent.name")]) == []


def test_fallback_without_rules():
    """A fallback that is on beside no rule does nothing, and that is told."""
    assert warned([], {"enabled": True}) == [("rule_set.fallback", "FALLBACK_WITHOUT_RULES")]
    assert warned([], {"enabled": False}) == []
    assert warned([rule("a", disabled=True)], {"enabled": True}) == []


def test_many_rules_and_many_warnings():
    """10,000 rules are looked at in well under a second, and no more warnings are given than fit in a response."""
    rules = [rule(f"r{n}", condition={"tag": {"anyOf": [f"t{n % 5000}"]}}) for n in range(10_000)]
    rule_set = ParseDict({"rules": rules}, rules_pb2.RuleSet())
    start = time.process_time()
    found = warnings_of(rule_set)
    assert time.process_time() - start < 2
    assert len(found) == MAX_WARNINGS
    assert (found[-1].reason, found[-1].message) == ("MORE_WARNINGS", "4001 more warnings.")
