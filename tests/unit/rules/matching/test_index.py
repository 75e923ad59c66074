"""Very many rules: found by look-up, decided as by a walk."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from evenhand.v1 import rules_pb2
from hypothesis import given, settings
from hypothesis import strategies as st

from service.rules.conditions.needs import Need, Thing
from service.rules.matching import filing, index, matcher
from tests.support import builders as make
from tests.support.compiled import compile_rules
from tests.support.model import Model
from tests.support.random_conditions import (
    contacts,
    contacts_with,
    leaves,
    trait_tests,
    traits,
    trees_of,
    updated_keys,
    wanted,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

MANY = 10_000
EVENTS = [make.CREATED, make.UPDATED, make.OPENED]
TRIGGERS = [make.ON_CREATED, make.ON_NEW_WHATSAPP, make.ON_UPDATE, make.ON_OPENED, make.ON_OPENED_BY_ANYONE]
# What the model does not know: expressions, and whole numbers that are too long for a float.
EXPRESSIONS = [
    "contact.channel == 'vip'",
    "'new' in contact.tags",
    "contact.traits.budget > 4.0",
    "contact.traits.city",
]
LONG = ["9007199254740992", "9007199254740993", " 9007199254740993.0", "+9007199254740993", "9" * 400, "9" * 401]
long = st.one_of(wanted, st.sampled_from(LONG), st.just(2.0**53))
beyond_the_model = trees_of(
    st.one_of(leaves, trait_tests(long), st.builds(make.expression, st.sampled_from(EXPRESSIONS)))
)


def rule_sets(conditions):
    """Rule sets with such conditions, or none, on any trigger; some rules are disabled."""
    rules = st.builds(
        lambda on, when, disabled: make.rule("", on=on, when=when, disabled=disabled),
        st.sampled_from([make.ON_CREATED] * 4 + TRIGGERS),
        st.one_of(*[conditions] * 10, st.none(), st.just(rules_pb2.Condition())),
        st.sampled_from([False] * 9 + [True]),
    )
    return st.builds(numbered, st.lists(rules, max_size=12), st.booleans())


def numbered(rules, fallback):
    """A rule set of these rules, each with its place as its id."""
    rule_set = rules_pb2.RuleSet(rules=rules, fallback=make.fallback(enabled=fallback))
    for number, rule in enumerate(rule_set.rules):
        rule.id = f"r{number}"
    return rule_set


def events(contacts):
    """Events about such contacts, most often new ones."""
    types = st.sampled_from([make.CREATED] * 4 + EVENTS)
    sources = st.sampled_from([" WhatsApp_DM", "api", None])
    openers = st.sampled_from([0, make.BY_CONTACT, make.BY_AGENT])
    return st.lists(st.tuples(types, sources, contacts, updated_keys, openers), min_size=1, max_size=12)


def asked(event):
    """An event as `match` takes it, but for who opened a conversation."""
    event_type, source, fields, updated, _ = event
    return event_type, make.contact("c", **(fields | {"source": source or fields["source"]})), updated


def said(selection):
    """What a selection comes to: the rule's id, whether it is the fallback."""
    return selection and (selection.rule_id, selection.fallback)


@pytest.fixture(params=[filing.MOST_IN_DICT, 0], ids=["dict", "packed"])
def filed(monkeypatch, request) -> None:
    """Has conditions filed in either way, however few."""
    monkeypatch.setattr(filing, "MOST_IN_DICT", request.param)


class ExactCounts(Counter[Thing]):
    """Counts that take nothing for something else, as hashes do, which differ from one process to the next."""

    def add(self, need: Need) -> None:
        """Count what a condition needs."""
        if isinstance(need, frozenset):
            self.update(need)
        else:
            for each in need.needs:
                self.add(each)

    of = Counter.__getitem__


@pytest.fixture
def looked_up(monkeypatch, filed) -> None:  # noqa: ARG001
    """Looks up in every set of rules, however small."""
    monkeypatch.setattr(matcher, "MOST_WALKED", -1)


@pytest.fixture
def questions(monkeypatch, filed) -> Iterator[list]:  # noqa: ARG001
    """Collects the conditions that contacts are held against, which were counted exactly."""
    monkeypatch.setattr(index, "_Counts", ExactCounts)
    questions = []

    def counting(condition):
        holds = compile_condition(condition)
        return lambda view: questions.append(condition) or holds(view)

    compile_condition = matcher.compile_condition
    monkeypatch.setattr(matcher, "compile_condition", counting)
    return questions


@pytest.mark.usefixtures("looked_up")
@settings(max_examples=400)
@given(rule_set=rule_sets(trees_of(leaves)), happened=events(contacts))
def test_looking_up_agrees_with_the_model(rule_set, happened):
    """For any rules and contacts, what is found by look-up is what the plain reading of the contract gives."""
    compiled = compile_rules(rule_set, 1)
    model = Model()
    model.configure_rules(rule_set)
    for event in happened:
        decision = model.evaluate(*asked(event), opened_by=event[-1])
        expected = (decision.rule_id, decision.fallback) if decision.rule_id or decision.fallback else None
        assert said(compiled.match(*asked(event), opened_by=event[-1])) == expected


@settings(max_examples=400)
@given(rule_set=rule_sets(beyond_the_model), happened=events(contacts_with(st.one_of(traits, long))))
def test_looking_up_agrees_with_a_walk(rule_set, happened):
    """With expressions and endless numbers, and whatever is taken for each other, look-up and walk find the same."""
    answers = []
    for most_walked, most_in_dict, counts in ((-1, MANY, 1), (-1, 0, 1 << 16), (MANY, MANY, 1)):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(matcher, "MOST_WALKED", most_walked)
            patch.setattr(filing, "MOST_IN_DICT", most_in_dict)
            patch.setattr(index, "_COUNTS", counts)
            compiled = compile_rules(rule_set, 1)
            answers.append([said(compiled.match(*asked(event), opened_by=event[-1])) for event in happened])
    assert answers[0] == answers[1] == answers[2]


def city(number):
    """A test that one city passes."""
    return make.trait("city", "EQUALS", f"City {number}")


UNFINDABLE = [
    make.none_of(make.tag(any_of=["x"])),
    make.trait("name", "NOT_EQUALS", "Asha"),
    make.trait("budget", "GREATER", 5),
    make.trait("name", "CONTAINS", "Rao"),
    make.expression("contact.tags.size() > 100"),
]
MATTERS = {
    "a trait's text": (city, {"traits": {"city": " CITY 7777"}}, 1),
    "a trait's number": (lambda n: make.trait("zip", "EQUALS", n), {"traits": {"zip": "7777.0"}}, 1),
    "one of a trait's values": (lambda n: make.trait("zip", "IN", n, -n, f"z{n}"), {"traits": {"zip": "Z7777"}}, 1),
    "a tag": (lambda n: make.tag(any_of=[f"t{n}", f"u{n}"]), {"tags": ["U7777"]}, 1),
    "two tags": (lambda n: make.tag(all_of=["x", f"t{n}"]), {"tags": ["x", "t7777"]}, 1),
    "one of a hundred tags": (
        lambda n: make.tag(any_of=[f"t{n}"]),
        {"tags": [*(f"y{n}" for n in range(99)), "t7777"]},
        1,
    ),
    "a source": (lambda n: make.source(f"s{n}"), {"source": "s7777"}, 1),
    "a channel": (lambda n: make.channel(f"c{n}"), {"channel": "C7777 "}, 1),
    "a trait that exists": (lambda n: make.trait(f"k{n}", "GREATER", 0), {"traits": {"k7777": 1}}, 1),
    "a list": (lambda n: make.trait(f"k{n}", "CONTAINS", "x"), {"traits": {"k7777": ["y", "X"], "k1": None}}, 1),
    "one of several traits": (
        lambda n: make.trait(f"k{n % 5}", "EQUALS", n),
        {"traits": {**{f"k{n}": 7777 for n in range(5)}, "a": 1, "b": 2}},
        1,
    ),
    "what few ask of what all ask": (
        lambda n: make.all_of(make.source("whatsapp_dm"), make.none_of(make.channel("email")), city(n)),
        {"traits": {"city": "City 7777"}},
        1,
    ),
    "one or the other": (
        lambda n: make.any_of(make.all_of(make.channel("whatsapp"), make.tag(any_of=[f"t{n}"])), city(n)),
        {"tags": ["t7777"], "traits": {"city": "City 8888"}},
        1,
    ),
    "fifty that cannot be looked up": (
        lambda n: UNFINDABLE[n // 200 % 5] if n % 200 == 0 else city(n),
        {"tags": ["x"], "traits": {"name": "Asha", "budget": 5, "city": "City 7777"}},
        1 + 39,
    ),
    "a hundred of every kind": (
        lambda n: make.all_of(city(n % 100), make.trait("plan", "EQUALS", n // 100)),
        {"traits": {"city": "City 77", "plan": 77}},
        78,
    ),
}


@pytest.mark.parametrize(("condition", "fields", "most"), MATTERS.values(), ids=MATTERS)
def test_few_of_ten_thousand_conditions_are_asked(questions, condition, fields, most):
    """Of 10,000 rules, only those are looked at that share what is rare with the contact, and the right one decides."""
    rules = [make.rule(f"r{number}", on=make.ON_CREATED, when=condition(number)) for number in range(MANY)]
    compiled = compile_rules(rules_pb2.RuleSet(rules=rules), 1)
    assert compiled.match(make.CREATED, make.contact("c", **fields)).rule_id == "r7777"
    assert len(questions) <= most
    assert compiled.match(make.UPDATED, make.contact("c", **fields)) is None


def test_a_changed_key_is_looked_up(questions):
    """Of 10,000 rules on changes, those of the event's updated keys are looked at."""
    rules = [make.rule(f"r{n}", on=make.ON_UPDATE, when=make.trait(f"k{n}", "CHANGED")) for n in range(MANY)]
    compiled = compile_rules(rules_pb2.RuleSet(rules=rules), 1)
    contact = make.contact("c", traits={f"k{n}": "x" for n in range(200)})
    assert compiled.match(make.UPDATED, contact, ["k9999", "k7", "k8"]).rule_id == "r7"
    assert len(questions) == 1


def test_the_first_of_very_many_that_could_match_decides(questions):
    """Where thousands of rules come into question, they are tried in order, up to the first that holds."""
    vip = make.all_of(make.tag(any_of=["vip"]), make.trait("budget", "GREATER", 10))
    rules = [make.rule(f"r{n}", on=make.ON_CREATED, when=vip if n % 3 else city(n % 2)) for n in range(MANY)]
    rules[4000].condition.CopyFrom(make.tag(all_of=["vip", "x"]))
    compiled = compile_rules(rules_pb2.RuleSet(rules=rules, fallback=make.fallback()), 1)
    contact = make.contact("c", tags=["x", "VIP"], traits={"budget": 10, "city": "City 5"})
    assert compiled.match(make.CREATED, contact).rule_id == "r4000"
    assert len(questions) == len([n for n in range(4001) if n % 3])
    assert compiled.match(make.CREATED, make.contact("c")).fallback


def test_rules_behind_one_that_always_matches_are_not_looked_at(questions):
    """What stands behind a rule without condition never decides."""
    rules = [make.rule(f"r{n}", on=make.ON_CREATED, when=city(n) if n != 5000 else None) for n in range(MANY)]
    compiled = compile_rules(rules_pb2.RuleSet(rules=rules), 1)
    assert compiled.match(make.CREATED, make.contact("c", traits={"city": "City 5001"})).rule_id == "r5000"
    assert compiled.match(make.CREATED, make.contact("c", traits={"city": "City 4999"})).rule_id == "r4999"
    assert len(questions) == 2
