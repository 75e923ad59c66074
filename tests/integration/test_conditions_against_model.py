"""Random condition trees against random contacts: the service and the plain reading of the contract must agree."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from evenhand.v1 import assignment_service_pb2 as api
from evenhand.v1 import rules_pb2
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import builders as make
from tests.support.client import Workspace
from tests.support.conditions import holds

if TYPE_CHECKING:
    from tests.support.backends import Backend

WORDS = [
    "vip",
    "VIP ",
    "new",
    "new lead",
    "é",
    "É",
    "straße",
    "STRASSE",
    "5",
    "05",
    "5.0",
    "5e0",
    "-5",
    "true",
    "",
    "x5",
]
TEXTS = [word for word in WORDS if word]
KEYS = ["budget", "Budget", "city"]
NUMBERS = [0, 5, -5, 5.5, 5000, 1e308, float("inf"), float("nan")]
VALUELESS = {"EXISTS", "NOT_EXISTS", "CHANGED"}
OPERATORS = [name.removeprefix("TRAIT_OPERATOR_") for name in rules_pb2.TraitOperator.keys()[1:]]

texts = st.sampled_from(TEXTS)
wanted = st.one_of(texts, st.sampled_from(NUMBERS[:5]), st.booleans())
scalars = st.one_of(st.none(), st.sampled_from(WORDS), st.sampled_from(NUMBERS), st.booleans())
traits = st.one_of(scalars, scalars, st.lists(scalars, max_size=3), st.just({"a": 5}))


@st.composite
def trait_tests(draw: st.DrawFn) -> rules_pb2.Condition:
    """A test on one of a few traits."""
    operator = draw(st.sampled_from(OPERATORS))
    if operator in VALUELESS:
        values = []
    elif operator in {"IN", "NOT_IN"}:
        values = draw(st.lists(wanted, min_size=1, max_size=3))
    else:
        values = [draw(wanted)]
    return make.trait(draw(st.sampled_from(KEYS)), operator, *values)


some = st.lists(texts, min_size=1, max_size=2)
leaves = st.one_of(
    trait_tests(),
    trait_tests(),
    st.builds(lambda kind, tags: make.tag(**{kind: tags}), st.sampled_from(["any_of", "all_of", "none_of"]), some),
    st.builds(lambda sources: make.source(*sources), some),
    st.builds(lambda channels: make.channel(*channels), some),
)
trees = st.recursive(
    leaves,
    lambda inner: st.builds(
        lambda kind, conditions: kind(*conditions),
        st.sampled_from([make.all_of, make.any_of, make.none_of]),
        st.lists(inner, min_size=1, max_size=3),
    ),
    max_leaves=6,
)
contacts = st.builds(
    lambda tags, traits, source, channel: {"tags": tags, "traits": traits, "source": source, "channel": channel},
    st.lists(texts, max_size=3),
    st.dictionaries(st.sampled_from(KEYS), traits, max_size=3),
    st.sampled_from(WORDS),
    st.sampled_from(WORDS),
)


@settings(max_examples=120)
@given(
    conditions=st.lists(trees, min_size=1, max_size=12),
    subjects=st.lists(contacts, min_size=1, max_size=12),
    updated_keys=st.lists(st.sampled_from(KEYS), max_size=2, unique=True),
)
def test_random_conditions_agree_with_the_model(
    backend: Backend, conditions: list[rules_pb2.Condition], subjects: list[dict[str, Any]], updated_keys: list[str]
):
    """The rule that decides is the first whose condition holds as the model reads it, and nothing ever fails."""
    workspace = Workspace(uuid.uuid4().hex, backend.service())
    workspace.roster("ann")
    workspace.rules(*(make.rule(f"r{number}", on=make.ON_UPDATE, when=one) for number, one in enumerate(conditions)))
    asked = [make.contact(f"c{number}", **fields) for number, fields in enumerate(subjects)]
    decisions = workspace.batch(
        api.EvaluateContactRequest(event_type=make.UPDATED, contact=one, updated_keys=updated_keys) for one in asked
    )
    for contact, decision in zip(asked, decisions, strict=True):
        matching = [number for number, one in enumerate(conditions) if holds(one, contact, updated_keys)]
        assert decision.rule_id == (f"r{matching[0]}" if matching else ""), contact
