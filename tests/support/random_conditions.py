"""Hypothesis strategies for conditions and contacts of few words, so that they often meet."""

from __future__ import annotations

from evenhand.v1 import rules_pb2
from hypothesis import strategies as st

from tests.support import builders as make

BLANKS = ["", "\u3164", "\ufeff"]
QUANTITIES = [
    "5",
    "05",
    "5.0",
    "5e0",
    "-5",
    "5,000",
    "\u20b9 5000",
    "2026-01-31",
    "2026-01-31T05:30+05:30",
    "2026\u201301\u201331",
]
WORDS = [
    "vip",
    "VIP ",
    "new",
    "new lead",
    "é",
    "É",
    "straße",
    "STRASSE",
    "new  lead",
    "women\u2019s",
    "WOMEN'S",
    "e\u0301",
    *QUANTITIES,
    "2026\u201301\u201331\ufeff",
    "true",
    "\u2b50",
    "\u2b50\ufe0f",
    "co\u00adop",
    "coop\u200b",
    "x5",
    *BLANKS,
]
TEXTS = [word for word in WORDS if word not in BLANKS]
ORDERINGS = {"LESS", "LESS_OR_EQUAL", "GREATER", "GREATER_OR_EQUAL"}
KEYS = ["budget", "Budget", "city"]
NUMBERS = [0, 5, -5, 5.5, 5000, 1e308, float("inf"), float("nan")]
VALUELESS = {"EXISTS", "NOT_EXISTS", "CHANGED"}
OPERATORS = [name.removeprefix("TRAIT_OPERATOR_") for name in rules_pb2.TraitOperator.keys()[1:]]

texts = st.sampled_from(TEXTS)
quantities = st.one_of(st.sampled_from(QUANTITIES), st.sampled_from(NUMBERS[:5]))
wanted = st.one_of(texts, st.sampled_from(NUMBERS[:5]), st.booleans())
scalars = st.one_of(st.none(), st.sampled_from(WORDS), st.sampled_from(NUMBERS), st.booleans())
traits = st.one_of(scalars, scalars, st.lists(scalars, max_size=3), st.just({"a": 5}))
updated_keys = st.lists(st.sampled_from([*KEYS, *TEXTS[:4]]), max_size=3, unique=True)


@st.composite
def trait_tests(draw: st.DrawFn, values: st.SearchStrategy = wanted) -> rules_pb2.Condition:
    """A test on one of a few traits."""
    operator = draw(st.sampled_from(OPERATORS))
    if operator in VALUELESS:
        chosen = []
    elif operator in {"IN", "NOT_IN"}:
        chosen = draw(st.lists(values, min_size=1, max_size=3))
    else:
        chosen = [draw(quantities if operator in ORDERINGS else values)]
    return make.trait(draw(st.sampled_from(KEYS)), operator, *chosen)


some = st.lists(texts, min_size=1, max_size=2)
leaves = st.one_of(
    trait_tests(),
    trait_tests(),
    st.builds(
        lambda kind, tags: make.tag(**{kind: tags}),
        st.sampled_from(["any_of", "all_of", "none_of", "changed_any_of"]),
        some,
    ),
    st.builds(lambda sources: make.source(*sources), some),
    st.builds(lambda channels: make.channel(*channels), some),
)


def trees_of(leaves: st.SearchStrategy) -> st.SearchStrategy:
    """Conditions of a few of these, nested by all, any and none."""
    return st.recursive(
        leaves,
        lambda inner: st.builds(
            lambda kind, conditions: kind(*conditions),
            st.sampled_from([make.all_of, make.any_of, make.none_of]),
            st.lists(inner, min_size=1, max_size=3),
        ),
        max_leaves=6,
    )


def contacts_with(traits: st.SearchStrategy) -> st.SearchStrategy:
    """The fields of contacts, with such values of traits."""
    return st.builds(
        lambda tags, traits, source, channel: {"tags": tags, "traits": traits, "source": source, "channel": channel},
        st.lists(texts, max_size=3),
        st.dictionaries(st.sampled_from(KEYS), traits, max_size=3),
        st.sampled_from(WORDS),
        st.sampled_from(WORDS),
    )


trees = trees_of(leaves)
contacts = contacts_with(traits)
