"""Contacts without an owner, as they are kept for the metrics, on a real Redis, with no server between."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import redis as redis_py

from service.config import Settings
from service.store import keys
from service.store.shares import Shares
from service.store.values import NO_CHOICE, Case, Opens
from tests.support import plans
from tests.support.stores import decide, raw

if TYPE_CHECKING:
    from service.redis_client.client import RedisClient
    from service.store.store import RedisStore
    from service.telemetry.sample import WithoutOwner

VIEW = plans.view("t:sales", 1)
CHOICE = plans.choice(VIEW).ref
DAY_MS = 24 * 3600 * 1000


def configured(store: RedisStore, name: str, agents: str) -> int:
    """A workspace with these agents in a pool that a rule uses; returns the version of the rules."""
    made = store.workspace(name)
    change = plans.everyone_in((VIEW,), agents)
    return made.configure(made.configuration(), change, rules=plans.rules(VIEW), unassign_on_close=False)


def cases(count: int, choice: str = CHOICE, prefix: str = "c") -> list[Case]:
    """New contacts for whom a rule asks that; or whom none matches."""
    return [Case(f"{prefix}{number}", "", Opens.NONE, "", choice, "") for number in range(count)]


def without_owner(redis: RedisClient, name: str, **settings: float) -> WithoutOwner:
    """What the metrics say."""
    shares = Shares(redis, Settings(metrics_listen="127.0.0.1:0", **settings), lambda _: {}, candidate=True)
    return shares.sample(name).without_owner


def calls(redis: RedisClient) -> dict[str, int]:
    """How often which command has run since the last time."""
    with redis_py.Redis.from_url(redis._monitor.url) as client:
        found = client.info("commandstats")
        client.config_resetstat()
    return {command.removeprefix("cmdstat_"): stats["calls"] for command, stats in found.items()}


def test_a_contact_that_is_assigned_at_once_costs_nothing_more(redis: RedisClient, store: RedisStore):
    """Decisions that assign new contacts look at nothing that is kept of contacts without an owner."""
    version = configured(store, "assigned at once", "ab")
    decide(store, "assigned at once", version, cases(50))
    calls(redis)
    decide(store, "assigned at once", version, cases(50, prefix="d"))
    ran = calls(redis)
    assert (ran["zpopmin"], ran["zadd"]) == (50, 50)
    assert not {"zscore", "zrem", "zrangebyscore", "zcard"} & ran.keys()
    assert "hincrby" not in ran
    assert without_owner(redis, "assigned at once") == (0, 0, 0, 0, 0)


@pytest.mark.parametrize(("kind", "choice"), [("unmatched", NO_CHOICE), ("unassigned", CHOICE)])
def test_what_is_kept_ends_with_the_record(redis: RedisClient, store: RedisStore, kind: str, choice: str):
    """Contacts whose first event is longer ago than records are kept are there no more, but stay counted."""
    version = configured(store, kind, "")
    decide(store, kind, version, cases(500, choice))
    before = without_owner(redis, kind)
    assert getattr(before, kind) == 500
    for number in range(400):
        raw(redis, b"ZINCRBY", keys.root(kind) + f":{kind}".encode(), -DAY_MS, f"c{number}")
    after = without_owner(redis, kind, contact_retention_s=3600.0)
    assert after == before._replace(**{kind: 100})


def test_the_old_dwindle_where_nobody_collects_metrics(redis: RedisClient, store: RedisStore):
    """Without a collector, too, each contact that comes makes room for more than itself, a bounded number at a time."""
    version = configured(store, "uncollected", "")
    decide(store, "uncollected", version, cases(100, NO_CHOICE))
    key = keys.root("uncollected") + b":unmatched"
    for number in range(100):
        raw(redis, b"ZINCRBY", key, -DAY_MS, f"c{number}")
    decide(store, "uncollected", version, cases(10, NO_CHOICE, "d"))
    assert raw(redis, b"ZCARD", key) == 90
    decide(store, "uncollected", version, cases(90, NO_CHOICE, "e"))
    assert raw(redis, b"ZCARD", key) == 100


def test_overdue_contacts_are_moved_in_bounded_runs(redis: RedisClient, store: RedisStore):
    """However many are overdue at once, each is counted once, and keeps the time of its first event."""
    version = configured(store, "overdue", "")
    decide(store, "overdue", version, cases(1000, NO_CHOICE))
    first = raw(redis, b"ZSCORE", keys.root("overdue") + b":unmatched", "c0")
    for number in range(900):
        raw(redis, b"ZINCRBY", keys.root("overdue") + b":unmatched", -1000_000, f"c{number}")
    for _ in range(2):
        assert without_owner(redis, "overdue") == (0, 900, 0, 100, 900)
    assert float(raw(redis, b"ZSCORE", keys.root("overdue") + b":unassigned", "c0")) == float(first) - 1000_000
