"""A contact's record, in its narrow form and in its wide one, on a real Redis, with no server between."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from service.rules.plan import AgentPlan, Change, Place, View
from service.store import keys
from service.store.store import Store
from service.store.values import Case, Choice, NewRules

if TYPE_CHECKING:
    from service.redis_client.client import Redis

POOL = "t:sales"
CHOICE = Choice.of(POOL, 1, 0, "rule", "sales", online_only=False, fallback=False)
ASSIGNED, ALREADY_ASSIGNED = 1, 2
# What has been counted in a workspace so far: nothing, as much as the narrow form can hold, and more.
NARROW = {}
BRIM = {"sequence": 2**32 - 4, "agents": 2**16 - 3, "revision": 2**16 - 3}
COUNTED = {
    "narrow": NARROW,
    "brim": BRIM,
    "many events": BRIM | {"sequence": 2**32 - 1},
    "many agents": BRIM | {"agents": 2**16 - 1},
    "many rules": BRIM | {"revision": 2**16},
    "many of all": {"sequence": 2**39, "agents": 2**23, "revision": 2**31},
}


def workspace(redis: Redis, name: str, counted: dict[str, int]) -> tuple[Store, bytes, int]:
    """A store, and a workspace with two agents in one pool that has counted so far; with its revision of the rules."""
    store, root = Store(redis, contact_retention_s=3600, replay_retention_s=60), keys.root(name)
    if counted:
        redis.router().call(root, (b"HSET", root, *(str(word) for item in counted.items() for word in item)), None)
    views = (View(1, False, 0),)
    agents = [AgentPlan(agent, agent, 1, 0, True, (Place(POOL, at, "", views),)) for at, agent in enumerate("ab", 1)]
    change = Change([], agents, [], [])
    revision = store.configure(
        root, store.configuration(root), change, rules=NewRules(b"", b""), unassign_on_close=False
    )
    return store, root, revision


@pytest.mark.parametrize("name", COUNTED)
def test_a_record_says_what_was_decided(redis: Redis, name: str):
    """Whatever has been counted, the record gives back the decision, also after a person chose another owner."""
    counted = COUNTED[name]
    store, root, revision = workspace(redis, name, counted)
    case = Case("contact", "", False, "request", CHOICE, "")
    (decided,) = store.decide(root, revision, [case])
    assert (decided.outcome, decided.agent, decided.revision) == (ASSIGNED, b"a", revision)
    assert decided.sequence == counted.get("sequence", 0) + 1
    (replayed,) = store.decide(root, revision, [case])
    assert replayed == decided._replace(replayed=1)
    assert store.assign(root, "contact", "b") == ("a", True)
    record = store.contact(root, "contact")
    assert record is not None
    assert (record.owner_id, record.open, record.decision) == ("b", True, decided)
    (owned,) = store.decide(root, revision, [case._replace(request_id="other")])
    assert (owned.outcome, owned.agent) == (ALREADY_ASSIGNED, b"b")
    assert store.close(root, "contact") == ("b", True)
    record = store.contact(root, "contact")
    assert record is not None
    assert (record.owner_id, record.open, record.decision) == ("b", False, decided)


@pytest.mark.parametrize(("name", "size"), [("narrow", 17), ("brim", 17), ("many events", 25), ("many agents", 25)])
def test_a_record_takes_few_bytes(redis: Redis, name: str, size: int):
    """Seventeen bytes and the request id, until something has been counted that does not fit; then eight more."""
    store, root, revision = workspace(redis, f"size of {name}", COUNTED[name])
    store.decide(root, revision, [Case("contact", "", False, "request", CHOICE, "")])
    bucket = keys.bucket(b"contact")
    packed = redis.router().call(root, (b"HGET", root + f":open:{bucket}".encode(), b"contact"), None)
    assert len(packed) == size + len("request")
