"""The cost of expressions: what it grows with, what it does not, and where most of it is said to arise."""

from __future__ import annotations

from math import inf

import pytest

from service.rules.conditions.cel_patterns import program_of
from service.rules.conditions.cel_runtime import ExpressionError, check_cost, compile_expression

LIST = "contact.traits.l"


def cost(text: str) -> float:
    """Its steps."""
    return compile_expression(text).cost().steps


@pytest.mark.parametrize(
    ("less", "more", "least"),
    [
        ("contact.traits.k == 'a'", "contact.traits.k == contact.traits.l", 100),
        ("contact.tags.exists(x, x == 'a')", f"{LIST}.exists(x, x == 'a')", 10),
        (f"{LIST}.exists(x, x == 'a')", f"{LIST}.filter(x, x == 'a').size() > 1", 10),
        (f"{LIST}.exists(x, x in ['a'])", f"{LIST}.exists(x, x in contact.tags)", 5),
        (f"{LIST}.exists(x, x in contact.tags)", f"{LIST}.exists(x, x in contact.traits.m)", 5),
        (f"{LIST} == contact.traits.m", "contact.traits == contact.traits", 10),
        ("contact.traits == {'a': 1}", "contact.traits == contact.traits", 1000),
        ("contact.id.matches('a+')", "contact.traits.k.matches('a+')", 3),
        ("contact.id.matches('a{10}')", "contact.id.matches('(a{10}){10}')", 5),
        ("contact.id.matches('[a-z]+')", r"contact.id.matches('\\pL+')", 20),
        ("contact.id.contains('a')", "contact.id.contains(contact.traits.k)", 10),
        ("true ? contact.id == 'a' : false", f"(true ? {LIST} : contact.tags) == contact.traits.m", 100),
        ("[contact.traits.k].size() == 1", f"[{LIST}, {LIST}] == [{LIST}, {LIST}]", 500),
        ("{'a': contact.traits.k}['a'] == 1", f"{{'a': {LIST}}}['a'] == {LIST}", 100),
        ("timestamp(contact.traits.k).getHours() == 1", "timestamp(contact.traits.k).getHours('UTC') == 1", 2),
    ],
)
def test_what_goes_through_more_costs_more(less: str, more: str, least: float) -> None:
    """The second costs several times as much as the first."""
    assert cost(more) > least * cost(less)


def test_a_written_repetition_costs_its_number() -> None:
    """An expression that stands there ten times costs ten times as much."""
    one = f"{LIST} == contact.traits.m"
    assert cost(" || ".join([one] * 10)) == pytest.approx(10 * cost(one), rel=0.01)


def test_a_pattern_that_is_computed_has_no_bound() -> None:
    """A pattern out of the contact, or put together, may be whatever; so it is refused, and at its place."""
    assert cost("contact.id.matches(contact.source)") == inf
    with pytest.raises(ExpressionError, match=r"^2:20: matches\(\) takes a pattern only as one text written here"):
        check_cost("true &&\n contact.id.matches('a' + 'b')")


def test_the_refusal_names_place_cost_and_remedy() -> None:
    """What costs too much is refused at the part that costs most, with its estimate and what helps."""
    text = "contact.id == 'a' &&\n contact.traits == contact.traits"
    said = rf"^2:17: costs up to {cost(text):.0f} steps on the largest contact, .* at most 25000 .*; hold .* rather"
    with pytest.raises(ExpressionError, match=said):
        check_cost(text)


@pytest.mark.parametrize(
    ("pattern", "least", "most"),
    [
        ("", 0, 0),
        ("abc", 3, 12),
        ("a{100}", 100, 600),
        ("(?:a{10}){10}", 100, 1000),
        ("(a?){100}b", 100, 1000),
        ("[a-z]{2,}", 2, 60),
        (r"\pL", 1000, 3000),
        (r"[\pL\pN]{3}", 6000, 15000),
        (r"\Q(((a{1000}\E", 10, 60),
        ("a{", 2, 20),
        ("(((", 0, 20),
        (")))", 0, 20),
        ("[", 1, 20),
        ("a{99999999999}", 1000, 6000),
        (r"\x{4e00}{50}", 50, 300),
    ],
)
def test_patterns_by_their_repetitions(pattern: str, least: float, most: float) -> None:
    """A repetition makes a pattern as many times as large, also within another; classes of Unicode are large."""
    assert least <= program_of(pattern).made <= most
