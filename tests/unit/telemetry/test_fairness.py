"""Spread and Jain's index of a pool, from samples."""

from __future__ import annotations

import pytest

from service.telemetry.fairness import Sample, Standing, Window, compare

ROUND_ROBIN, LEAST_OPEN = frozenset({1}), frozenset({2})


def standing(agent_id, *, weight=1, assigned=0, open_contacts=0, eligible=True, strategies=ROUND_ROBIN):
    """Make an agent's standing, ONLINE."""
    return Standing(agent_id, weight, assigned, open_contacts, True, eligible, strategies)


def fairness_of(*moments):
    """Compare agents over samples, a minute between them."""
    window = Window(900)
    for at, standings in enumerate(moments):
        window.add(60.0 * at, Sample(standings))
    return window.fairness()


@pytest.mark.parametrize(
    ("shares", "spread", "index"),
    [
        ([], 0, 1),
        ([0, 0, 0], 0, 1),
        ([7], 0, 1),
        ([10, 10, 10], 0, 1),
        ([30, 0, 0], 30, 1 / 3),
        ([3, 1], 2, 0.8),
    ],
)
def test_spread_and_jains_index(shares, spread, index):
    """The spread is largest minus smallest; the index is 1 for equal shares and 1/n when one of n has all."""
    found = compare(shares)
    assert (found.compared, found.spread) == (len(shares), spread)
    assert found.jain_index == pytest.approx(index)


def test_round_robin_counts_what_was_assigned_within_the_window():
    """What an agent got before the window began says nothing about how fair the pool is now."""
    before = [standing("old", assigned=1000), standing("new")]
    after = [standing("old", assigned=1010), standing("new", assigned=10)]
    assert fairness_of(before, after) == (2, 0, 1)


def test_shares_are_per_weight():
    """An agent of weight 3 who gets three times as many is treated equally."""
    before = [standing("a", weight=3), standing("b")]
    after = [standing("a", weight=3, assigned=30), standing("b", assigned=10)]
    assert fairness_of(before, after) == (2, 0, 1)


def test_least_open_contacts_compares_what_is_open():
    """That strategy levels open contacts, so it is judged by those, however many were assigned."""
    before = [standing("quick", strategies=LEAST_OPEN), standing("slow", strategies=LEAST_OPEN)]
    after = [
        standing("quick", assigned=90, open_contacts=4, strategies=LEAST_OPEN),
        standing("slow", assigned=10, open_contacts=4, strategies=LEAST_OPEN),
    ]
    assert fairness_of(before, after) == (2, 0, 1)


def test_who_was_away_is_not_compared():
    """An agent who was not eligible in one sample of the window owes nothing and is owed nothing."""
    moments = [
        [standing("a"), standing("b"), standing("away", eligible=False)],
        [standing("a", assigned=5), standing("b", assigned=5), standing("away")],
    ]
    assert fairness_of(*moments) == (2, 0, 1)


def test_an_unfair_pool_is_seen():
    """30 of 30 to one of two who were there all the time is a spread of 30 and an index of 1/2."""
    assert fairness_of([standing("a"), standing("b")], [standing("a", assigned=30), standing("b")]) == (2, 30, 0.5)


def test_samples_older_than_the_window_are_forgotten():
    """Who has been back for a whole window is compared again, by what it got since."""
    window = Window(900)
    window.add(0, Sample([standing("a"), standing("back", eligible=False)]))
    window.add(60, Sample([standing("a", assigned=50), standing("back")]))
    assert window.fairness().compared == 1
    window.add(960, Sample([standing("a", assigned=60), standing("back", assigned=10)]))
    assert window.fairness() == (2, 0, 1)


@pytest.mark.parametrize(
    ("strategies", "name"),
    [
        ([ROUND_ROBIN, ROUND_ROBIN], "round_robin"),
        ([LEAST_OPEN], "least_open_contacts"),
        ([ROUND_ROBIN | LEAST_OPEN], "mixed"),
        ([], "mixed"),
    ],
)
def test_a_pool_is_named_by_its_strategy(strategies, name):
    """A pool that rules use by both strategies can be judged by neither alone."""
    assert Sample([standing(str(at), strategies=each) for at, each in enumerate(strategies)]).strategy == name
