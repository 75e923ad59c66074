"""Every trait operator over every mix of types, each against its opposite."""

from __future__ import annotations

import math

import pytest
from evenhand.v1 import contact_pb2, rules_pb2
from google.protobuf.json_format import ParseDict
from hypothesis import given
from hypothesis import strategies as st

from service.rules.conditions.folded_contact import FoldedContact
from service.rules.conditions.operators import OPERATORS
from tests.support.compiled import compile_condition

MISSING = object()


def pb_name(number):
    """The name of an operator, as it is called here."""
    return rules_pb2.TraitOperator.Name(number).removeprefix("TRAIT_OPERATOR_")


def holds(operator, trait, *values, updated_keys=()):
    """Whether `operator` with `values` holds for a contact whose trait "key" is `trait`."""
    condition = rules_pb2.Condition()
    condition.trait.key = "key"
    condition.trait.operator = rules_pb2.TraitOperator.Value(f"TRAIT_OPERATOR_{operator}")
    for value in values:
        set_value(condition.trait.values.add(), value)
    contact = contact_pb2.Contact()
    if trait is not MISSING:
        set_value(contact.traits["key"], trait)
    return compile_condition(condition)(FoldedContact(contact, updated_keys))


def set_value(message, value):
    """Puts a Python value into a protobuf Value; JSON knows no NaN, so numbers are set by hand."""
    if isinstance(value, float):
        message.number_value = value
    else:
        ParseDict(value, message)


# What is equal, and what is unequal: (trait, value).
EQUAL = [
    ("Berlin", "Berlin"),
    ("  bERLIN ", "Berlin"),
    ("STRASSE", "straße"),
    (5000, 5000),
    (5000.0, 5000),
    (0.1, "0.1"),
    ("5000", 5000),
    (5000, " 5000 "),
    ("5e3", 5000),
    ("5e3", "5E3"),
    ("+5.0", 5),
    ("-0", 0),
    ("007", 7),
    (9007199254740993, "9007199254740992"),
    ("9007199254740993", "9007199254740993"),
    ("5,000", 5000),
    ("\u20b9 1,00,000", 100000),
    ("01067", " 01067"),
    (["Wholesale", "Retail"], "wholesale"),
    (["Wholesale", "5,000"], 5000),
    ([1067, None], "1067"),
    ([True, ""], True),
    (True, True),
    (False, False),
    (True, "TRUE "),
    (" False", False),
    (math.inf, math.inf),
]
UNEQUAL = [
    ("Berlin", "Bern"),
    (5000, 5001),
    ("5000", 5001),
    ("5000", "5001"),
    ("9007199254740993", "9007199254740992"),
    (5000, "5000 euros"),
    ("5000 euros", 5000),
    ("01067", "1067"),
    ("01067", 1066),
    (1067, "01067"),
    ("007", "7"),
    ("1E5", "100000"),
    ("1.10", "1.1"),
    ("5000", "5,000"),
    (5000, "5,000"),
    (0.1, "0.10"),
    ("5k", 5000),
    ("9007199254740993", 9007199254740992),
    ("\u0665", 5),
    ("0x10", 16),
    ("1_000", 1000),
    ("nan", math.nan),
    (math.nan, math.nan),
    (math.inf, "inf"),
    (True, False),
    (True, 1),
    (0, False),
    ("1", True),
    ("yes", True),
    ([], ""),
    ("", "  "),
    ([""], ""),
    (["a", "b"], "c"),
    ([["a"]], "a"),
    (["ab"], "a"),
    ({"a": 1}, "a"),
    ({}, ""),
]
# (trait, operator, value) that hold; the opposite must not.
ORDERED = [
    (4999, "LESS", 5000),
    (-5, "LESS", "4"),
    ("9", "LESS", "10"),
    ("9", "LESS", 10),
    (9, "LESS", " 10 "),
    ("4,999", "LESS", "5000"),
    ("\u20b9800", "LESS", "5,000"),
    ("2026-01-31", "LESS", "2026-02-01"),
    ("2026-02-01", "GREATER", "2026-01-31T23:59:59Z"),
    ("2026-01-31T23:00:00-05:00", "GREATER", "2026-02-01T01:00:00+01:00"),
    ("2026-01-31 09:30", "LESS", "2026-01-31T09:30:00.5"),
    (5001, "GREATER", 5000),
    ("5000.5", "GREATER", 5000),
    ("1e400", "GREATER", 5000),
    (-math.inf, "LESS", -1e308),
    ("9007199254740993", "GREATER", "9007199254740992"),
]
INCOMPARABLE = [
    ("not sure", "5000"),
    ("-", "5000"),
    ("", "5000"),
    ("apple", "5000"),
    ("2026-01-31", 5000),
    ("5000", "2026-01-31"),
    (5000, "2026-01-31"),
    ("15/01/2026", "2026-01-31"),
    ("2026-02-30", "2026-01-31"),
    (5000, "cheap"),
    ("cheap", 5000),
    (True, False),
    (True, "a"),
    (True, 0),
    (1, False),
    (math.nan, 1),
    (1, math.nan),
    (["a"], "b"),
    ({"a": 1}, "b"),
]
ORDERINGS = ["LESS", "LESS_OR_EQUAL", "GREATER", "GREATER_OR_EQUAL"]
ONE_VALUE = ["EQUALS", "CONTAINS", "STARTS_WITH", "ENDS_WITH", "IN", *ORDERINGS]


@pytest.mark.parametrize(("trait", "value"), EQUAL)
def test_equal_values_are_equal_to_every_operator(trait, value):
    """What is equal is EQUALS and IN, not NOT_EQUALS nor NOT_IN."""
    assert holds("EQUALS", trait, value)
    assert not holds("NOT_EQUALS", trait, value)
    assert holds("IN", trait, "something else", value)
    assert not holds("NOT_IN", trait, "something else", value)


@pytest.mark.parametrize(("trait", "value"), [pair for pair in EQUAL if {type(one) for one in pair} <= {int, float}])
def test_equal_numbers_are_neither_less_nor_greater(trait, value):
    """Equal numbers are LESS_OR_EQUAL and GREATER_OR_EQUAL, and neither LESS nor GREATER."""
    assert [holds(operator, trait, value) for operator in ORDERINGS] == [False, True, False, True]


@pytest.mark.parametrize(("trait", "value"), UNEQUAL)
def test_unequal_values_are_unequal_to_every_operator(trait, value):
    """What is unequal or does not compare is NOT_EQUALS and NOT_IN, not EQUALS nor IN."""
    assert not holds("EQUALS", trait, value)
    assert holds("NOT_EQUALS", trait, value)
    assert not holds("IN", trait, value)
    assert holds("NOT_IN", trait, value)


@pytest.mark.parametrize(("trait", "operator", "value"), ORDERED)
def test_order_and_its_opposite(trait, operator, value):
    """Of two that differ, exactly the fitting pair of orderings holds, and the other pair with the two exchanged."""
    less = operator == "LESS"
    assert [holds(each, trait, value) for each in ORDERINGS] == [less, less, not less, not less]
    assert [holds(each, value, trait) for each in ORDERINGS] == [not less, not less, less, less]


edges = st.one_of(
    st.integers(2**53 - 2, 2**53 + 4), st.integers(-(2**53) - 4, 2 - 2**53), st.integers(-(10**30), 10**30)
)


@given(left=edges, right=edges, form=st.sampled_from(["{}", "{:+}", " 0{}"]))
def test_whole_texts_compare_exactly(left, right, form):
    """Whole numbers as texts compare by all their digits, in order with a text and with a number alike."""
    trait = form.format(left) if left >= 0 else str(left)
    for operator, expected in {
        "LESS": left < right,
        "LESS_OR_EQUAL": left <= right,
        "GREATER": left > right,
        "GREATER_OR_EQUAL": left >= right,
    }.items():
        assert holds(operator, trait, str(right)) is expected
    assert holds("EQUALS", trait, float(right)) is (left == float(right))
    assert holds("IN", trait, "x", float(right)) is (left == float(right))


@pytest.mark.parametrize("value", ["apple", "", "5k", "15/01/2026", True, False])
def test_what_older_rules_order_by_never_holds(value):
    """Rules of an older version may order by what is refused today; no trait stands in its order."""
    for trait in ("apple", "banana", "", "5k", "6k", 5000, "2026-01-31", True, [1], MISSING):
        assert [holds(operator, trait, value) for operator in ORDERINGS] == [False] * 4


@pytest.mark.parametrize(("trait", "value"), INCOMPARABLE)
def test_what_does_not_compare_is_false(trait, value):
    """No ordering holds between things that have no order."""
    assert not any(holds(operator, trait, value) for operator in ORDERINGS)


@pytest.mark.parametrize("trait", [MISSING, None])
def test_missing_trait(trait):
    """A missing or null trait makes every operator but NOT_EXISTS, NOT_EQUALS and NOT_IN false."""
    assert not holds("EXISTS", trait)
    assert holds("NOT_EXISTS", trait)
    assert holds("NOT_EQUALS", trait, "")
    assert holds("NOT_IN", trait, "", 0, False)
    assert not any(holds(operator, trait, value) for operator in ONE_VALUE for value in ("", 0, False, "null"))
    assert not holds("CHANGED", trait, updated_keys=["key"])


@pytest.mark.parametrize("trait", ["x", "-", 0, False, ["x"], [None, 0], [[1]], {"a": None}])
def test_present_trait_exists(trait):
    """Whatever is there exists, be it false or zero."""
    assert holds("EXISTS", trait)
    assert not holds("NOT_EXISTS", trait)
    assert holds("CHANGED", trait, updated_keys=["key"])


@pytest.mark.parametrize("trait", ["", "  ", "\u00a0", "\u200e", [], {}, [None], ["", " "], [[]], [{}], None])
def test_a_blank_trait_is_not_set(trait):
    """Null, blank text, an empty list or object, and a list of nothing else are as good as a missing trait."""
    for name, row in [(pb_name(number), row) for number, row in OPERATORS.items()]:
        values = ["5"] * row.counts[0]
        assert holds(name, trait, *values, updated_keys=["key"]) is row.negative


@pytest.mark.parametrize(
    ("operator", "value"),
    [("GREATER", 5000), ("GREATER_OR_EQUAL", "5,000"), ("LESS", "2026-01-31"), ("STARTS_WITH", "+9")],
)
def test_of_a_list_one_element_is_enough(operator, value):
    """A positive operator holds of a list if it does of one element, be others blank or of another kind."""
    assert holds(operator, ["x", "", "\u20b9 6000", "2026-01-01", "+91 98"], value)
    assert not holds(operator, ["x", "", "\u20b9 4000", "2026-02-01", "91 98"], value)


@pytest.mark.parametrize(
    ("trait", "value", "contained", "starts", "ends"),
    [
        ("Women's Fashion", " FASHION ", True, False, True),
        ("Women's Fashion", "women", True, True, False),
        ("Women's Fashion", "men's shoes", False, False, False),
        (5000, "50", True, True, False),
        (5000, "00", True, False, True),
        (5000, ".0", False, False, False),
        (5000, 50, True, True, False),
        ("room 50", 50, True, False, True),
        (1.5, "1.", True, True, False),
        (True, "tru", False, False, False),
        (True, True, False, False, False),
        ("is true", True, False, False, False),
        (["VIP", "gold"], " vip", True, True, True),
        (["VIP", "gold"], "vi", True, True, False),
        (["VIP", "gold"], "pgo", False, False, False),
        ([5000, "6000"], "5000", True, True, True),
        ([5000, "6000"], 6000, True, True, True),
        (["5,000"], 5000, True, False, False),
        ("5,000", 5000, False, False, False),
        ([True, None], True, True, False, False),
        ([["VIP"]], "VIP", False, False, False),
        ([{"VIP": 1}, []], "", False, False, False),
        ([], "", False, False, False),
        ({"VIP": "VIP"}, "VIP", False, False, False),
    ],
)
def test_contains_starts_with_and_ends_with(trait, value, contained, starts, ends):
    """CONTAINS looks for part of a text or an element of a list, the other two at that end of a text."""
    assert holds("CONTAINS", trait, value) is contained
    assert holds("STARTS_WITH", trait, value) is starts
    assert holds("ENDS_WITH", trait, value) is ends


@pytest.mark.parametrize(("updated_keys", "changed"), [(["key"], True), (["other", "key"], True), (["Key"], False)])
def test_changed_is_exact(updated_keys, changed):
    """CHANGED asks whether exactly this key is among the event's updated keys."""
    assert holds("CHANGED", "x", updated_keys=updated_keys) is changed
    assert not holds("CHANGED", "x")


def test_every_operator_has_a_row():
    """Each operator of the contract but UNSPECIFIED stands in the table of operators, and no other number does."""
    numbers = set(rules_pb2.TraitOperator.values()) - {rules_pb2.TRAIT_OPERATOR_UNSPECIFIED}
    assert OPERATORS.keys() == numbers


@pytest.mark.parametrize("number", sorted(OPERATORS), ids=rules_pb2.TraitOperator.Name)
def test_the_negative_operators_hold_for_a_missing_trait(number):
    """Of all operators, those that are marked as negative hold for a missing trait, and need nothing in particular."""
    row, name = OPERATORS[number], pb_name(number)
    values = ["5"] * row.counts[0]
    assert holds(name, MISSING, *values, updated_keys=["key"]) is row.negative
    assert (row.need("key", values) is None) is row.negative
