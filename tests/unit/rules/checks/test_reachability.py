"""Rules that never match: what is found, that nothing else is said, and that it takes little time."""

from __future__ import annotations

import time
from functools import cache
from itertools import product

import pytest
from evenhand.v1 import contact_pb2, rules_pb2
from google.protobuf.json_format import ParseDict
from hypothesis import given, settings
from hypothesis import strategies as st

from service.rules import warnings_of
from service.rules.conditions.folded_contact import FoldedContact
from service.rules.conditions.kinds import compile_condition, prepare_condition


def trait(operator, *values, key="budget"):
    """A test of a trait, as JSON."""
    return {"trait": {"key": key, "operator": f"TRAIT_OPERATOR_{operator}", "values": list(values)}}


def tag(**lists):
    """A test of the tags, as JSON."""
    return {"tag": lists}


def source(*sources):
    """A test of the source, as JSON."""
    return {"source": {"anyOf": list(sources)}}


def of(kind, *conditions):
    """A condition over conditions, as JSON."""
    return {kind: {"conditions": list(conditions)}}


VIP, GOLD, BIG = tag(anyOf=["vip"]), tag(anyOf=["gold"]), trait("GREATER", 5000)
SPOKEN = {"expression": "contact.tags.size() > 2"}


def rule_set(conditions, triggers=None):
    """Rules r0, r1, ... with these conditions."""
    names = triggers or ["TRAIT_OR_TAG_UPDATED"] * len(conditions)
    rules = [
        {"id": f"r{n}", "trigger": f"RULE_TRIGGER_{name}", "target": {"everyone": True}, "condition": condition}
        for n, (condition, name) in enumerate(zip(conditions, names, strict=True))
    ]
    return ParseDict({"rules": rules}, rules_pb2.RuleSet())


def unreachable(made):
    """The places of the rules that are said never to match."""
    found = [one.field for one in warnings_of(made) if one.reason == "UNREACHABLE_RULE"]
    return [int(field.removeprefix("rule_set.rules[").removesuffix("]")) for field in found]


@pytest.mark.parametrize(
    "conditions",
    [
        [trait("GREATER", 1000), trait("GREATER", 5000)],
        [trait("GREATER_OR_EQUAL", 1000), trait("GREATER", 1000)],
        [trait("LESS", 9), trait("LESS_OR_EQUAL", 8)],
        [trait("GREATER", 1000), trait("EQUALS", 5000)],
        [trait("GREATER", "1,000"), trait("GREATER", "₹ 5000")],
        [trait("LESS", "2026-02-01"), trait("LESS", "2026-01-31T09:30Z")],
        [trait("LESS", "2026\u201302\u201301"), trait("LESS", "2026-02-01\u200b")],
        [tag(changedAnyOf=["vip", "gold"]), tag(anyOf=["new"], changedAnyOf=["gold"])],
        [VIP, tag(changedAnyOf=["vip"])],
        [VIP, GOLD, tag(changedAnyOf=["vip", "gold"])],
        [of("none", tag(changedAnyOf=["vip"])), tag(noneOf=["vip"])],
        [tag(changedAnyOf=["vip"], noneOf=["vip"])],
        [
            tag(noneOf=["vip"]),
            tag(changedAnyOf=["vip"]),
            of("all", VIP, tag(changedAnyOf=["gold", "vip"], noneOf=["gold"])),
        ],
        [trait("GREATER", 1000), trait("IN", 2000, 3000)],
        [trait("GREATER", 1000), of("all", VIP, trait("GREATER", 5000))],
        [trait("EXISTS"), trait("STARTS_WITH", "x")],
        [trait("EXISTS"), trait("CHANGED")],
        [trait("STARTS_WITH", "ab"), trait("STARTS_WITH", "ABC")],
        [trait("ENDS_WITH", "bc"), trait("ENDS_WITH", "abc")],
        [trait("CONTAINS", "wed"), trait("CONTAINS", "wedding")],
        [trait("CONTAINS", "wed"), trait("EQUALS", "Wedding")],
        [trait("CONTAINS", "WED"), trait("STARTS_WITH", "wedding")],
        [trait("CONTAINS", "ding"), trait("ENDS_WITH", "wedding")],
        [trait("CONTAINS", "a"), trait("IN", "ab", "ba", "c a")],
        [trait("STARTS_WITH", "wed"), trait("EQUALS", "wedding")],
        [trait("ENDS_WITH", "ding"), trait("IN", "wedding", "Pudding")],
        [of("none", trait("CONTAINS", "wed")), trait("CONTAINS", "wed"), VIP],
        [of("all", trait("EQUALS", "wedding"), of("none", trait("CONTAINS", "wed")))],
        [of("all", trait("GREATER", 5), of("none", trait("CONTAINS", "w")), trait("STARTS_WITH", "wed"))],
        [trait("IN", "a", "b", "c"), trait("IN", "A", " c")],
        [trait("NOT_EQUALS", "a"), trait("NOT_IN", "a", "b")],
        [trait("NOT_EQUALS", "a"), trait("NOT_EXISTS")],
        [VIP, tag(allOf=["VIP", "gold"])],
        [VIP, of("all", VIP, GOLD)],
        [tag(anyOf=["vip", "gold"]), GOLD],
        [tag(noneOf=["vip"]), tag(noneOf=["vip", "gold"])],
        [VIP, of("all", tag(anyOf=["vip", "gold"]), tag(noneOf=["gold"]))],
        [source("a", "b"), of("all", source("b"), SPOKEN)],
        [of("none", source("a")), source("b")],
        [of("any", VIP, BIG), of("all", GOLD, BIG)],
        [of("any", SPOKEN, VIP), SPOKEN],
        [VIP, GOLD, tag(anyOf=["vip", "gold"])],
        [trait("EQUALS", "a"), trait("EQUALS", "b"), trait("IN", "a", "b")],
        [VIP, tag(noneOf=["vip"]), BIG],
        [VIP, of("none", VIP), {}],
        [trait("IN", "a", "b"), trait("NOT_IN", "a", "b"), GOLD],
        [trait("EXISTS"), trait("NOT_EXISTS"), {}],
        [of("all", VIP, GOLD), of("all", VIP, tag(noneOf=["gold"])), VIP],
        [trait("GREATER", 10), of("none", trait("GREATER", 50)), VIP],
        [SPOKEN, of("none", SPOKEN), VIP],
        [of("all", VIP, tag(noneOf=["vip"]))],
        [of("all", source("a"), source("b"))],
        [of("all", trait("EXISTS"), trait("NOT_EXISTS"))],
        [of("all", BIG, trait("NOT_EXISTS"))],
        [of("all", BIG, of("none", trait("GREATER", 1000)))],
        [tag(allOf=["vip"], noneOf=["VIP"])],
        [of("any", of("all", VIP, tag(noneOf=["vip"])), of("all", source("a"), source("b")))],
    ],
)
def test_what_never_matches_is_said(conditions):
    """The last of some rules is warned about where those before it take all that it could, or it contradicts itself."""
    assert unreachable(rule_set(conditions)) == [len(conditions) - 1]


@pytest.mark.parametrize(
    "conditions",
    [
        [trait("GREATER", 5000), trait("GREATER", 1000)],
        [trait("GREATER", 5000), trait("GREATER_OR_EQUAL", 5000)],
        [trait("GREATER", 10), trait("LESS_OR_EQUAL", 10), {}],
        [trait("CONTAINS", "ab"), trait("STARTS_WITH", "a")],
        [trait("CONTAINS", "ab"), trait("CONTAINS", "a")],
        [trait("STARTS_WITH", "wed"), trait("CONTAINS", "wedding")],
        [trait("STARTS_WITH", "wed"), trait("EQUALS", "a wedding")],
        [trait("CONTAINS", "wed"), trait("IN", "wedding", "party")],
        [trait("CONTAINS", "tru"), trait("EQUALS", True)],
        [trait("CONTAINS", "tru"), trait("CONTAINS", "true")],
        [trait("CONTAINS", "0"), trait("EQUALS", 10)],
        [of("all", trait("CONTAINS", "wed"), trait("NOT_EQUALS", "wedding"))],
        [of("all", trait("EQUALS", "a"), trait("EQUALS", "b"))],
        [of("all", trait("GREATER", 5), trait("LESS", 3))],
        [of("all", VIP, GOLD), VIP],
        [VIP, tag(anyOf=["vip", "gold"])],
        [VIP, GOLD, {}],
        [tag(changedAnyOf=["vip"]), VIP],
        [tag(noneOf=["vip"]), of("none", tag(changedAnyOf=["vip"]))],
        [tag(changedAnyOf=["vip", "gold"], noneOf=["gold"])],
        [trait("LESS", "2026-02-01"), trait("LESS", 5)],
        [trait("EQUALS", True), trait("EQUALS", 1)],
    ],
)
def test_what_may_match_is_not_said(conditions):
    """A list passes tests by different elements, what is no number is neither above nor below: no warning."""
    assert unreachable(rule_set(conditions)) == []


@pytest.mark.parametrize(
    ("conditions", "triggers", "said"),
    [
        ([source("whatsapp_dm"), {}], ["CONTACT_CREATED", "NEW_CONTACT_WHATSAPP_DM"], [1]),
        ([source("api"), {}], ["CONTACT_CREATED", "NEW_CONTACT_WHATSAPP_DM"], []),
        ([source("api")], ["NEW_CONTACT_WHATSAPP_DM"], [0]),
        ([VIP, of("none", VIP), GOLD], ["CONTACT_CREATED", "NEW_CONTACT_WHATSAPP_DM", "CONTACT_CREATED"], []),
        ([VIP, of("none", VIP), GOLD], ["CONTACT_CREATED", "NEW_CONTACT_WHATSAPP_DM", "NEW_CONTACT_WHATSAPP_DM"], [2]),
        ([{}, VIP], ["CONVERSATION_OPENED", "TRAIT_OR_TAG_UPDATED"], []),
        ([VIP, of("none", VIP), GOLD], ["CONVERSATION_OPENED_BY_ANYONE"] + ["CONVERSATION_OPENED"] * 2, [2]),
        ([VIP, of("none", VIP), GOLD], ["CONVERSATION_OPENED"] + ["CONVERSATION_OPENED_BY_ANYONE"] * 2, []),
    ],
)
def test_triggers(conditions, triggers, said):
    """Rules stand in the way of those whose events they see all of, with the source that such an event has."""
    assert unreachable(rule_set(conditions, triggers)) == said


def test_the_rules_in_the_way_are_named():
    """The warning names the rules that take it all, or says that there is no such contact."""
    made = rule_set(
        [VIP, BIG, GOLD, tag(anyOf=["vip", "gold"]), of("all", VIP, of("none", VIP)), of("all", BIG, SPOKEN)]
    )
    assert [one.message for one in warnings_of(made)] == [
        'Rule "r3" never matches: rules "r0", "r2" before it take all that it could.',
        'Rule "r4" never matches: its condition cannot hold.',
        'Rule "r5" never matches: rule "r1" before it takes all that it could.',
    ]


TRAITS = [
    None,
    1,
    2,
    3,
    "2",
    "2026-01-31T12:00Z",
    ["2025-01-01", 12],
    "a",
    "ab",
    "x y",
    True,
    "true",
    "ba",
    [True, "a"],
    [False, 12],
    "",
    [],
    [1, 3],
    ["a", "b"],
    ["ab", 2],
    {},
]
SOURCES = ["api", "whatsapp_dm"]
UPDATES = [[], ["k"], ["vip"], ["k", "vip", "gold"]]


@cache
def contacts():
    """Every contact of a small world, as matching takes them."""
    found = []
    tag_sets = [[], ["vip"], ["gold"], ["vip", "gold"]]
    for tags, where, value, changed in product(tag_sets, SOURCES, TRAITS, UPDATES):
        contact = {"id": "c", "tags": tags, "source": where, **({} if value is None else {"traits": {"k": value}})}
        found.append(FoldedContact(ParseDict(contact, contact_pb2.Contact()), changed))
    return found


single = ["EQUALS", "NOT_EQUALS", "CONTAINS", "STARTS_WITH", "ENDS_WITH"]
orders = ["LESS", "LESS_OR_EQUAL", "GREATER", "GREATER_OR_EQUAL"]
values = st.sampled_from([1, 2, 3, "2", "a", "ab", "b", "1", "tr", "true", True])
bounds = st.sampled_from([1, 2, 3, "2", "12", "2026-01-31", "2026-02-01"])
tags = st.lists(st.sampled_from(["vip", "gold", "new"]), min_size=1, max_size=2, unique=True)
TAG_LISTS = ["anyOf", "changedAnyOf", "allOf", "noneOf"]
leaves = st.one_of(
    st.builds(lambda operator, value: trait(operator, value, key="k"), st.sampled_from(single), values),
    st.builds(
        lambda operator, value: trait(operator, value, key="k"),
        st.sampled_from(orders),
        st.sampled_from([1, 2, 3, "2"]),
    ),
    st.builds(
        lambda operator, those: trait(operator, *those, key="k"),
        st.sampled_from(["IN", "NOT_IN"]),
        st.lists(values, min_size=1, max_size=3),
    ),
    st.sampled_from(["EXISTS", "NOT_EXISTS", "CHANGED"]).map(lambda operator: trait(operator, key="k")),
    st.builds(lambda kind, those: tag(**{kind: those}), st.sampled_from(TAG_LISTS), tags),
    st.builds(lambda kind, one, other: tag(**{kind: one}, noneOf=other), st.sampled_from(TAG_LISTS[:2]), tags, tags),
    st.lists(st.sampled_from([*SOURCES, "web"]), min_size=1, max_size=2).map(lambda those: source(*those)),
    st.sampled_from([{"expression": "contact.tags.size() > 1"}, {"expression": "has(contact.traits.k)"}]),
)


def combined(inner):
    """A condition over some of these."""
    parts = st.lists(inner, min_size=1, max_size=3)
    return st.builds(lambda kind, those: of(kind, *those), st.sampled_from(["all", "any", "none"]), parts)


conditions = st.recursive(leaves, combined, max_leaves=5)


@settings(max_examples=300, deadline=None)
@given(st.lists(conditions, min_size=1, max_size=6))
def test_no_warning_is_false(those):
    """Of every contact of a small world, none is taken first by a rule that is said never to match."""
    made = rule_set(those)
    said = set(unreachable(made))
    predicates = [compile_condition(prepare_condition(rule.condition)) for rule in made.rules]
    first = {next((n for n, holds in enumerate(predicates) if holds(contact)), None) for contact in contacts()}
    assert not said & first


@pytest.mark.parametrize(
    "condition",
    [
        lambda n: trait("GREATER", 10_000 - n),
        lambda n: of("all", VIP, SPOKEN, trait("IN", *range(20 * n, 20 * n + 40))),
        lambda n: of("all", VIP, trait("NOT_EQUALS", n), trait("LESS", 10_000 - n)),
        lambda n: of("any", trait("EQUALS", n), tag(anyOf=[f"t{n}", f"t{n + 1}"], noneOf=["vip"])),
    ],
)
def test_large_sets_take_little_time(condition):
    """10,000 rules that share a trait, a tag or values are looked at in seconds, in the worst order."""
    made = rule_set([condition(n) for n in range(10_000)])
    begun = time.process_time()
    assert unreachable(made) == []
    assert time.process_time() - begun < 6


def test_long_lists():
    """Of a list, each value may be taken by another rule; and a list that is taken only in part is no warning."""
    cities = [f"City {n}" for n in range(1_000)]
    lists = [cities[n : n + 50] for n in range(0, 1_000, 50)]
    made = rule_set([trait("IN", *those) for those in [*lists, cities[40:55], [*cities[40:55], "Elsewhere"]]])
    assert unreachable(made) == [20]
