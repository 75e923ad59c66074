"""The strategies' Lua against the same strategies in Python, on a real Redis, with no server between."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from service.store.values import Case, Opens
from strategies import STRATEGIES
from tests.support import plans
from tests.support.stores import decide
from tests.support.twin import Look, pool, step, view_of

if TYPE_CHECKING:
    from service.store.store import RedisStore

# Weights that divide a turn, so that Python's fractions and Redis's whole units are exactly the same.
WEIGHTS = (1, 1, 1, 2, 3, 7, 10, 25, 100)
# Every way in which the rules of this test look at the pool.
LOOKS: list[Look] = [(number, online, limit) for number in STRATEGIES for online in (False, True) for limit in (0, 3)]
AGENTS = st.lists(st.tuples(st.sampled_from(WEIGHTS), st.sampled_from((0, 0, 0, 1, 2, 5))), min_size=1, max_size=7)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("decide"), st.sampled_from(LOOKS)),
        st.tuples(st.just("exclude"), st.tuples(st.sampled_from(LOOKS), st.sets(st.integers(0, 6)))),
        st.tuples(st.just("online"), st.sets(st.integers(0, 6))),
        st.tuples(st.just("offline"), st.sets(st.integers(0, 6))),
        st.tuples(st.just("close"), st.integers(1, 40)),
    ),
    max_size=60,
)


@given(agents=AGENTS, steps=STEPS)
@settings(max_examples=150)
def test_lua_chooses_as_python_does(store: RedisStore, agents, steps):
    """Redis chooses exactly whom the strategies' Python says, through any mixture of rules on one pool."""
    twin = pool(store, agents, LOOKS)
    for kind, what in steps:
        step(twin, kind, what)


TURNS: list[Look] = [look for look in LOOKS if look[0] == 1 and look[1]]
BESIDE_AN_AUTHOR = st.lists(
    st.one_of(
        st.tuples(st.just("exclude"), st.tuples(st.sampled_from(TURNS), st.just({0}))),
        st.tuples(st.just("exclude"), st.tuples(st.sampled_from(TURNS), st.sets(st.integers(0, 4)))),
        st.tuples(st.sampled_from(["online", "offline"]), st.sets(st.integers(1, 4), min_size=1, max_size=2)),
    ),
    min_size=20,
    max_size=60,
)


@given(weights=st.lists(st.sampled_from(WEIGHTS), min_size=3, max_size=5), steps=BESIDE_AN_AUTHOR)
@settings(max_examples=150)
def test_lua_chooses_as_python_does_beside_an_author(store: RedisStore, weights, steps):
    """So it does where one is nearly always excluded, falls far behind, and others come and go."""
    twin = pool(store, [(weight, 0) for weight in weights], TURNS)
    step(twin, "online", set(range(len(weights))))
    for kind, what in steps:
        step(twin, kind, what)


def test_a_turn_that_does_not_divide_is_carried(store: RedisStore):
    """Weights that do not divide a turn still share to the last contact, over any length."""
    weights, rounds = [97, 89, 7], 20
    odd = pool(store, [(weight, 0) for weight in weights], [(1, False, 0)])
    ref = plans.choice(view_of((1, False, 0))).ref
    cases = [Case(f"odd-{at}", "", Opens.NONE, "", ref, "") for at in range(rounds * sum(weights))]
    counts = Counter(answer.agent.decode() for answer in decide(store, odd.name, odd.version, cases))
    assert [counts[name] for name in odd.agents] == [rounds * weight for weight in weights]
