"""What Prometheus is told, by services that it could scrape."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
from evenhand.v1 import roster_service_pb2

from service.telemetry.catalogue import CATALOGUE, OTHER
from tests.support import builders as b
from tests.support.client import Service, Workspace
from tests.support.processes import EvenhandServer, RedisServer, wait_until
from tests.support.scrape import Scrape

AGENTS = ("ann", "ben", "eve")
SUFFIXES = {"counter": "_total", "gauge": "", "histogram": ""}
EVALUATE = {"grpc_type": "unary", "grpc_service": "evenhand.v1.AssignmentService", "grpc_method": "EvaluateContact"}


@pytest.fixture(scope="module")
def redis():
    """One Redis for all services here."""
    with RedisServer() as started:
        yield started


def served(redis_url, *options, workers=1):
    """A service that shows its metrics, and looks at fairness five times a second."""
    return EvenhandServer(
        redis_url, options=("--metrics-listen", "127.0.0.1:0", "--metrics-interval", "200ms", *options), workers=workers
    )


def configured(server, workspace_id, *, strategy=b.ROUND_ROBIN):
    """A workspace of three agents in one team, which gets every new WhatsApp contact."""
    workspace = Workspace(workspace_id, Service(server.address))
    workspace.roster(*AGENTS, sales=AGENTS)
    workspace.rules(b.rule("dm", on=b.ON_NEW_WHATSAPP, to=b.team("sales"), strategy=strategy))
    return workspace


def pool_is_shown(server, workspace_id, assigned):
    """Wait for a sample in which so many contacts were assigned."""
    labels = {"workspace": workspace_id, "pool": "team:sales"}
    wait_until(
        lambda: Scrape(server).total("assignment_pool_assigned_total", **labels) == assigned,
        f"{assigned} contacts assigned in the metrics",
    )
    return Scrape(server)


def test_the_catalogue_is_what_a_scrape_returns(redis):
    """Each metric of the catalogue is exposed with its kind, labels and meaning, and nothing of ours besides."""
    with served(redis.url, "--max-concurrent", "1") as server:
        workspace = configured(server, "catalogued")
        for number in range(6):
            workspace.created(f"c{number}")
        seen = pool_is_shown(server, "catalogued", 6).families
    ours = {
        f"{name}{SUFFIXES.get(family.type, '')}": family
        for name, family in seen.items()
        if not name.startswith(("python_", "process_"))
    }
    assert ours.keys() == CATALOGUE.keys()
    for name, (kind, labels, meaning) in CATALOGUE.items():
        family = ours[name]
        assert family.type == kind
        assert meaning in family.documentation
        assert {frozenset(sample.labels) - {"le"} for sample in family.samples} == {frozenset(labels)}, name


def test_decisions_are_counted_by_why_they_came_out(redis):
    """Each decision counts once: by workspace, outcome, strategy, and whether a rule, an owner or a replay made it."""
    with served(redis.url) as server:
        Workspace("first", Service(server.address)).created("one")  # a Redis that does not know a script is asked twice
        before = Scrape(server)
        workspace = configured(server, "counted")
        for _ in range(2):
            workspace.created("one", request_id="r-one")
        workspace.created("one")
        workspace.created("two")
        workspace.evaluate(b.CREATED, b.contact("three", source="upload"))
        found = Scrape(server)

    def decisions(outcome, strategy, reason):
        labels = {"workspace": "counted", "outcome": outcome, "strategy": strategy, "reason": reason}
        return found.value("assignment_decisions_total", **labels)

    assert decisions("assigned", "round_robin", "rule") == 2
    assert decisions("assigned", "round_robin", "replay") == 1
    assert decisions("already_assigned", "none", "owner") == 1
    assert decisions("no_rule_matched", "none", "no_rule") == 1
    assert found.total("assignment_decisions_total", workspace="counted") == 5
    assert found.value("assignment_rules_cache_workspaces") == 2

    def counted(name, **labels):
        return found.value(name, **labels) - before.value(name, **labels)

    assert counted("grpc_server_started_total", **EVALUATE) == 5
    assert counted("grpc_server_handled_total", **EVALUATE, grpc_code="OK") == 5
    assert counted("grpc_server_handling_seconds_count", **EVALUATE) == 5
    assert counted("assignment_script_seconds_count", script="decide") == 5


def test_owners_whom_the_roster_does_not_know_are_counted(redis):
    """Each decision that names such an owner counts, replays too, and no other; a workspace without one shows 0."""
    with served(redis.url) as server:
        workspace = configured(server, "strangers")
        for _ in range(2):
            workspace.updated("one", owner="null", request_id="r-one")
        workspace.opened("one")
        workspace.updated("two", owner="ANN")
        workspace.created("three")
        configured(server, "friends").created("one")
        found = Scrape(server)
        log = [line for line in server.log().splitlines() if "nobody of the roster" in line]
    assert found.value("assignment_unknown_owners_total", workspace="strangers") == 3
    assert found.value("assignment_unknown_owners_total", workspace="friends") == 0
    (line,) = log
    assert "WARNING a contact's owner is nobody of the roster workspace=strangers owner=null" in line


def test_workspaces_beyond_the_bound_are_other(redis):
    """However many workspaces call, so many have a label of their own; the others are counted together."""
    with served(redis.url, "--metrics-workspaces", "2") as server:
        for number in range(5):
            Workspace(f"bounded-{number}", Service(server.address)).created("c")
        found = Scrape(server)
    assert found.labels("assignment_decisions_total", "workspace") == {"bounded-0", "bounded-1", OTHER}
    assert found.total("assignment_decisions_total", workspace=OTHER) == 3


@pytest.mark.parametrize("workers", [1, 2])
def test_fairness_comes_from_redis_and_from_one_replica(redis, workers):
    """Of two replicas that both decide one exposes the pools, with what both assigned; when it ends the other does."""
    name = f"shared-{workers}"
    with ExitStack() as stack:
        servers = [stack.enter_context(served(redis.url, workers=workers)) for _ in range(2)]
        workspace = configured(servers[0], name)
        workspace.evaluate(b.CREATED, b.contact("upload", source="upload"))
        wait_until(lambda: any(exposes(server) for server in servers), "one of them exposes pools")
        assert sum(exposes(server) for server in servers) == 1
        (leader,) = (server for server in servers if exposes(server))
        labels = {"workspace": name, "pool": "team:sales"}
        wait_until(
            lambda: Scrape(leader).value("assignment_pool_eligible_agents", **labels) == 3,
            "a sample from before the first contact",
        )
        for number in range(30):
            Workspace(name, Service(servers[number % 2].address)).created(f"c{number}")
        found = pool_is_shown(leader, name, 30)
        for agent in AGENTS:
            assert found.value("assignment_pool_assigned_total", **labels, agent=agent) == 10
            assert found.value("assignment_pool_open_contacts", **labels, agent=agent) == 10
            assert found.value("assignment_pool_agent_weight", **labels, agent=agent) == 1
        assert found.value("assignment_pool_eligible_agents", **labels) == 3
        assert found.value("assignment_pool_online_agents", **labels) == 0
        assert found.value("assignment_pool_share_spread", **labels, strategy="round_robin") == 0
        assert found.value("assignment_pool_jain_index", **labels, strategy="round_robin") == 1
        assert workspace.open_counts() == dict.fromkeys(AGENTS, 10)
        leader.terminate()
        (other,) = (server for server in servers if server is not leader)
        pool_is_shown(other, name, 30)


def test_the_revision_of_the_rules_is_shown_as_they_change(redis):
    """A workspace's revision of the rules is a metric, for dashboards to mark changes of rules by."""
    with served(redis.url) as server:
        workspace = configured(server, "revised")
        for revision in (1, 2):
            wait_until(
                lambda expected=revision: (
                    Scrape(server).value("assignment_rules_revision", workspace="revised") == expected
                ),
                f"revision {revision} in the metrics",
            )
            workspace.rules(b.rule("other", on=b.ON_CREATED, to=b.team("sales")))


def exposes(server):
    """Whether this replica is the one that shows pools."""
    return Scrape(server).value("assignment_collector_up") == 1


def test_pools_and_agents_beyond_the_bound_are_other(redis):
    """However many pools and agents there are, so many have labels of their own; the others are added up."""
    with served(redis.url, "--metrics-pools", "1", "--metrics-agents", "2") as server:
        workspace = Workspace("many", Service(server.address))
        workspace.roster(*AGENTS, sales=AGENTS, support=["ann"])
        workspace.rules(
            b.rule("dm", on=b.ON_NEW_WHATSAPP, to=b.team("sales")),
            b.rule("rest", on=b.ON_CREATED, to=b.team("support")),
        )
        for number in range(6):
            workspace.created(f"c{number}")
        workspace.evaluate(b.CREATED, b.contact("upload", source="upload"))
        found = pool_is_shown(server, "many", 6)
    assigned = "assignment_pool_assigned_total"
    assert found.labels(assigned, "pool") == {"team:sales", OTHER}
    assert found.value(assigned, workspace="many", pool="team:sales", agent=OTHER) == 2
    assert found.value(assigned, workspace="many", pool=OTHER, agent=OTHER) == 1


def test_a_count_never_begins_anew(redis):
    """What an agent was assigned in a pool stays counted when it leaves or comes back, or when the pool is no more."""
    with served(redis.url) as server:
        workspace = configured(server, "lasting")
        for number in range(6):
            workspace.created(f"c{number}")
        counted = pool_is_shown(server, "lasting", 6)

        def got(agent, pool="team:sales"):
            return counted.value("assignment_pool_assigned_total", workspace="lasting", pool=pool, agent=agent)

        workspace.roster("ann", "ben", "eve", sales=["ann", "ben"])
        for number in range(4):
            workspace.created(f"d{number}")
        counted = pool_is_shown(server, "lasting", 10)
        assert [got(one) for one in AGENTS] == [4, 4, 2]
        workspace.roster("ann", "ben", sales=["ann", "ben"])
        workspace.roster(*AGENTS, sales=AGENTS)
        workspace.created_in_batch([f"e{number}" for number in range(3)])
        counted = pool_is_shown(server, "lasting", 13)
        assert [got(one) for one in AGENTS] == [5, 5, 3]
        for listed in (("ann", "ben"), ("ann", "eve")):
            workspace.rules(b.rule("dm", on=b.ON_NEW_WHATSAPP, to=b.agents(*listed)))
            workspace.created_in_batch([f"{listed}{number}" for number in range(2)])
        wait_until(
            lambda: Scrape(server).total("assignment_pool_assigned_total", workspace="lasting") == 17, "all are counted"
        )
        counted = Scrape(server)
        pools = counted.labels("assignment_pool_assigned_total", "pool")
        shown = {tuple(got(one, pool) for one in AGENTS) for pool in pools if pool.startswith("list:")}
        assert shown - {(None, None, None)} == {(1, 1, None), (1, None, 1)}  # others here have lists, too
        assert [got(one) for one in AGENTS] == [5, 5, 3]
        weighted = counted.families["assignment_pool_agent_weight"].samples
        assert {one.labels["agent"] for one in weighted if one.labels["workspace"] == "lasting"} == {"ann", "eve"}


def test_pools_and_agents_have_names(redis):
    """A pool is called after its team, or the rules that name its agents; an agent by its name, or its id."""
    with served(redis.url) as server:
        workspace = Workspace("named", Service(server.address))
        people = roster_service_pb2.Roster(
            agents=[b.agent("a1", name="Ann"), b.agent("b2")],
            teams=[roster_service_pb2.Team(id="s1", name="Sales", agent_ids=["a1"])],
        )
        people.teams.add(id="night", agent_ids=["b2"])
        workspace.call("ConfigureRoster", roster_service_pb2.ConfigureRosterRequest(roster=people))
        rules = [
            b.rule("s", to=b.team("s1")),
            b.rule("n", to=b.team("night")),
            b.rule("vip", name="Very important", to=b.agents("b2", "a1")),
            b.rule("vip2", to=b.agents("b2", "a1")),
            b.rule("rest"),
        ]
        workspace.rules(*rules)

        def names(of="pool"):
            shown = Scrape(server).families[f"assignment_{of}_info"].samples
            return {sample.labels["name"] for sample in shown if sample.labels["workspace"] == "named"}

        wait_until(lambda: names() == {"Sales", "night", "Very important, vip2", "everyone"}, "pools have names")
        assert names("agent") == {"Ann", "b2"}
        people.teams[0].name = "Sellers"
        workspace.call("ConfigureRoster", roster_service_pb2.ConfigureRosterRequest(roster=people))
        workspace.rules(*rules[:2])
        wait_until(lambda: names() == {"Sellers", "night"}, "they follow rules and roster")


def test_a_workspace_is_there_at_0_as_soon_as_it_is_configured(redis):
    """Counters of a workspace are there before it has any contact, and long before the next sample would be taken."""
    with served(redis.url, "--metrics-interval", "20s") as server:
        configured(server, "early")
        assert Scrape(server).total("assignment_decisions_total", workspace="early") == 0
        outcomes = {"assigned", "no_agent_available", "no_rule_matched", "already_assigned"}
        assert Scrape(server).labels("assignment_decisions_total", "outcome") == outcomes
        labels = {"workspace": "early", "pool": "team:sales"}
        for agent in AGENTS:
            wait_until(
                lambda agent=agent: Scrape(server).value("assignment_pool_assigned_total", **labels, agent=agent) == 0,
                f"{agent} has got nothing yet",
                seconds=15,
            )
