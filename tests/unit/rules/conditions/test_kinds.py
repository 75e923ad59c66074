"""Condition trees: what each kind asks, and that no contact can make an evaluation fail."""

from __future__ import annotations

import pytest
from evenhand.v1 import contact_pb2, rules_pb2
from google.protobuf.json_format import ParseDict
from google.protobuf.struct_pb2 import Value
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from service.rules.checks.rule_set import validate_rule_set
from service.rules.conditions.expression import steps_of
from service.rules.conditions.folded_contact import FoldedContact
from service.rules.conditions.folding import fold
from service.rules.conditions.kinds import KINDS
from service.rules.fields.limits import MAX_EXPRESSION_COST
from tests.support.compiled import compile_condition


def test_every_kind_is_in_the_table():
    """Each kind of condition that the contract has stands in the table of kinds, in the contract's order."""
    fields = rules_pb2.Condition.DESCRIPTOR.oneofs_by_name["kind"].fields
    assert list(KINDS) == [field.name for field in fields]


YES = {"channel": {"anyOf": ["email"]}}
NO = {"channel": {"anyOf": ["whatsapp"]}}


def holds(condition, contact=None, updated_keys=()):
    """Whether a condition, given as JSON, holds for a contact, given as JSON."""
    message = ParseDict(contact or {"channel": "email"}, contact_pb2.Contact())
    before = message.SerializeToString(deterministic=True)
    result = compile_condition(ParseDict(condition, rules_pb2.Condition()))(FoldedContact(message, updated_keys))
    assert message.SerializeToString(deterministic=True) == before
    return result


@pytest.mark.parametrize(
    ("kind", "parts", "expected"),
    [
        ("all", [YES], True),
        ("all", [NO], False),
        ("all", [YES, YES], True),
        ("all", [YES, NO], False),
        ("any", [YES], True),
        ("any", [NO, YES], True),
        ("any", [NO, NO], False),
        ("none", [YES], False),
        ("none", [NO], True),
        ("none", [NO, NO], True),
        ("none", [NO, YES], False),
        ("all", [{"any": {"conditions": [NO, YES]}}, {"none": {"conditions": [NO]}}], True),
        ("any", [{"all": {"conditions": [NO, YES]}}, {"none": {"conditions": [YES]}}], False),
    ],
)
def test_trees(kind, parts, expected):
    """All, any and none combine what is under them, at any depth."""
    assert holds({kind: {"conditions": parts}}) is expected


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ({"anyOf": ["vip", "gold"]}, True),
        ({"anyOf": ["silver", " GOLD "]}, True),
        ({"anyOf": ["silver"]}, False),
        ({"allOf": ["gold", "vip customer"]}, True),
        ({"allOf": ["gold", "silver"]}, False),
        ({"noneOf": ["silver"]}, True),
        ({"noneOf": ["silver", "Gold"]}, False),
        ({"anyOf": ["gold"], "allOf": ["vip customer"], "noneOf": ["silver"]}, True),
        ({"anyOf": ["gold"], "allOf": ["silver"], "noneOf": ["bronze"]}, False),
        ({"anyOf": ["gold"], "allOf": ["gold"], "noneOf": ["vip customer"]}, False),
    ],
)
def test_tags(tag, expected):
    """Every list given must hold; tags compare without regard to case or surrounding space."""
    assert holds({"tag": tag}, {"tags": [" VIP Customer", "Gold"]}) is expected


@pytest.mark.parametrize(
    ("updated_keys", "expected"),
    [(["gold"], True), (["x", " GOLD"], True), (["vip customer"], False), (["silver"], False), ([], False)],
)
def test_changed_tags(updated_keys, expected):
    """A tag has changed if the contact has it and the event set it."""
    changed = {"tag": {"changedAnyOf": ["Gold", "silver"]}}
    assert holds(changed, {"tags": [" VIP Customer", "Gold"]}, updated_keys) is expected


def test_tags_of_a_contact_without_tags():
    """Nobody's tags fit only none_of."""
    assert not holds({"tag": {"anyOf": ["vip"]}}, {"id": "c"})
    assert not holds({"tag": {"allOf": ["vip"]}}, {"id": "c"})
    assert holds({"tag": {"noneOf": ["vip"]}}, {"id": "c"})


@pytest.mark.parametrize("kind", ["source", "channel"])
def test_source_and_channel(kind):
    """Source and channel are one of the given, folded, and each looks at its own field."""
    condition = {kind: {"anyOf": ["Api", "upload "]}}
    assert holds(condition, {kind: " UPLOAD"})
    assert not holds(condition, {kind: "manual"})
    assert not holds(condition, {{"source": "channel", "channel": "source"}[kind]: "api"})


def test_an_empty_condition_always_holds():
    """An empty condition holds for a contact of whom nothing is known."""
    assert holds({}, {"id": "c"})


def test_reading_a_missing_trait_does_not_add_it():
    """Asking a contact about traits leaves the contact as it was."""
    trait = {"key": "nope", "operator": "TRAIT_OPERATOR_EXISTS"}
    assert not holds({"all": {"conditions": [{"trait": trait}, {"trait": trait}]}})


texts = st.one_of(st.text(max_size=8), st.sampled_from(["5000", "-1e999", "vip", "whatsapp_dm", "nan", "9" * 400]))
numbers = st.one_of(st.floats(), st.integers(-(10**300), 10**300).map(float))
scalars = st.one_of(
    st.none().map(lambda _: Value(null_value=0)),
    st.builds(Value),
    numbers.map(lambda number: Value(number_value=number)),
    texts.map(lambda text: Value(string_value=text)),
    st.booleans().map(lambda flag: Value(bool_value=flag)),
)


def _list(items):
    value = Value()
    value.list_value.values.extend(items)
    return value


def _struct(fields):
    value = Value()
    value.struct_value.SetInParent()
    for key, item in fields.items():
        value.struct_value.fields[key].CopyFrom(item)
    return value


values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(_list), st.dictionaries(texts, inner, max_size=3).map(_struct)
    ),
    max_leaves=6,
)
keys = st.sampled_from(["budget", "plan", "city"])
plain = st.one_of(st.floats(-(2.0**53), 2.0**53), texts, st.booleans())  # a rule may ask for no other number

parts = plain.filter(lambda value: not isinstance(value, str) or fold(value))  # nor for a part that all texts have
quantities = st.one_of(
    st.floats(-(2.0**53), 2.0**53), st.sampled_from(["\u20b9 5,000", "2026-01-31", "2026-01-31T09:30Z"])
)


@st.composite
def contacts(draw):
    """Contacts of any content."""
    contact = contact_pb2.Contact(id="c", source=draw(texts), channel=draw(texts), tags=draw(st.lists(texts)))
    for key, value in draw(st.dictionaries(keys, values)).items():
        contact.traits[key].CopyFrom(value)
    return contact


@st.composite
def trait_conditions(draw):
    """Right trait conditions, of every operator."""
    operator = draw(st.sampled_from(rules_pb2.TraitOperator.keys()[1:]))
    condition = rules_pb2.Condition()
    condition.trait.key = draw(keys)
    condition.trait.operator = rules_pb2.TraitOperator.Value(operator)
    few, many = (0, 0) if operator.endswith(("EXISTS", "CHANGED")) else (1, 3 if operator.endswith("IN") else 1)
    possible = {"LESS": quantities, "GREA": quantities, "CONT": parts, "STAR": parts, "ENDS": parts}
    chosen = possible.get(operator.removeprefix("TRAIT_OPERATOR_")[:4], plain)
    for value in draw(st.lists(chosen, min_size=few, max_size=many)):
        kind = {bool: "bool_value", str: "string_value", float: "number_value"}[type(value)]
        setattr(condition.trait.values.add(), kind, value)
    return condition


names = st.lists(st.sampled_from(["vip", "VIP ", "whatsapp_dm", "5000"]), min_size=1, max_size=3)
leaves = st.one_of(
    trait_conditions(),
    names.map(lambda tags: rules_pb2.Condition(tag=rules_pb2.TagCondition(any_of=tags, none_of=tags[:1]))),
    names.map(lambda any_of: rules_pb2.Condition(source=rules_pb2.SourceCondition(any_of=any_of))),
    names.map(lambda any_of: rules_pb2.Condition(channel=rules_pb2.ChannelCondition(any_of=any_of))),
    st.sampled_from(
        [
            "contact.traits.budget > 5000",
            "contact.traits['plan'].startsWith('pro') || contact.tags.size() > 2",
            "contact.traits.city",
            "contact.traits.budget / contact.traits.plan > contact.traits.city",
            "contact.traits.budget.exists(b, b == contact.traits.plan)",
            "contact.traits.plan.deep[0].er == contact.traits.city.matches('(a|b)*c')",
            "int(contact.traits.budget) % 2 == 0",
        ]
    ).map(lambda text: rules_pb2.Condition(expression=text)),
)
conditions = st.recursive(
    leaves,
    lambda inner: st.builds(
        lambda kind, parts: rules_pb2.Condition(**{kind: rules_pb2.ConditionList(conditions=parts)}),
        st.sampled_from(["all", "any", "none"]),
        st.lists(inner, min_size=1, max_size=3),
    ),
    max_leaves=5,
)


@settings(max_examples=400, deadline=None)
@given(condition=conditions, contact=contacts(), updated_keys=st.lists(keys))
def test_no_contact_makes_an_evaluation_fail(condition, contact, updated_keys):
    """Any right condition over any contact gives true or false, and its negation the other."""
    rule = rules_pb2.Rule(id="r", trigger=rules_pb2.RULE_TRIGGER_CONTACT_CREATED, condition=condition)
    rule.target.everyone = True
    assume(steps_of(condition) <= MAX_EXPRESSION_COST)
    assert validate_rule_set(rules_pb2.RuleSet(rules=[rule]), None, None) == []
    negation = rules_pb2.Condition(none=rules_pb2.ConditionList(conditions=[condition]))
    result = compile_condition(condition)(FoldedContact(contact, updated_keys))
    assert result in {True, False}
    assert compile_condition(negation)(FoldedContact(contact, updated_keys)) is not result


def test_a_value_nested_beyond_all_measure_is_false():
    """A value nested deeper than protobuf can write makes an expression false, not fail."""
    contact = contact_pb2.Contact()
    value = contact.traits["deep"]
    for _ in range(300):
        value = value.list_value.values.add()
    for text in ("contact.traits.deep == 1", "contact.traits.deep == contact.traits.deep", "contact.tags.size() == 7"):
        assert compile_condition(rules_pb2.Condition(expression=text))(FoldedContact(contact, ())) is False
