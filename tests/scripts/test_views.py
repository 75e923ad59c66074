"""What holds of a pool that several rules look at differently: deploy/adr/0002-rotation.md, on a real Redis."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from itertools import combinations
from typing import TYPE_CHECKING

from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from strategies.rotation import bound
from tests.support.twin import Look, Pool, pool, step

if TYPE_CHECKING:
    from service.store.store import RedisStore

ROUND_ROBIN = 1
WEIGHTS = st.sampled_from((1, 1, 2, 3, 7, 10, 25))
LOOKS: list[Look] = [(ROUND_ROBIN, online, limit) for online in (False, True) for limit in (0, 2, 6)]
SOME_LOOKS = st.lists(st.sampled_from(LOOKS), min_size=2, max_size=4, unique=True)
AGENTS = st.lists(st.tuples(WEIGHTS, st.sampled_from((0, 0, 0, 0, 3))), min_size=2, max_size=6)
SOME = st.sets(st.integers(0, 5), min_size=1)


def steps_in(looks: list[Look]) -> st.SearchStrategy[list[tuple[str, object]]]:
    """Mostly decisions; now and then somebody comes or goes, or a contact is closed."""
    decide = st.tuples(st.just("decide"), st.sampled_from(looks))
    presence = st.tuples(st.sampled_from(["online", "offline"]), SOME)
    close = st.tuples(st.just("close"), st.integers(1, 40))
    return st.lists(st.one_of(decide, decide, decide, decide, decide, presence, close), max_size=70)


def seen(twin: Pool, name: str) -> tuple[bool, ...]:
    """In which views the agent is eligible."""
    return tuple(name in times.eligible for times in twin.views.values())


def lead(twin: Pool, got: Counter[str], one: str, other: str) -> Fraction:
    """How many contacts one has got more than the other, for their weights."""
    return Fraction(got[one], twin.agents[one].weight) - Fraction(got[other], twin.agents[other].weight)


@given(data=st.data(), agents=AGENTS, looks=SOME_LOOKS, online=SOME)
@settings(max_examples=150)
def test_weights_hold_over_all_views_together(store: RedisStore, data, agents, looks, online):
    """Two agents whom each view saw always or never, both alike, are never further apart than one of their turns."""
    twin = pool(store, agents, looks)
    step(twin, "online", online)
    alike = {pair for pair in combinations(twin.agents, 2) if seen(twin, pair[0]) == seen(twin, pair[1])}
    first = {name: seen(twin, name) for name in twin.agents}
    got: Counter[str] = Counter()
    for kind, what in data.draw(steps_in(looks)):
        got[step(twin, kind, what)] += 1
        # A limit that is reached by this very decision ends it only for the next one.
        for one, other in alike:
            most = bound(twin.agents[one].weight, twin.agents[other].weight)
            assert abs(lead(twin, got, one, other)) <= most
        alike = {pair for pair in alike if all(seen(twin, name) == first[name] for name in pair)}
    event(f"{len(alike)} pairs were alike to the end")


@given(data=st.data(), agents=AGENTS, looks=SOME_LOOKS, online=SOME)
@settings(max_examples=150)
def test_weights_hold_again_after_a_return(store: RedisStore, data, agents, looks, online):
    """Since the last time that one of two came or went, they part by what parted them in some view, and one turn."""
    twin = pool(store, agents, looks)
    step(twin, "online", online)
    windows: dict[tuple[str, str], tuple[tuple[bool, ...], list[Fraction], Counter[str]]] = {}
    got: Counter[str] = Counter()
    for kind, what in data.draw(steps_in(looks)):
        for pair in combinations(twin.agents, 2):
            one, other = pair
            now = seen(twin, one)
            if now != seen(twin, other):
                windows.pop(pair, None)
            elif pair not in windows or windows[pair][0] != now:
                apart = [times.of(one) - times.of(other) for times in twin.views.values() if one in times.eligible]
                windows[pair] = now, apart, got.copy()
        got[step(twin, kind, what)] += 1
        for (one, other), (_, apart, before) in windows.items():
            more = lead(twin, got - before, one, other)
            own, others = Fraction(1, twin.agents[one].weight), Fraction(1, twin.agents[other].weight)
            if not apart:
                assert more == 0
                continue
            assert min(Fraction(0), -max(apart) - others) <= more <= max(Fraction(0), own - min(apart))
            if len(set(apart)) == 1 and abs(apart[0]) <= max(own, others):
                assert abs(apart[0] + more) <= max(own, others), "who was level stays level"


@given(data=st.data(), agents=AGENTS, looks=SOME_LOOKS, online=SOME)
@settings(max_examples=150)
def test_who_comes_back_gets_no_burst(store: RedisStore, data, agents, looks, online):
    """However long an agent was away, back in a view it is at most one turn ahead of who was first in line there."""
    looks = [*looks, (ROUND_ROBIN, True, 0)] if (ROUND_ROBIN, True, 0) not in looks else looks
    who = data.draw(st.integers(0, len(agents) - 1))
    twin = pool(store, agents, looks)
    back = list(twin.agents)[who]
    step(twin, "online", online)
    step(twin, "offline", {who})
    for kind, what in data.draw(steps_in(looks)):
        if kind != "online" or who not in what:
            step(twin, kind, what)
    before = {look: set(times.eligible) for look, times in twin.views.items()}
    step(twin, "online", {who})
    returned = [look for look, times in twin.views.items() if back in times.eligible - before[look] and before[look]]
    assume(returned)
    look = data.draw(st.sampled_from(returned))
    times = twin.views[look]
    first = min(before[look], key=times.of)
    assert times.of(back) >= times.of(first)
    got: Counter[str] = Counter()
    while {first, back} <= times.eligible and got.total() < 30:
        got[step(twin, "decide", look)] += 1
        assert lead(twin, got, back, first) <= Fraction(1, twin.agents[back].weight)
