"""How a new configuration is put in place, piece by piece, on a real Redis, with no server between."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
import redis as redis_py

from service.redis_client.client import Redis, RedisAwayError
from service.rules.plan import AgentPlan, Change, Place, View
from service.store import keys
from service.store.plan_chunks import pieces_of
from service.store.store import Store
from service.store.values import Case, Choice, NewRules
from tests.support.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

POOL = "t:sales"
VIEWS = (View(1, False, 0), View(2, True, 5))
AGENTS = [f"agent-{number}" for number in range(1000)]


class Halting(Store):
    """A store whose process dies right after it committed a configuration."""

    def build(self, root: bytes) -> None:
        """Do not get to it."""


def change(agents: list[str], pool: str = POOL, predecessor: str = "") -> Change:
    """Everyone in one pool, in this order."""
    carried = [(pool, predecessor)] if predecessor else []
    places = [(agent, (Place(pool, at, predecessor, VIEWS),)) for at, agent in enumerate(agents, 1)]
    return Change(carried, [AgentPlan(agent, agent, 1, 0, True, place) for agent, place in places], [], [])


def configure(store: Store, root: bytes, what: Change) -> int:
    """Put it in force as a rule set."""
    return store.configure(root, store.configuration(root), what, rules=NewRules(b"", b""), unassign_on_close=False)


def decide(store: Store, root: bytes, revision: int, count: int, pool: str = POOL) -> list[str]:
    """Decide about new contacts by round robin; return who got them."""
    choice = Choice.of(pool, 1, 0, "rule", "sales", online_only=False, fallback=False)
    cases = [Case(f"{revision}-{pool}-{at}", "", False, "", choice, "") for at in range(count)]
    return [answer.agent.decode() for answer in store.decide(root, revision, cases)]


def make(kind: type[Store], redis: Redis) -> Store:
    """A store of one process."""
    return kind(redis, contact_retention_s=3600, replay_retention_s=60)


def test_whoever_comes_next_completes_a_configuration(redis):
    """A configuration whose process died after the commit is complete before anything is decided under it."""
    root = keys.root("halted")
    assert configure(make(Halting, redis), root, change(AGENTS)) == 1
    assert redis.router().call(root, (b"LLEN", root + b":plan"), None) > 1
    assert decide(make(Store, redis), root, 1, 1000) == AGENTS
    assert redis.router().call(root, (b"EXISTS", root + b":plan"), None) == 0


@pytest.fixture
def full(redis: Redis) -> Iterator[Callable[[bool], None]]:
    """Makes Redis full (True), or gives it room again (False)."""
    with redis_py.Redis.from_url(redis._url) as client:

        def switch(is_full: bool) -> None:
            client.config_set("maxmemory", int(is_full))
            if not is_full:
                wait_until(lambda: redis.up, "the service has found out")

        yield switch
        switch(False)


def test_a_full_redis_leaves_no_half_configuration(redis, full):
    """What Redis refuses for want of memory, in the middle of a configuration, is done once there is room again."""
    root = keys.root("full")
    assert configure(make(Store, redis), root, change(AGENTS[:500])) == 1
    assert decide(make(Store, redis), root, 1, 3) == AGENTS[:3]
    assert configure(make(Halting, redis), root, change(AGENTS)) == 2
    full(True)
    with pytest.raises(RedisAwayError):
        decide(make(Store, redis), root, 2, 1)
    full(False)
    assert decide(make(Store, redis), root, 2, 998) == [*AGENTS[3:], AGENTS[0]]
    assert make(Store, redis).configuration(root).rules_revision == 2


def test_a_full_redis_forgets_no_lease(redis, full):
    """A lease that ends while Redis is full ends the presence as soon as there is room again."""
    root = keys.root("full-leases")
    store = make(Store, redis)
    configure(store, root, change(AGENTS[:2]))
    assert store.set_presence(root, [(AGENTS[0], 1, 1), (AGENTS[1], 1, 60_000)]) == []
    full(True)
    time.sleep(0.01)
    with suppress(RedisAwayError):  # it may be refused or done, but not half of it
        store.expire_leases(root)
    full(False)
    assert dict(store.standings(root, AGENTS[:2])) == {AGENTS[0]: (3, 0), AGENTS[1]: (1, 0)}
    assert redis.router().call(root, (b"ZCARD", root + b":leases"), None) == 1


@pytest.mark.parametrize("call", ["close", "assign", "unassign", "presence", "standings"])
def test_no_call_works_on_half_a_configuration(redis, call):
    """Every call that changes or shows agents first completes what was left undone."""
    root = keys.root(f"half-{call}")
    assert configure(make(Store, redis), root, change(AGENTS[:3])) == 1
    decide(make(Store, redis), root, 1, 3)
    assert configure(make(Halting, redis), root, change(AGENTS)) == 2
    store = make(Store, redis)
    contact = f"1-{POOL}-0"
    {
        "close": lambda: store.close(root, contact),
        "assign": lambda: store.assign(root, contact, AGENTS[-1]),
        "unassign": lambda: store.unassign(root, contact),
        "presence": lambda: store.set_presence(root, [(AGENTS[-1], 1, 0)]),
        "standings": lambda: list(store.standings(root, AGENTS)),
    }[call]()
    assert redis.router().call(root, (b"EXISTS", root + b":plan"), None) == 0
    assert dict(store.standings(root, AGENTS))[AGENTS[-1]] is not None


def test_of_two_that_configure_one_loses(redis):
    """What was prepared on a configuration that is no longer in force changes nothing."""
    root = keys.root("race")
    store = make(Store, redis)
    before = store.configuration(root)
    assert configure(store, root, change(AGENTS[:2])) == 1
    assert (
        store.configure(root, before, change(AGENTS[5:9]), rules=NewRules(b"other", b""), unassign_on_close=True) == 0
    )
    assert store.configuration(root).rules == b""
    assert decide(store, root, 1, 4) == AGENTS[:2] * 2


def test_a_new_pool_carries_a_rotation_on(redis):
    """Agents keep their turns, and the pool its clock, in a pool that takes the place of another."""
    root = keys.root("carried")
    store = make(Store, redis)
    configure(store, root, change(AGENTS[:3]))
    assert decide(store, root, 1, 5) == [*AGENTS[:3], *AGENTS[:2]]
    configure(store, root, change(AGENTS[:4], "l:new", POOL))
    # Whoever is new stands level with the least, and has waited longest.
    assert decide(store, root, 2, 4, "l:new") == [AGENTS[3], AGENTS[2], AGENTS[0], AGENTS[1]]


def test_pieces_are_bounded():
    """No piece holds more work than some hundred places, however large the change."""
    sizes = [piece.count(POOL + '"') for piece in pieces_of(change(AGENTS))]
    assert sum(sizes) == 1000
    assert max(sizes) <= 120
    assert pieces_of(Change([], [], [], [])) == []
