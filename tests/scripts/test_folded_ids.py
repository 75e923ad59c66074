"""The index of agents by their folded ids, kept, made late and mended, on a real Redis, with no server between."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evenhand.v1 import roster_service_pb2 as pb

from service.call import Call
from service.decisions.configuration import Configurator
from service.decisions.roster_updates import RosterUpdater
from service.store import folded_ids, keys
from service.store.values import NO_CHOICE, NO_VERSION, Case, Decision, Opens
from service.store.workspace import AGENTS_A_RUN, RedisWorkspace
from tests.support.builders import roster
from tests.support.stores import decide, raw

if TYPE_CHECKING:
    import pytest

    from service.redis_client.client import RedisClient
    from service.redis_client.script import Script
    from service.store.store import RedisStore

MARK = b"\x1f"
MANY = [f"Agent-{number}" for number in range(2 * AGENTS_A_RUN + 1)]


def configure(store: RedisStore, name: str, *agents: str) -> None:
    """Replace the roster."""
    Configurator(store).replace_roster(Call(name), roster(*agents), "", validate_only=False)


def owned(store: RedisStore, name: str, *owners: str) -> list[tuple[str, int]]:
    """Whom a decision for each of these owners names, and whether that is nobody of the roster."""
    cases = [Case(f"of {owner}", owner, Opens.NONE, "", NO_CHOICE, "") for owner in owners]
    decisions: list[Decision] = decide(store, name, NO_VERSION, cases)
    return [(each.agent.decode(), each.owner_unknown) for each in decisions]


def index(redis: RedisClient, name: str) -> list[bytes]:
    """The members of the index, but for what says of which roster it is."""
    members = raw(redis, b"ZRANGE", keys.root(name) + b":folded", 0, -1)
    return [each for each in members if not each.startswith(MARK)]


def marks(redis: RedisClient, name: str) -> list[bytes]:
    """What the index says it is of."""
    members = raw(redis, b"ZRANGE", keys.root(name) + b":folded", 0, -1)
    return [each for each in members if each.startswith(MARK)]


def as_an_earlier_version(redis: RedisClient, name: str, indexed: bytes | None = None) -> None:
    """Have the roster be one of a version that keeps no index; there was one of another roster before, or none."""
    folded = keys.root(name) + b":folded"
    if indexed is None:
        raw(redis, b"DEL", folded)
    else:
        raw(redis, b"ZREM", folded, *marks(redis, name))
        raw(redis, b"ZADD", folded, 0, MARK + indexed)


def test_the_index_is_that_of_the_roster_whatever_changes_it(redis: RedisClient, store: RedisStore):
    """Replacing, updating and removing agents keep exactly those in the index whose ids are not folded."""
    name, updater = "kept", RosterUpdater(store)
    configure(store, name, "Ann", "bob", "CY")
    assert index(redis, name) == [b"ann\x1fAnn", b"cy\x1fCY"]
    updater.update_agents(Call(name), pb.UpdateAgentsRequest(agents=[pb.Agent(id="Di"), pb.Agent(id="CY", weight=2)]))
    assert index(redis, name) == [b"ann\x1fAnn", b"cy\x1fCY", b"di\x1fDi"]
    updater.remove_agents(Call(name), pb.RemoveAgentsRequest(agent_ids=["Ann", "bob"]))
    assert index(redis, name) == [b"cy\x1fCY", b"di\x1fDi"]
    configure(store, name, "EVE", "di")
    assert index(redis, name) == [b"eve\x1fEVE"]
    assert owned(store, name, "eve", "DI", "cy") == [("EVE", 0), ("di", 0), ("cy", 1)]
    configure(store, name, "eve")
    assert index(redis, name) == [], "ids that are folded are found by themselves"
    assert marks(redis, name) == [MARK + store.workspace(name).roster().size().version.encode()]


def test_a_roster_of_an_earlier_version_is_indexed_when_it_matters(redis: RedisClient, store: RedisStore):
    """Where an earlier version configured the roster, the first owner whom it does not know has all of it indexed."""
    name = "earlier"
    configure(store, name, *MANY, "bob")
    as_an_earlier_version(redis, name)
    assert owned(store, name, MANY[0], "bob") == [(MANY[0], 0), ("bob", 0)]
    assert index(redis, name) == [], "nobody had to look"
    assert owned(store, name, "bob", MANY[-1].upper(), "nobody") == [("bob", 0), (MANY[-1], 0), ("nobody", 1)]
    assert index(redis, name) == sorted(f"{each.casefold()}\x1f{each}".encode() for each in MANY)
    version = store.workspace(name).roster().size().version
    assert marks(redis, name) == [MARK + version.encode()]


def test_an_earlier_version_beside_this_one(redis: RedisClient, store: RedisStore):
    """Where an earlier version changed a roster that was indexed, who came is found and who left is not."""
    name = "beside"
    configure(store, name, "Ann", "Bob")
    before = store.workspace(name).roster().size().version
    configure(store, name, "Cy", "BOB")
    root = keys.root(name)
    raw(redis, b"ZREM", root + b":folded", b"cy\x1fCy", b"bob\x1fBOB")
    raw(redis, b"ZADD", root + b":folded", 0, b"ann\x1fAnn", 0, b"bob\x1fBob")
    as_an_earlier_version(redis, name, before.encode())
    assert owned(store, name, "cy", "ann", "bob") == [("Cy", 0), ("ann", 1), ("BOB", 0)]
    assert index(redis, name) == [b"bob\x1fBOB", b"cy\x1fCy"], "those who left are dropped when they are met"
    assert marks(redis, name) == [MARK + store.workspace(name).roster().size().version.encode()]


def test_a_later_roster_does_not_hide_that_one_was_not_indexed(redis: RedisClient, store: RedisStore):
    """A change of a roster that an earlier version wrote does not pass for an index of all of it."""
    name = "later"
    configure(store, name, "Ann", "Bob")
    as_an_earlier_version(redis, name)
    RosterUpdater(store).update_agents(Call(name), pb.UpdateAgentsRequest(agents=[pb.Agent(id="Cy")]))
    assert index(redis, name) == [b"cy\x1fCy"]
    assert owned(store, name, "CY", "ANN") == [("Cy", 0), ("Ann", 0)]


def test_a_roster_that_changes_meanwhile_is_indexed_anew(
    redis: RedisClient, store: RedisStore, monkeypatch: pytest.MonkeyPatch
):
    """Who came while the roster was read is found as well."""
    name = "meanwhile"
    configure(store, name, *MANY)
    as_an_earlier_version(redis, name)
    run, changes = RedisWorkspace.run, iter([True])

    def changing(self: RedisWorkspace, script: Script, *words: Any, **options: Any) -> Any:
        if script.name == "fold" and next(changes, False):
            raw(redis, b"DEL", keys.root(name) + b":folded")
            RosterUpdater(store).update_agents(Call(name), pb.UpdateAgentsRequest(agents=[pb.Agent(id="New")]))
            raw(redis, b"ZREM", keys.root(name) + b":folded", b"new\x1fNew")
        return run(self, script, *words, **options)

    monkeypatch.setattr(RedisWorkspace, "run", changing)
    assert owned(store, name, "NEW", MANY[0].upper()) == [("New", 0), (MANY[0], 0)]
    assert next(changes, None) is None


def test_a_refused_run_has_changed_nothing(redis: RedisClient, store: RedisStore, monkeypatch: pytest.MonkeyPatch):
    """Contacts that stand before the one for which the index is missing are decided once, after it was made."""
    name = "refused"
    configure(store, name, "Ann")
    as_an_earlier_version(redis, name)
    made: list[bytes | None] = []
    fold = RedisWorkspace.fold_roster

    def folding(self: RedisWorkspace) -> None:
        made.append(raw(redis, b"HGET", keys.root(name), b"sequence"))
        made.append(raw(redis, b"EXISTS", keys.root(name) + b":settled:of Ann"))
        fold(self)

    monkeypatch.setattr(RedisWorkspace, "fold_roster", folding)
    assert owned(store, name, "Ann", "stranger", "ANN") == [("Ann", 0), ("stranger", 1), ("Ann", 0)]
    assert made == [None, 0]


def test_an_owner_is_named_as_it_is_and_folded():
    """An id that is folded goes as it is, another with the folded one behind it; nobody as nothing."""
    assert [folded_ids.named(each) for each in ("", "ann", "Ann", "ẞ")] == ["", "ann", "Ann\x1fann", "ẞ\x1fss"]
