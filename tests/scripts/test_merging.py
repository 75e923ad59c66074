"""Merged contacts as they lie in Redis: what the scripts keep, for how long, and what it costs."""

from __future__ import annotations

import time
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
import redis as redis_py

from service.call import DeadlineError
from service.store import keys
from service.store.values import NO_CHOICE, Case, Merging, WalkPlace
from tests.support import plans
from tests.support.stores import decide, raw

if TYPE_CHECKING:
    from service.redis_client.client import RedisClient
    from service.store.store import RedisStore
    from service.store.workspace import RedisWorkspace

VIEW = plans.view("*", 1)
CHOICE = plans.choice(VIEW).ref
RETENTION_MS = 3600_000  # of `open_store`


def configured(store: RedisStore, name: str) -> tuple[RedisWorkspace, str]:
    """A workspace in which ann and bob take turns; and the version of its rules."""
    made = store.workspace(name)
    change = plans.everyone_in((VIEW,), ("ann", "bob"))
    return made, made.configure(made.configuration(), change, rules=plans.rules(VIEW))


def created(store: RedisStore, name: str, version: str, *contact_ids: str, choice: str = CHOICE) -> None:
    """Decide about these contacts, one after another."""
    decide(store, name, version, [Case(each, "", 0, "", choice, "") for each in contact_ids])


def commands(redis: RedisClient) -> dict[str, int]:
    """How often which command has run since the last time."""
    with redis_py.Redis.from_url(redis._monitor.url) as client:
        found = client.info("commandstats")
        client.config_resetstat()
    return {command.removeprefix("cmdstat_"): stats["calls"] for command, stats in found.items()}


def test_who_merges_nothing_pays_nothing(redis: RedisClient, store: RedisStore):
    """In a workspace without merges a decision runs the commands that it ran before there were any."""
    _, version = configured(store, "free")
    commands(redis)
    created(store, "free", version, *(f"c{number}" for number in range(50)))
    ran = commands(redis)
    assert not {"hvals", "persist", "pexpire", "exists", "del"} & ran.keys()
    assert (ran["zpopmin"], ran["zadd"], ran.get("get", 0)) == (50, 50, 0)


def test_an_old_id_costs_two_looks_however_long_the_chain(redis: RedisClient, store: RedisStore):
    """The last of a hundred merges is found by one look at an alias, from the first id on."""
    workspace, version = configured(store, "chain")
    names = [f"c{number}" for number in range(100)]
    created(store, "chain", version, names[-1])
    for old, new in pairwise(names):
        workspace.contacts().merge(old, new)
    commands(redis)
    assert workspace.contact("c0").contact_id == names[-1]
    ran = commands(redis)
    assert ran["get"] == 2, "a record under the old id, and what that stands for"
    assert ran["hget"] == 6, "an open record under each of the two, and two agents and a choice of the decision"


def lasts_ms(redis: RedisClient, name: str, key: bytes) -> int:
    """How long a key of the workspace lasts; -1: for ever, -2: it is not there."""
    return int(raw(redis, b"PTTL", keys.root(name) + key))


def test_an_alias_lasts_as_long_as_the_record(redis: RedisClient, store: RedisStore):
    """It has no end while the contact is open, then that of the record, with which it is renewed, and gone."""
    name = "lasting"
    workspace, version = configured(store, name)
    created(store, name, version, "old", "new")
    workspace.contacts().merge("old", "new")
    aliases = (b":alias:old", b":aliases:new")
    assert [lasts_ms(redis, name, key) for key in aliases] == [-1, -1]
    for change in (workspace.close, workspace.unassign):
        change("old")
        assert all(RETENTION_MS - 5000 < lasts_ms(redis, name, key) <= RETENTION_MS for key in aliases)
        for key in (*aliases, b":settled:new"):
            raw(redis, b"PEXPIRE", keys.root(name) + key, 10_000)
    created(store, name, version, "old")
    assert [lasts_ms(redis, name, key) for key in aliases] == [-1, -1]
    workspace.close("new")
    for key in (*aliases, b":settled:new"):
        raw(redis, b"PEXPIRE", keys.root(name) + key, 1)
    time.sleep(0.01)
    assert workspace.contact("old") is None


def test_unknown_ids_are_one_for_as_long_as_closed_records_last(redis: RedisClient, store: RedisStore):
    """Without any event, what is known of the merge ends by itself."""
    workspace, _ = configured(store, "unknown")
    assert workspace.contacts().merge("old", "new").what == Merging.MERGED
    for key in (b":alias:old", b":aliases:new", b":settled:new"):
        assert RETENTION_MS - 5000 < lasts_ms(redis, "unknown", key) <= RETENTION_MS


@pytest.mark.parametrize("choice", [CHOICE, NO_CHOICE])
def test_nobody_waits_twice(redis: RedisClient, store: RedisStore, choice: str):
    """Two contacts without an owner are noted once, under the id that holds, and not at all once one has an owner."""
    name = f"waiting {choice}"
    workspace, version = configured(store, name)
    workspace.configure(workspace.configuration(), plans.everyone_in((VIEW,), ()), rules=plans.rules(VIEW))
    version = workspace.configuration().rules_version
    created(store, name, version, "a", "b", "old", choice=choice)
    noted = [keys.root(name) + suffix for suffix in (b":unmatched", b":unassigned")]

    def waiting() -> set[bytes]:
        return {each for key in noted for each in raw(redis, b"ZRANGE", key, 0, -1)}

    workspace.contacts().merge("a", "b")
    workspace.contacts().merge("old", "new")
    assert waiting() <= {b"b", b"new"}
    assert sum(raw(redis, b"ZCARD", key) for key in noted) == len(waiting())
    decide(store, name, version, [Case("owned", "zoe", 2, "", NO_CHOICE, "")])
    workspace.contacts().merge("owned", "b")
    workspace.contacts().merge("new", "owned")
    assert waiting() == set()


def test_who_waits_has_waited_as_long_as_before(redis: RedisClient, store: RedisStore):
    """The time of the first event goes along with the contact that has no owner."""
    workspace, version = configured(store, "since")
    created(store, "since", version, "old", choice=NO_CHOICE)
    key = keys.root("since") + b":unmatched"
    raw(redis, b"ZADD", key, 1234, "old")
    workspace.contacts().merge("old", "new")
    assert raw(redis, b"ZRANGE", key, 0, -1, b"WITHSCORES") == [b"new", b"1234"]


def test_an_unknown_owner_is_known_as_long_as_the_record(redis: RedisClient, store: RedisStore):
    """An owner who was never in the roster is not forgotten while a merged record names them."""
    workspace, version = configured(store, "unknown owner")
    decide(store, "unknown owner", version, [Case("old", "zoe", 2, "", NO_CHOICE, "")])
    workspace.close("old")
    key = keys.root("unknown owner") + b":unknown"
    (number,) = raw(redis, b"ZRANGE", key, 0, -1)
    raw(redis, b"ZADD", key, 1, number)
    workspace.contacts().merge("old", "new")
    assert float(raw(redis, b"ZSCORE", key, number)) > time.time() * 1000
    assert workspace.contact("new").owner_id == "zoe"


def test_who_was_not_told_is_told_after_a_merge(store: RedisStore):
    """A call that was asked to come again gets its decision, under the old id, whatever the contact's id is by now."""
    workspace, version = configured(store, "untold")
    case = Case("old", "", False, "", CHOICE, "")
    (made,) = decide(store, "untold", version, [case])
    workspace.note_untold([("old", made)])
    workspace.contacts().merge("old", "new")
    (again,) = decide(store, "untold", version, [case])
    assert again == made._replace(contact=b"new")


def test_no_reply_is_taken_for_that_of_another_decision(redis: RedisClient, store: RedisStore):
    """A decision whose reply is gone by now has none, also where the contact that takes it had a reply of its own."""
    workspace, version = configured(store, "replies")
    for each in ("old", "new"):
        decide(store, "replies", version, [Case(each, "", False, "", CHOICE, f"to {each}")])
    raw(redis, b"DEL", keys.root("replies") + b":reply:old")
    workspace.unassign("new")
    workspace.contacts().merge("old", "new")
    assert workspace.contact("new").decision.agent == b"ann"
    assert workspace.contact("new").decision.reply == b""


def test_a_record_beside_an_alias_is_a_contact_of_its_own(redis: RedisClient, store: RedisStore):
    """A replica of the version before knows no merges: what it writes under an old id holds until it is merged."""
    name = "rollout"
    workspace, version = configured(store, name)
    created(store, name, version, "old", "new", "last")
    record = raw(redis, b"HGET", keys.root(name) + b":open:%d" % keys.bucket(b"old"), "old")
    workspace.contacts().merge("old", "new")
    raw(redis, b"HSET", keys.root(name) + b":open:%d" % keys.bucket(b"old"), "old", record)
    raw(redis, b"HINCRBY", keys.root(name) + b":agent:1", "open", 1)
    assert workspace.contact("old").contact_id == "old"
    workspace.contacts().merge("new", "last")
    assert workspace.contact("old").contact_id == "old"
    assert workspace.contacts().merge("old", "last").what == Merging.MERGED
    assert workspace.contact("old").contact_id == "last"
    assert [standing.open_contacts for _, standing in workspace.standings(("ann", "bob"))] == [1, 0]


def test_a_bucket_of_many_is_listed_in_pages(redis: RedisClient, store: RedisStore):
    """Contacts that share a bucket, and more of them than a page holds, are each listed once."""
    name = "crowded"
    workspace, version = configured(store, name)
    created(store, name, version, "c")
    bucket = b"%s:open:%d" % (keys.root(name), keys.bucket(b"c"))
    record = raw(redis, b"HGET", bucket, "c")
    same = [
        each
        for each in (f"k{number}" for number in range(1_500_000))
        if keys.bucket(each.encode()) == keys.bucket(b"c")
    ]
    assert len(same) > 20
    for each in same:
        raw(redis, b"HSET", bucket, each, record)
    for size in (1, 7, 1000):
        found, at = [], WalkPlace()
        while at is not None:
            page, at = workspace.contacts().page("ann", True, size, at)
            assert len(page) <= size
            found += [each.contact_id for each in page]
        assert sorted(found) == sorted(["c", *same])


def test_an_erasure_that_was_cut_short_is_completed_by_its_repeat(redis: RedisClient, store: RedisStore, monkeypatch):
    """Where the time was over in the middle, the repeat finds what is left, under each id of the contact."""
    name = "cut short"
    workspace, version = configured(store, name)
    ids = ("old", "middle", "new")
    for each in ids:
        decide(store, name, version, [Case(each, "", False, "one", CHOICE, "")])
        decide(store, name, version, [Case(each, "", False, "two", CHOICE, "")])
    for old, new in pairwise(ids):
        workspace.contacts().merge(old, new)

    def too_late(*_: object) -> None:
        raise DeadlineError

    with monkeypatch.context() as patched:
        patched.setattr(type(redis), "scan_some", too_late)
        with pytest.raises(DeadlineError):
            workspace.contacts().forget("middle")
    assert workspace.contact("middle") is None
    assert workspace.contacts().forget("new")
    with redis_py.Redis.from_url(redis._monitor.url) as client:
        kept = list(client.scan_iter(keys.pattern(keys.root(name))))
    assert not [key for key in kept for each in ids if each.encode() in key.removeprefix(keys.root(name))]
    assert [standing.open_contacts for _, standing in workspace.standings(("ann", "bob"))] == [0, 0]
