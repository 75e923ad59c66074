"""A contact's record, in its narrow form and in its wide one, on a real Redis, with no server between."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from service.store import keys
from service.store.values import NO_CHOICE, Case, Opens, revision_of
from tests.support import plans
from tests.support.stores import decide, open_store, raw, request_of

if TYPE_CHECKING:
    from service.redis_client.client import RedisClient
    from service.store.store import RedisStore
    from service.store.workspace import RedisWorkspace

POOL = "t:sales"
VIEW = plans.view(POOL, 1)
CHOICE = plans.choice(VIEW).ref
ASSIGNED, ALREADY_ASSIGNED = 1, 2
REQUEST = request_of("request", 1)
EPOCH_MS = 1_767_225_600_000  # 2026, from where sequences count
# What has been counted in a workspace so far: nothing, as much as the narrow form can hold, and more.
NARROW = {}
BRIM: dict[str, int | str] = {"agents": 2**16 - 3, "revision": 2**16 - 3, "incarnation": "a"}
COUNTED: dict[str, dict[str, int | str]] = {
    "narrow": NARROW,
    "brim": BRIM,
    "a clock that was set back": BRIM | {"sequence": 2**52},
    "many agents": BRIM | {"agents": 2**16 - 1},
    "many rules": BRIM | {"revision": 2**16},
    "many of all": BRIM | {"sequence": 2**53 - 2**20, "agents": 2**23, "revision": 2**31},
}


def workspace(redis: RedisClient, name: str, counted: dict[str, int | str]) -> tuple[RedisStore, RedisWorkspace, int]:
    """A store, and a workspace with two agents in one pool that has counted so far; with its version of the rules."""
    store, root = open_store(redis), keys.root(name)
    made = store.workspace(name)
    if counted:
        raw(redis, b"HSET", root, *(str(word) for item in counted.items() for word in item))
        raw(redis, b"HSET", root + b":numbers", b"earlier", 1)  # as is there where numbers were given
    change = plans.everyone_in((VIEW,), "ab")
    version = made.configure(made.configuration(), change, rules=plans.rules(VIEW), unassign_on_close=False)
    return store, made, version


@pytest.mark.parametrize("owner", ["a", "stranger"])
def test_whoever_is_heard_of_is_kept_from_then_on(redis: RedisClient, owner: str):
    """An event of a closed contact has its record, its old ids and an owner unknown to the roster kept anew."""
    name = f"kept of {owner}"
    store, made, version = workspace(redis, name, NARROW)
    root = keys.root(name)
    decide(store, name, version, [Case("contact", owner, Opens.NONE, "", NO_CHOICE, "")])
    made.contacts().merge("old", "contact")
    for key in (b":settled:contact", b":alias:old", b":aliases:contact"):
        assert raw(redis, b"PEXPIRE", root + key, 60_000) == 1
    for number in raw(redis, b"ZRANGE", root + b":unknown", 0, -1):
        raw(redis, b"ZADD", root + b":unknown", 1, number)
    decide(store, name, version, [Case("contact", "", Opens.NONE, "", CHOICE, "")])
    for key in (b":settled:contact", b":alias:old", b":aliases:contact"):
        assert raw(redis, b"PTTL", root + key) > 3_000_000
    unknown = raw(redis, b"ZRANGE", root + b":unknown", 0, -1, b"WITHSCORES")
    assert [int(score) > EPOCH_MS for score in unknown[1::2]] == [True] * (owner == "stranger")


@pytest.mark.parametrize("name", COUNTED)
def test_a_record_says_what_was_decided(redis: RedisClient, name: str):
    """Whatever has been counted, the record gives back the decision, also after a person chose another owner."""
    counted = COUNTED[name]
    store, made, version = workspace(redis, name, counted)
    case = Case("contact", "", Opens.NONE, REQUEST, CHOICE, "")
    (decided,) = decide(store, name, version, [case])
    assert (decided.outcome, decided.agent, decided.revision) == (ASSIGNED, b"a", revision_of(version))
    if "sequence" in counted:
        assert decided.sequence == counted["sequence"] + 1
    else:
        assert 0 <= decided.sequence - (decided.time_ms - EPOCH_MS) * 1000 < 1000
    (replayed,) = decide(store, name, version, [case])
    assert replayed == decided._replace(replayed=1)
    assert made.assign("contact", "b") == "a"
    record = made.contact("contact")
    assert record is not None
    assert (record.owner_id, record.open, record.decision) == ("b", True, decided)
    (owned,) = decide(store, name, version, [case._replace(request=request_of("other", 1))])
    assert (owned.outcome, owned.agent) == (ALREADY_ASSIGNED, b"b")
    assert made.close("contact") == ("b", True)
    record = made.contact("contact")
    assert record is not None
    assert (record.owner_id, record.open, record.decision) == ("b", False, decided)


@pytest.mark.parametrize(
    ("name", "size"), [("narrow", 15), ("brim", 15), ("a clock that was set back", 27), ("many agents", 27)]
)
def test_a_record_takes_few_bytes(redis: RedisClient, name: str, size: int):
    """Fifteen bytes and the request, until something has been counted that does not fit; then twelve more."""
    store, _, version = workspace(redis, f"size of {name}", COUNTED[name])
    root = keys.root(f"size of {name}")
    decide(store, f"size of {name}", version, [Case("contact", "", Opens.NONE, REQUEST, CHOICE, "")])
    bucket = keys.bucket(b"contact")
    packed = raw(redis, b"HGET", root + f":open:{bucket}".encode(), b"contact")
    assert len(packed) == size + len(REQUEST)
