"""How a roster is kept and changed in parts, on a real Redis, with no server between."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from evenhand.v1 import roster_service_pb2 as pb
from evenhand.v1.rules_pb2 import RuleSet

from service.call import NO_DEADLINE, Call, DeadlineError
from service.decisions.configuration import Configurator
from service.decisions.pages import page_request
from service.decisions.roster_reader import RosterReader
from service.decisions.roster_updates import RosterUpdater
from service.rules import EMPTY, layout_of, writes_between
from service.store import keys
from service.store.roster_chunks import roster_chunks
from service.store.store import RedisStore
from service.store.values import revision_of
from service.store.workspace import RedisWorkspace
from tests.support.builders import roster, rule
from tests.support.stores import open_store, raw

if TYPE_CHECKING:
    from collections.abc import Callable

    from service.redis_client.client import RedisClient
    from service.redis_client.script import Script

RULES = RuleSet(rules=[rule("all")])
IDS = [f"agent-{number}" for number in range(300)]


class KilledError(Exception):
    """The process is no more."""


class _DyingWorkspace(RedisWorkspace):
    dies_at = ""

    def build(self) -> None:
        """Die if it is time, else build."""
        if self.dies_at == "build":
            raise KilledError
        super().build()

    def run(self, script: Script, *arguments: Any, **options: Any) -> Any:
        if script.name == self.dies_at:
            raise KilledError
        return super().run(script, *arguments, **options)


class DyingStore(RedisStore):
    """A store whose process is killed right before the script of this name."""

    dies_at = ""

    def workspace(self, workspace_id: str, deadline: float = NO_DEADLINE) -> RedisWorkspace:
        """Return one workspace."""
        made = super().workspace(workspace_id, deadline)
        made.__class__ = _DyingWorkspace
        made.dies_at = self.dies_at
        return made


def dying(redis: RedisClient, at: str) -> DyingStore:
    """A store whose process is killed there."""
    store = DyingStore(redis, contact_retention_s=3600, replay_retention_s=60)
    store.dies_at = at
    return store


def read(store: RedisStore, name: str) -> tuple[str, pb.Roster]:
    """Return version and roster."""
    version, page = RosterReader(store.workspace(name)).page(page_request(0, "", []), "")
    return version, page.roster


def updates(updater: RosterUpdater, name: str) -> list[Callable[[], Any]]:
    """One update of each kind, of many agents, of half the agents in a team, and in many teams."""
    call = Call(name)
    return [
        lambda: updater.update_agents(
            call, pb.UpdateAgentsRequest(agents=[pb.Agent(id=each, weight=3) for each in IDS])
        ),
        lambda: updater.update_agents(call, pb.UpdateAgentsRequest(agents=[pb.Agent(id="new")])),
        lambda: updater.remove_agents(call, pb.RemoveAgentsRequest(agent_ids=IDS[::2])),
        lambda: updater.update_teams(
            call, pb.UpdateTeamsRequest(teams=roster(x=IDS[::-1], z=["agent-1"]).teams, remove_team_ids=["y"])
        ),
    ]


def start(store: RedisStore, name: str) -> None:
    """Configure 300 agents, all of them in two teams."""
    configurator = Configurator(store)
    configurator.replace_roster(Call(name), roster(*IDS, x=IDS, y=IDS), "", validate_only=False)
    configurator.replace_rules(Call(name), RULES, "", validate_only=False)


@pytest.mark.parametrize("which", range(4))
def test_an_update_that_was_committed_is_complete_for_whoever_comes_next(redis, which):
    """However the process died after the commit, the next one that reads the roster sees all of the update."""
    name = f"committed-{which}"
    start(open_store(redis), name)
    expected = f"expected-{which}"
    start(open_store(redis), expected)
    updates(RosterUpdater(open_store(redis)), expected)[which]()
    with pytest.raises(KilledError):
        updates(RosterUpdater(dying(redis, "build")), name)[which]()
    assert raw(redis, b"LLEN", keys.root(name) + b":plan") > 0
    (version, roster), (other, like) = read(open_store(redis), name), read(open_store(redis), expected)
    assert (revision_of(version), roster) == (revision_of(other), like)
    assert raw(redis, b"EXISTS", keys.root(name) + b":plan") == 0


@pytest.mark.parametrize("which", range(4))
@pytest.mark.parametrize("at", ["stage", "commit"])
def test_an_update_that_was_not_committed_leaves_nothing(redis, which, at):
    """A process that died before the commit has changed nothing, and the next update is as if it had not been."""
    name = f"{at}-{which}"
    store = open_store(redis)
    start(store, name)
    before = read(store, name)
    with pytest.raises(KilledError):
        updates(RosterUpdater(dying(redis, at)), name)[which]()
    assert read(store, name) == before
    updates(RosterUpdater(store), name)[which]()
    assert revision_of(read(store, name)[0]) == revision_of(before[0]) + 1


def test_places_in_teams_are_counted(redis):
    """The count that the limit is held against is that of the teams, whatever was changed in which way."""
    store, name = open_store(redis), "counted"
    start(store, name)
    root = keys.root(name)
    for update in [*updates(RosterUpdater(store), name)]:
        update()
        counted = sum(raw(redis, b"ZCARD", root + b":team:" + team) for team in (b"x", b"y", b"z"))
        assert store.workspace(name).roster().size().places == counted
        Configurator(store).replace_roster(Call(name), roster(*IDS, x=IDS, y=IDS[:7]), "", validate_only=False)
        assert store.workspace(name).roster().size().places == len(IDS) + 7


def test_no_update_goes_on_past_the_deadline(redis):
    """A call whose deadline is over ends, whatever it had got to, and what it did is all or nothing."""
    store, name = open_store(redis), "deadline"
    start(store, name)
    before = read(store, name)
    request = pb.UpdateAgentsRequest(agents=[pb.Agent(id=each, weight=9) for each in IDS])
    with pytest.raises(DeadlineError):
        RosterUpdater(store).update_agents(Call(name, 0.0), request)
    assert read(store, name) == before


def test_chunks_of_a_roster_are_bounded():
    """No chunk writes more than a hundred agents, teams or places, however large the roster."""
    writes = writes_between(layout_of(roster(*IDS, x=IDS)), EMPTY)
    chunks = roster_chunks(writes)
    assert len(chunks) == 3 + 1 + 3
    assert max(chunk.count(b"agent-") for chunk in chunks) <= 3 * 100
    assert roster_chunks(writes_between(layout_of(roster(*IDS, x=IDS)), layout_of(roster(*IDS, x=IDS)))) == []
