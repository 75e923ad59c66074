"""What is told of a workspace that was set back or damaged behind the service's back: metrics, and the log."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.builders import rule, team
from tests.support.client import Service, Workspace, refused
from tests.support.processes import EvenhandServer, RedisServer, wait_until
from tests.support.scrape import Scrape

if TYPE_CHECKING:
    from collections.abc import Iterator

RESULTS = "assignment_rules_cache_lookups_total"
METRICS = ("--metrics-listen", "127.0.0.1:0", "--metrics-interval", "200ms")


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    """A Redis of these tests."""
    with RedisServer() as redis:
        yield redis


@pytest.fixture(scope="module")
def server(redis: RedisServer) -> Iterator[EvenhandServer]:
    """A replica on it, with metrics."""
    with EvenhandServer(redis.url, options=METRICS) as server:
        yield server


def made(server: EvenhandServer, name: str, rule_id: str = "older") -> Workspace:
    """A workspace with one team, and a rule."""
    workspace = Workspace(name, Service(server.address))
    workspace.roster("ann", "bob", sales=["ann", "bob"])
    workspace.rules(rule(rule_id, to=team("sales")))
    return workspace


@pytest.mark.parametrize("configured_again", [False, True], ids=["an older revision", "another of the same revision"])
def test_state_that_is_set_back_is_told_once(redis: RedisServer, server: EvenhandServer, configured_again: bool):
    """Older rules that came back, or others of the revision that was decided by, are counted and logged once."""
    name = f"back-{configured_again}"
    root = f"evenhand:{{{name}}}"
    workspace = made(server, name)
    with redis.client() as client:
        kept = list(client.scan_iter(f"{root}*"))
        assert all(client.copy(key, f"kept-{key}") for key in kept)
        workspace.rules(rule("newer"))
        assert workspace.created("before").rule_id == "newer"
        before = Scrape(server).value(RESULTS, result="set_back")
        client.delete(*client.scan_iter(f"{root}*"))
        for key in kept:
            client.rename(f"kept-{key}", key)
    if configured_again:
        workspace.rules(rule("older"))
    for at in range(10):
        assert workspace.created(f"after-{at}").rule_id == "older"
    assert Scrape(server).value(RESULTS, result="set_back") - before == 1
    assert server.log().count(f"the state of workspace {name} was set back or exchanged") == 1


def test_rules_that_another_replica_configures_are_not_set_back(redis: RedisServer, server: EvenhandServer):
    """A higher revision is what it should be, and so are rules that follow an accepted or mended loss."""
    workspace = made(server, "ahead")
    workspace.created("c")
    before = Scrape(server).value(RESULTS, result="set_back")
    with EvenhandServer(redis.url) as other:
        Workspace("ahead", Service(other.address)).rules(rule("newer"))
    assert workspace.created("d").rule_id == "newer"
    with redis.client() as client:
        client.delete(*client.scan_iter("evenhand:{ahead}*"))
    with refused("UNAVAILABLE"):
        workspace.created("e")
    made(server, "ahead", "again")
    assert workspace.created("f").rule_id == "again"
    assert Scrape(server).value(RESULTS, result="set_back") == before


def test_a_damaged_workspace_costs_its_own_metrics_alone(redis: RedisServer, server: EvenhandServer):
    """Whatever is wrong with one, samples of others stay; it is named in the log once, not at every interval."""
    for name in ("well", "teamless", "old", "rootless"):
        made(server, name).created("c")
    with redis.client() as client:
        client.delete("evenhand:{teamless}:teams", "evenhand:{rootless}")
        client.hdel("evenhand:{old}", "incarnation")
    assert_shown(server, "well", "the others' metrics are shown")
    made(server, "later").created("c")
    assert_shown(server, "later", "new ones are")
    assert Scrape(server).value("assignment_collector_up") == 1
    assert Scrape(server).value("assignment_rules_revision", workspace="teamless") == 1
    wait_until(lambda: "the metrics of workspace old cannot be shown" in server.log(), "it is named")
    made(server, "last").created("c")
    assert_shown(server, "last", "more samples were taken")
    assert server.log().count("the metrics of workspace old cannot be shown") == 1


def assert_shown(server: EvenhandServer, workspace: str, what: str) -> None:
    """The metrics of this workspace are there, in some sample from now on."""
    wait_until(lambda: Scrape(server).value("assignment_rules_revision", workspace=workspace) == 1, what)


def test_a_lost_agent_is_told_of(redis: RedisServer, server: EvenhandServer):
    """Where a decision meets an agent whose hash is lost, the log names the workspace, once."""
    workspace = made(server, "agentless")
    workspace.created("c")
    with redis.client() as client:
        client.delete("evenhand:{agentless}:agent:2")
    assert set(workspace.takes("d", "e", "f")) == {"ann"}
    wait_until(lambda: "agents of workspace agentless have lost their state" in server.log(), "it is named")
    made(server, "very-last").created("c")
    assert_shown(server, "very-last", "more samples were taken")
    assert server.log().count("agents of workspace agentless have lost their state") == 1
