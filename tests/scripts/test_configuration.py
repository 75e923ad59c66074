"""How a new configuration is put in place, chunk by chunk, on a real Redis, with no server between."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
import redis as redis_py

from service.call import NO_DEADLINE
from service.redis_client.client import RedisClient, RedisUnavailableError
from service.rules.plan import Change
from service.store import keys
from service.store.plan_chunks import chunks_of
from service.store.store import RedisStore
from service.store.values import Case, NewRules, Opens, revision_of
from service.store.workspace import RedisWorkspace
from tests.support import plans
from tests.support.processes import wait_until
from tests.support.stores import decide, open_store, raw

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

POOL = "t:sales"
AGENTS = [f"agent-{number}" for number in range(1000)]


class _HaltingWorkspace(RedisWorkspace):
    def build(self) -> None:
        """Do not get to it."""


class _HaltingStore(RedisStore):
    def workspace(self, workspace_id: str, deadline: float = NO_DEADLINE) -> RedisWorkspace:
        made = super().workspace(workspace_id, deadline)
        made.__class__ = _HaltingWorkspace
        return made


def halting(redis: RedisClient) -> RedisStore:
    """A store whose process dies right after it committed a configuration."""
    return _HaltingStore(redis, contact_retention_s=3600, replay_retention_s=60)


def views(pool: str) -> tuple[plans.View, ...]:
    """Two rules look at it."""
    return plans.view(pool, 1), plans.view(pool, 2, max_open_contacts=5, online_only=True)


def change(agents: list[str], pool: str = POOL, predecessor: str = "") -> Change:
    """Everyone in one pool, in this order."""
    return plans.everyone_in(views(pool), agents, predecessor)


def configure(store: RedisStore, name: str, what: Change, pool: str = POOL) -> int:
    """Put it in force as a rule set; return its revision."""
    workspace = store.workspace(name)
    rules = plans.rules(*views(pool))
    version = workspace.configure(workspace.configuration(), what, rules=rules, unassign_on_close=False)
    return revision_of(version)


def decided(store: RedisStore, name: str, revision: int, count: int, pool: str = POOL) -> list[str]:
    """Decide about new contacts by round robin; return who got them."""
    ref = plans.choice(views(pool)[0]).ref
    cases = [Case(f"{revision}-{pool}-{at}", "", Opens.NONE, "", ref, "") for at in range(count)]
    version = store.rules([name])[0].version
    assert revision_of(version) == revision
    return [answer.agent.decode() for answer in decide(store, name, version, cases)]


def test_whoever_comes_next_completes_a_configuration(redis):
    """A configuration whose process died after the commit is complete before anything is decided under it."""
    name = "halted"
    root = keys.root(name)
    assert configure(halting(redis), name, change(AGENTS)) == 1
    assert raw(redis, b"LLEN", root + b":plan") > 1
    assert decided(open_store(redis), name, 1, 1000) == AGENTS
    assert raw(redis, b"EXISTS", root + b":plan") == 0


class _TakenOverWorkspace(RedisWorkspace):
    def note_choices(self, choices: Mapping[str, str], *, durable: bool = True) -> int:
        """Note them on a server that another takes over from, which has not got them."""
        count = super().note_choices(choices, durable=durable)
        raw(self._redis, b"HDEL", self._root, b"choices", *(ref.encode() for ref in choices))
        return count


def test_rules_whose_choices_are_gone_do_not_come_in_force(redis):
    """Where a server takes over that has not got the choices noted for rules, nothing is changed; a repeat is fine."""
    store, name = open_store(redis), "taken-over"
    workspace = store.workspace(name)
    before, rules = workspace.configuration(), plans.rules(*views(POOL))
    workspace.__class__ = _TakenOverWorkspace
    assert workspace.configure(before, change(AGENTS[:3]), rules=rules) == ""
    assert store.workspace(name).configuration() == before
    assert configure(store, name, change(AGENTS[:3])) == 1
    assert decided(store, name, 1, 3) == AGENTS[:3]


@pytest.fixture
def full(redis: RedisClient) -> Iterator[Callable[[bool], None]]:
    """Makes Redis full (True), or gives it room again (False)."""
    with redis_py.Redis.from_url(redis._monitor.url) as client:

        def switch(is_full: bool) -> None:
            client.config_set("maxmemory", int(is_full))
            if not is_full:
                wait_until(lambda: redis.up, "the service has found out")

        yield switch
        switch(False)


def test_a_full_redis_leaves_no_half_configuration(redis, full):
    """What Redis refuses for want of memory, in the middle of a configuration, is done once there is room again."""
    name = "full"
    keys.root(name)
    assert configure(open_store(redis), name, change(AGENTS[:500])) == 1
    assert decided(open_store(redis), name, 1, 3) == AGENTS[:3]
    assert configure(halting(redis), name, change(AGENTS)) == 2
    full(True)
    with pytest.raises(RedisUnavailableError):
        decided(open_store(redis), name, 2, 1)
    full(False)
    assert decided(open_store(redis), name, 2, 998) == [*AGENTS[3:], AGENTS[0]]
    assert open_store(redis).workspace(name).configuration().rules_version.startswith("2.")


def test_a_full_redis_forgets_no_lease(redis, full):
    """A lease that ends while Redis is full ends the presence as soon as there is room again."""
    name = "full-leases"
    root = keys.root(name)
    store = open_store(redis)
    configure(store, name, change(AGENTS[:2]))
    assert store.workspace(name).set_presence([(AGENTS[0], 1, 1), (AGENTS[1], 1, 60_000)]) == []
    full(True)
    time.sleep(0.01)
    with suppress(RedisUnavailableError):  # it may be refused or done, but not half of it
        store.workspace(name).expire_leases()
    full(False)
    assert dict(store.workspace(name).standings(AGENTS[:2])) == {AGENTS[0]: (3, 0), AGENTS[1]: (1, 0)}
    assert raw(redis, b"ZCARD", root + b":leases") == 1


@pytest.mark.parametrize("call", ["close", "assign", "unassign", "presence", "standings"])
def test_no_call_works_on_half_a_configuration(redis, call):
    """Every call that changes or shows agents first completes what was left undone."""
    name = f"half-{call}"
    root = keys.root(name)
    assert configure(open_store(redis), name, change(AGENTS[:3])) == 1
    decided(open_store(redis), name, 1, 3)
    assert configure(halting(redis), name, change(AGENTS)) == 2
    store = open_store(redis)
    contact = f"1-{POOL}-0"
    {
        "close": lambda: store.workspace(name).close(contact),
        "assign": lambda: store.workspace(name).assign(contact, AGENTS[-1]),
        "unassign": lambda: store.workspace(name).unassign(contact),
        "presence": lambda: store.workspace(name).set_presence([(AGENTS[-1], 1, 0)]),
        "standings": lambda: list(store.workspace(name).standings(AGENTS)),
    }[call]()
    assert raw(redis, b"EXISTS", root + b":plan") == 0
    assert dict(store.workspace(name).standings(AGENTS))[AGENTS[-1]] is not None


def test_of_two_that_configure_one_loses(redis):
    """What was prepared on a configuration that is no longer in force changes nothing."""
    name = "race"
    keys.root(name)
    store = open_store(redis)
    before = store.workspace(name).configuration()
    assert configure(store, name, change(AGENTS[:2])) == 1
    assert (
        store.workspace(name).configure(
            before, change(AGENTS[5:9]), rules=NewRules(b"other", b"", {}), unassign_on_close=True
        )
        == ""
    )
    assert store.workspace(name).configuration().rules == b""
    assert decided(store, name, 1, 4) == AGENTS[:2] * 2


def test_a_new_pool_carries_a_rotation_on(redis):
    """Agents keep their turns and virtual times in a pool that takes the place of another."""
    name = "carried"
    keys.root(name)
    store = open_store(redis)
    configure(store, name, change(AGENTS[:3]))
    assert decided(store, name, 1, 5) == [*AGENTS[:3], *AGENTS[:2]]
    # Whoever is new, though first in order, stands level with the least, and has waited longest.
    configure(store, name, change([AGENTS[3], *AGENTS[:3]], "l:new", POOL), "l:new")
    assert decided(store, name, 2, 4, "l:new") == [AGENTS[3], AGENTS[2], AGENTS[0], AGENTS[1]]


def test_chunks_are_bounded():
    """No chunk holds more work than some hundred places, however large the change."""
    sizes = [chunk.count('"positions"') for chunk in chunks_of(change(AGENTS))]
    assert sum(sizes) == 1000
    assert max(sizes) <= 120
    assert chunks_of(Change({}, [], [], [])) == []
