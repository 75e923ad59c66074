"""The right to erasure: after ForgetContact nothing of a contact is left, whatever ids it had."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import redis as redis_py

from tests.support.builders import ALREADY_ASSIGNED, ASSIGNED, NO_RULE_MATCHED, ON_CREATED, agent, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.backends import Backend
    from tests.support.client import Workspace

pytestmark = pytest.mark.every_redis

# As long and as odd as ids may be, and no part of any other text.
OLD, MIDDLE, NEW = "+55 11 8765-4321[*]?", "wa:\\ünïcode✓", "crm/" + "9" * 124
READERS = {
    b"string": lambda client, key: client.get(key),
    b"hash": lambda client, key: client.hgetall(key),
    b"zset": lambda client, key: client.zrange(key, 0, -1),
    b"list": lambda client, key: client.lrange(key, 0, -1),
    b"set": lambda client, key: client.smembers(key),
    b"stream": lambda client, key: client.xrange(key),
    b"none": lambda client, key: client.exists(key),  # it is gone by now
}
KEYS_AT_ONCE = 1000


def texts(value: Any) -> Iterator[bytes]:
    """Every text in a value of Redis."""
    if isinstance(value, bytes):
        yield value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from texts(name)
            yield from texts(inner)
    elif isinstance(value, list | set | tuple):
        for inner in value:
            yield from texts(inner)


def traces(backend: Backend, *ids: str) -> list[bytes]:
    """The keys that hold one of these ids, in their name or in their value, on any server."""
    wanted = [each.encode() for each in ids]
    found = []
    for url in backend.node_urls:
        with redis_py.Redis.from_url(url) as client:
            every = list(client.scan_iter(count=10_000))
            for at in range(0, len(every), KEYS_AT_ONCE):
                some = every[at : at + KEYS_AT_ONCE]
                for key, value in zip(some, values(client, some), strict=True):
                    if any(each in text for each in wanted for text in (key, *texts(value))):
                        found.append(key)
    return found


def values(client: redis_py.Redis, keys: list[bytes]) -> list[Any]:
    """What these keys hold, of whatever type it is."""
    with client.pipeline(transaction=False) as asked:
        for key in keys:
            asked.type(key)
        types = asked.execute()
        for key, kind in zip(keys, types, strict=True):
            READERS[kind](asked, key)
        return asked.execute()


def leave_traces(workspace: Workspace, contact_id: str) -> None:
    """Everything that may be kept of a contact: a record, a reply, replays of some requests."""
    workspace.created(contact_id, request_id="one")
    workspace.updated(contact_id, request_id="two", tags=["vip"])
    workspace.unassign(contact_id)
    workspace.created(contact_id, request_id="three")


@pytest.fixture
def team(workspace: Workspace) -> Workspace:
    """Ann takes new contacts, and says so."""
    workspace.roster("ann")
    workspace.rules(rule("r", on=ON_CREATED, reply="Hello from $agent.name"))
    return workspace


def test_nothing_is_left(backend: Backend, team: Workspace):
    """No key and no value in Redis holds the id: neither of an open contact, nor of a closed one."""
    leave_traces(team, NEW)
    leave_traces(team, OLD)
    team.close(OLD)
    assert len(traces(backend, NEW)) >= 4, "a record, a reply and two replays"
    assert team.forget(NEW)
    assert team.forget(OLD)
    assert traces(backend, NEW, OLD) == []
    assert team.contact(NEW) is None
    assert team.open_counts() == {"ann": 0}


def test_nothing_is_left_of_old_ids(backend: Backend, team: Workspace):
    """Whichever of its ids is named, all of them go, with what was decided under each."""
    for named in (OLD, MIDDLE, NEW):
        for each in (OLD, MIDDLE, NEW):
            leave_traces(team, each)
        team.merge(OLD, MIDDLE)
        team.updated(OLD, request_id="four", tags=["vip"])
        team.merge(MIDDLE, NEW)
        team.updated(OLD, request_id="five", tags=["vip"])
        assert team.open_counts() == {"ann": 1}
        assert team.forget(named)
        assert traces(backend, OLD, MIDDLE, NEW) == []
        assert team.open_counts() == {"ann": 0}


def test_nothing_is_left_of_who_waits_without_an_owner(backend: Backend, workspace: Workspace):
    """Contacts that no rule matched, or that nobody was there for, are forgotten with the notes that count them."""
    workspace.roster(agent("ann", max_open_contacts=1))
    assert workspace.created(OLD).outcome == NO_RULE_MATCHED
    workspace.rules(rule("r"))
    assert workspace.takes("first", NEW) == ["ann", ""]
    assert workspace.forget(OLD)
    assert workspace.forget(NEW)
    assert traces(backend, OLD, NEW) == []


def test_the_others_stay(backend: Backend, team: Workspace):
    """Contacts whose ids begin or end alike, or match it as a pattern, keep all of theirs."""
    near = [OLD + "0", OLD[:-1], "0" + OLD, OLD.replace("[*]", "x"), "*"]
    for each in near:
        leave_traces(team, each)
    before = {each: len(traces(backend, f"{each}\x1f")) for each in near}
    leave_traces(team, OLD)
    team.forget(OLD)
    assert {each: len(traces(backend, f"{each}\x1f")) for each in near} == before
    assert team.open_counts() == {"ann": len(near)}
    assert all(team.created(each, request_id="three").replayed for each in near)


def test_forgetting_what_nobody_knows(team: Workspace):
    """Forgetting is safe to repeat: nothing is known of the id any more, which is no error."""
    team.created("c")
    assert team.forget("c")
    assert not team.forget("c")
    assert not team.forget("never seen")
    assert team.open_counts() == {"ann": 0}


def test_who_comes_back_is_new(team: Workspace):
    """The next event of a forgotten id is one of a new contact, also under a request id or an old id of before."""
    team.created("old", request_id="one")
    team.merge("old", "new")
    team.forget("new")
    again = team.created("old", request_id="one")
    assert (again.outcome, again.replayed, again.contact_id) == (ASSIGNED, False, "old")
    assert team.created("new").outcome == ASSIGNED
    assert team.created("new").outcome == ALREADY_ASSIGNED
    assert team.open_counts() == {"ann": 2}
