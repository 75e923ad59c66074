"""Rules that are gone from Redis: contacts are refused until somebody configures again or accepts the loss."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from evenhand.v1 import assignment_service_pb2 as api
from evenhand.v1 import roster_service_pb2 as roster_api

from tests.support.builders import ASSIGNED, CREATED, NO_RULE_MATCHED, ONLINE, contact, rule
from tests.support.client import Service, Workspace, refused
from tests.support.processes import EvenhandServer, RedisServer, wait_until
from tests.support.scrape import Scrape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CALLS = 1000
ROOT = "evenhand:{w}"
RESULTS = "assignment_rules_cache_lookups_total"


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    """A Redis of this test, which keeps nothing over a restart."""
    with RedisServer() as redis:
        yield redis


@pytest.fixture
def server(redis: RedisServer) -> Iterator[EvenhandServer]:
    """A replica on it."""
    with EvenhandServer(redis.url, options=("--metrics-listen", "127.0.0.1:0")) as server:
        yield server


@pytest.fixture
def workspace(server: EvenhandServer) -> Iterator[Workspace]:
    """A tenant that has been decided about."""
    service = Service(server.address)
    workspace = Workspace("w", service)
    workspace.roster("ann")
    workspace.rules(rule("r"))
    assert workspace.created("before").outcome == ASSIGNED
    yield workspace
    service.close()


def accept_loss(redis: RedisServer) -> subprocess.CompletedProcess[str]:
    """Run the command of an operator."""
    return subprocess.run(
        [sys.executable, "-m", "service.cli", "accept-loss", "-w", "w", "--redis-url", redis.url],
        capture_output=True, text=True, check=False, timeout=30,
    )  # fmt: skip


def flush(redis: RedisServer) -> None:
    """Lose everything."""
    with redis.client() as client:
        client.flushall()


def restart(redis: RedisServer) -> None:
    """Lose everything, by a restart without persistence."""
    redis.kill()
    redis.start()


def evict_rules(redis: RedisServer) -> None:
    """Lose the rules alone, as an eviction may have it."""
    with redis.client() as client:
        assert client.delete(f"{ROOT}:rules", f"{ROOT}:prepared") == 2
        client.hincrby(ROOT, "revision", 1)  # so that nobody decides by what is cached


@pytest.mark.parametrize("lose", [flush, restart, evict_rules], ids=lambda lose: lose.__name__)
def test_lost_rules_are_no_answer(
    lose: Callable[[RedisServer], None], redis: RedisServer, server: EvenhandServer, workspace: Workspace
):
    """1,000 contacts after a loss are UNAVAILABLE, STATE_LOST, and counted; none is told that no rule matches.

    The log names the workspace once. Other workspaces go on. Rules that are configured again end it.
    """
    before = Scrape(server).value(RESULTS, result="lost")
    lose(redis)
    wait_until(lambda: server.health() == "SERVING", "the replica serves")
    for at in range(CALLS):
        with refused("UNAVAILABLE") as said:
            workspace.created(f"c-{at}")
        assert said.reason == "STATE_LOST"
    with refused("UNAVAILABLE") as said:
        workspace.batch([api.EvaluateContactRequest(event_type=CREATED, contact=contact("c"))])
    assert said.reason == "STATE_LOST"
    assert Scrape(server).value(RESULTS, result="lost") - before == CALLS + 1
    assert server.log().count("the rules of workspace w are lost") == 1
    other = Workspace("other", Service(server.address))
    assert other.created("c").outcome == NO_RULE_MATCHED
    workspace.roster("bob")
    workspace.rules(rule("again"))
    assert workspace.created("after").rule_id == "again"


NOTHING_THERE: dict[str, Any] = {
    "GetRules": api.GetRulesRequest(),
    "GetRoster": roster_api.GetRosterRequest(),
    "GetContact": api.GetContactRequest(contact_id="before"),
    "SetPresence": roster_api.SetPresenceRequest(
        presences=[roster_api.AgentPresence(agent_id="ann", presence=ONLINE)],
    ),
    "AssignContact": api.AssignContactRequest(contact_id="before", agent_id="ann"),
    "UnassignContact": api.UnassignContactRequest(contact_id="before"),
    "CloseContact": api.CloseContactRequest(contact_id="before"),
    "ForgetContact": api.ForgetContactRequest(contact_id="before"),
    "ListContacts": api.ListContactsRequest(),
}


@pytest.mark.parametrize("method", NOTHING_THERE)
def test_nothing_there_is_no_answer_either(
    method: str, redis: RedisServer, server: EvenhandServer, workspace: Workspace
):
    """After a flush a call that would find nothing is UNAVAILABLE, STATE_LOST; it is answered once all is there."""
    flush(redis)
    before = Scrape(server).value(RESULTS, result="lost")
    with refused("UNAVAILABLE") as said:
        workspace.call(method, NOTHING_THERE[method])
    assert said.reason == "STATE_LOST"
    assert Scrape(server).value(RESULTS, result="lost") - before == 1
    workspace.roster("ann")
    workspace.rules(rule("again"))
    assert workspace.created("before").outcome == ASSIGNED
    workspace.call(method, NOTHING_THERE[method])


def test_what_is_there_is_answered(redis: RedisServer, workspace: Workspace):
    """Where the rules alone are gone, contacts are read and closed, and presence is reported; GetRules is refused."""
    evict_rules(redis)
    with refused("UNAVAILABLE") as said:
        workspace.get_rules()
    assert said.reason == "STATE_LOST"
    assert workspace.owner("before") == "ann"
    workspace.presence(ONLINE, "ann")
    assert workspace.close("before").closed
    assert [agent.id for agent in workspace.get_roster().roster.agents] == ["ann"]


def test_a_roster_that_is_there_again_takes_presence(redis: RedisServer, workspace: Workspace):
    """After a flush the roster is configured first: presence is reported before there are rules again."""
    flush(redis)
    workspace.roster("ann")
    workspace.presence(ONLINE, "ann")
    with refused("UNAVAILABLE"):
        workspace.created("c")
    workspace.rules(rule("again", online_only=True))
    assert workspace.created("c").agent_id == "ann"


def test_a_workspace_that_never_had_rules_has_lost_none(server: EvenhandServer):
    """Where nothing was configured, calls say as ever that nothing is there."""
    other = Workspace("other", Service(server.address))
    assert other.created("c").outcome == NO_RULE_MATCHED
    assert other.get_rules().revision == 0
    assert not other.get_roster().roster.agents
    assert not other.close("c").closed
    assert other.contact("unknown") is None


@pytest.mark.parametrize(
    ("lose", "said"), [(flush, "Redis held nothing at all of it"), (evict_rules, "the loss is accepted")]
)
def test_an_operator_accepts_a_loss(
    lose: Callable[[RedisServer], None], said: str, redis: RedisServer, workspace: Workspace
):
    """`evenhand accept-loss` has the workspace be one without rules, once; its rules can be configured as ever.

    Where Redis held nothing at all of it, as of a name that is mistyped, that is what is said.
    """
    lose(redis)
    with refused("UNAVAILABLE"):
        workspace.created("c")
    accepted = accept_loss(redis)
    assert (accepted.returncode, accepted.stderr) == (0, "")
    assert accepted.stdout.startswith(f"Workspace w: {said}. From now on it is a workspace without rules: ")
    assert workspace.created("c").outcome == NO_RULE_MATCHED
    assert accept_loss(redis).returncode == 1
    workspace.roster("bob")
    workspace.rules(rule("again"))
    assert workspace.created("after").agent_id == "bob"
    assert accept_loss(redis).returncode == 1
    assert workspace.created("later").agent_id == "bob"
