"""Owners who were never in the roster, as callers may name them, on a real Redis, with no server between."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
import redis as redis_py

from service.store import keys
from service.store.audit import audit_workspace, repair_workspace
from service.store.store import RedisStore
from service.store.values import NO_CHOICE, Case, Opens
from tests.support import plans
from tests.support.stores import decide, raw, request_of

if TYPE_CHECKING:
    from service.redis_client.client import RedisClient

VIEW = plans.view("t:sales", 1)
RETENTION_S, REPLAY_RETENTION_S = 1.0, 0.2
GONE_S = RETENTION_S + REPLAY_RETENTION_S + 0.1
A_ROUND = 100
AGAIN = request_of("again", 1)


@pytest.fixture
def store(redis: RedisClient) -> RedisStore:
    """A store that soon forgets."""
    return RedisStore(redis, contact_retention_s=RETENTION_S, replay_retention_s=REPLAY_RETENTION_S)


def configured(store: RedisStore, name: str, agents: str = "ab") -> str:
    """A workspace with these agents; returns the version of the rules."""
    made = store.workspace(name)
    change = plans.everyone_in((VIEW,), agents)
    made.configure(made.configuration(), change, rules=plans.rules(VIEW), unassign_on_close=False)
    return made.configuration().rules_version


def named(store: RedisStore, name: str, version: str, owners: list[str]) -> None:
    """The caller says that these own a contact each, named like them, whose first message this is."""
    decide(store, name, version, [Case(f"of {owner}", owner, Opens.NEW, AGAIN, NO_CHOICE, "") for owner in owners])


def numbered(redis: RedisClient, name: str) -> int:
    """How many owners and agents have a number, all of whom have a hash; there is no other such hash."""
    root = keys.root(name)
    with redis_py.Redis.from_url(redis._monitor.url) as client:
        hashes = len(list(client.scan_iter(root + b":agent:*", count=1000)))
    assert hashes == raw(redis, b"HLEN", root + b":numbers")
    return hashes


def test_made_up_owners_leave_nothing_behind(redis: RedisClient, store: RedisStore):
    """Whose contacts are closed, and their records gone, are forgotten as others are named; the audit misses nobody."""
    version = configured(store, "made up")
    for number in range(3):
        owners = [f"{number}-{each}" for each in range(A_ROUND)]
        named(store, "made up", version, owners)
        assert numbered(redis, "made up") <= 2 + 2 * A_ROUND
        for owner in owners:
            assert store.workspace("made up").close(f"of {owner}") == (owner, True)
        time.sleep(GONE_S)
    named(store, "made up", version, [f"last-{each}" for each in range(A_ROUND // 2)])
    assert numbered(redis, "made up") == 2 + A_ROUND // 2
    found = audit_workspace(redis, "made up")
    assert (found.contacts, found.agents, found.drifts) == (A_ROUND // 2, 2 + A_ROUND // 2, ())


def test_an_unknown_owner_with_open_contacts_stays(redis: RedisClient, store: RedisStore):
    """An owner whom the roster does not know is kept however long a contact is open, then until its record is gone."""
    version = configured(store, "open for long")
    named(store, "open for long", version, ["long"])
    time.sleep(GONE_S)
    named(store, "open for long", version, ["x", "y"])
    assert store.workspace("open for long").close("of long") == ("long", True)
    named(store, "open for long", version, ["z"])
    record = store.workspace("open for long").contact("of long")
    assert record is not None
    assert record.owner_id == "long"
    assert numbered(redis, "open for long") == 2 + 4
    time.sleep(GONE_S)
    for owner in "wv":
        named(store, "open for long", version, [owner])
    assert numbered(redis, "open for long") == 2 + 5


def test_an_unknown_owner_may_join_the_roster(redis: RedisClient, store: RedisStore):
    """One who joins keeps the contacts that are open, and is no longer forgotten."""
    version = configured(store, "joins")
    named(store, "joins", version, ["c"])
    version = configured(store, "joins", "abc")
    assert dict(store.workspace("joins").standings(["c"]))["c"].open_contacts == 1
    store.workspace("joins").close("of c")
    time.sleep(GONE_S)
    named(store, "joins", version, ["x", "y"])
    assert dict(store.workspace("joins").standings(["c"]))["c"].open_contacts == 0
    assert numbered(redis, "joins") == 3 + 2


def test_the_lost_hash_of_an_unknown_owner_is_mended(redis: RedisClient, store: RedisStore):
    """The audit names whose hash was lost, and repairs it from the records."""
    version = configured(store, "lost")
    named(store, "lost", version, ["c"])
    raw(redis, b"DEL", keys.root("lost") + b":agent:3")
    found = audit_workspace(redis, "lost")
    assert [(drift.agent_id, drift.kept, drift.counted) for drift in found.drifts] == [("c", None, 1)]
    assert repair_workspace(redis, "lost", found)
    assert audit_workspace(redis, "lost").drifts == ()


def test_owners_of_the_roster_cost_nothing_more(redis: RedisClient, store: RedisStore):
    """A decision for which the caller names an owner whom the roster knows looks at nothing kept of others."""
    version = configured(store, "usual")
    named(store, "usual", version, ["a", "b"])
    with redis_py.Redis.from_url(redis._monitor.url) as client:
        client.config_resetstat()
        named(store, "usual", version, ["a", "b"])
        ran = {command.removeprefix("cmdstat_") for command in client.info("commandstats")}
    assert ran.isdisjoint({"zadd", "zrem", "zrangebyscore", "zrange", "hset"})
