"""A workspace gets what its quota brings, and at once what a second brings; others notice nothing."""

from __future__ import annotations

import pytest

from service.runtime.quotas import Quotas


class Clock:
    """A clock that is set by hand."""

    now = 100.0

    def __call__(self) -> float:
        """The time."""
        return self.now


def test_a_workspace_gets_its_quota():
    """At once it gets what one second brings, then one for each that comes in; and a neighbor has its own."""
    clock = Clock()
    quotas = Quotas(10, clock)
    assert [quotas.take("loud") for _ in range(12)] == [True] * 10 + [False] * 2
    assert quotas.take("quiet")
    clock.now += 0.25
    assert [quotas.take("loud") for _ in range(4)] == [True, True, False, False]
    clock.now += 1000
    assert [quotas.take("loud") for _ in range(12)].count(True) == 10


def test_contacts_of_a_batch_are_paid_later():
    """A batch is let in for one call, and its contacts keep its workspace out until what they cost has come in."""
    clock = Clock()
    quotas = Quotas(10, clock)
    assert quotas.take("w")
    quotas.owe("w", 30)
    clock.now += 2.1
    assert not quotas.take("w")
    assert quotas.wait_s("w") == pytest.approx(0.1)
    clock.now += 0.2
    assert quotas.take("w")


def test_a_quota_of_one_lets_one_in():
    """A bucket holds one call at least."""
    clock = Clock()
    quotas = Quotas(1, clock)
    assert [quotas.take("w"), quotas.take("w")] == [True, False]


def test_full_buckets_are_forgotten():
    """Of very many workspaces that each called once, hardly any is kept once its bucket is full again."""
    clock = Clock()
    quotas = Quotas(1, clock)
    for number in range(100_000):
        clock.now += 0.01
        assert quotas.take(f"w{number}")
        assert len(quotas) <= 1001
