"""The least rights of a user of Redis: with those that are documented all works, and each that is missing is seen."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from evenhand.v1 import roster_service_pb2 as roster_api
from typer.testing import CliRunner

from service.cli.commands import app
from service.store import scripts
from strategies import STRATEGIES
from tests.support.builders import ALREADY_ASSIGNED, ASSIGNED, ONLINE, roster, rule
from tests.support.client import Service, Workspace, refused
from tests.support.processes import EvenhandServer, RedisServer, free_port, newest_redis, redis_binaries, wait_until
from tests.support.redis_cluster import RedisCluster
from tests.support.scrape import Scrape
from tests.support.sentinels import NAME, WatchedRedis

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

OPERATIONS = Path(__file__).parents[2] / "deploy" / "operations.md"
LINES = re.findall(r"^ACL SETUSER evenhand (.+?)(?: +# (.+))?$", OPERATIONS.read_text(), re.MULTILINE)
LEAST = LINES[0][0].replace("PASSWORD", "secret").split()
MORE = {why: words.split() for words, why in LINES[1:]}
BY_FUNCTIONS, BY_SCRIPTS, OF_CLUSTER, FOR_AUDIT, TO_SEE = list(MORE.values())[:5]
OF_DURABILITY = {
    durability: words for why, words in MORE.items() for durability in re.findall(r"--durability (\w+)", why)
}
OF_SENTINELS = re.findall(r"A user of Sentinels needs `(\S+)`", OPERATIONS.read_text())[0]
LUA = Path(scripts.__file__).with_name("lua")
UNSEEN = "may not see (INFO, CONFIG GET)"
# What is asked for and not needed: the name that redis-py gives itself, and what the service would like to see.
WANTED_IN_VAIN = {"client", "client|setinfo", "info", "config", "config|get"}


def allow(redis: RedisServer, *rights: str) -> None:
    """Give the user these rights, and no others."""
    with redis.client() as operator:
        operator.execute_command("ACL", "SETUSER", "evenhand", "reset", *LEAST, *rights)


def url_of(redis: RedisServer) -> str:
    """The address of a Redis for that user."""
    where = f"127.0.0.1:{redis.port}/0" if redis.port else str(redis.socket)
    return f"{'redis' if redis.port else 'unix'}://evenhand:secret@{where}"


def use_everything(server: EvenhandServer, redis_url: str) -> None:
    """Decide, report, configure, assign by hand, close, read, count, and audit; the metrics show all of it."""
    service = Service(server.address)
    workspace = Workspace("w", service)
    workspace.roster("ann", "bob")
    workspace.rules(rule("r", online_only=True))
    workspace.presence(ONLINE, "ann", "bob")
    assert {workspace.created(f"c-{at}").agent_id for at in range(4)} == {"ann", "bob"}
    assert workspace.created("c-0").outcome == ALREADY_ASSIGNED
    assert {decision.outcome for decision in workspace.created_in_batch(f"b-{at}" for at in range(5))} == {ASSIGNED}
    workspace.assign("c-0", "bob")
    workspace.unassign("c-1")
    workspace.close("c-2")
    assert workspace.merge("c-3", "c-2").merged
    assert workspace.forget("b-4")
    assert len([one for page in workspace.pages() for one in page]) == 7
    workspace.call("UpdateAgents", roster_api.UpdateAgentsRequest(agents=roster("eve").agents))
    workspace.call("UpdateTeams", roster_api.UpdateTeamsRequest(teams=roster(t=["eve"]).teams))
    workspace.call("RemoveAgents", roster_api.RemoveAgentsRequest(agent_ids=["eve"]))
    assert len(workspace.get_roster().roster.agents) == 2
    assert workspace.get_rules().revision == 1
    assert workspace.owner("c-0") == "bob"
    audit = CliRunner().invoke(app, ["audit", "--workspace", "w", "--repair", "--redis-url", redis_url])
    assert audit.exit_code == 0, audit.output
    wait_until(lambda: "bob" in Scrape(server).labels("assignment_pool_open_contacts", "agent"), "pools are shown", 10)
    service.close()


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    """A Redis of this test."""
    with RedisServer() as started:
        yield started


def serving(redis_url: str, *options: str) -> EvenhandServer:
    """A service that looks at its metrics twice a second."""
    return EvenhandServer(
        redis_url, options=("--metrics-listen", "127.0.0.1:0", "--metrics-interval", "500ms", *options)
    )


@pytest.mark.parametrize("version", sorted(redis_binaries()))
@pytest.mark.parametrize("seeing", [[], TO_SEE], ids=["unseen", "seen"])
def test_the_least_rights_are_enough(version: str, seeing: Sequence[str]) -> None:
    """With the rights that are documented for this Redis all works, and nothing else is ever asked for in vain.

    Where INFO and CONFIG are denied, the log says once what could not be seen.
    """
    by = BY_SCRIPTS if version == "6.2" else BY_FUNCTIONS
    with RedisServer(redis_binaries()[version]) as redis:
        allow(redis, *by, *FOR_AUDIT, *seeing)
        with serving(url_of(redis)) as server, redis.client() as operator:
            assert server.health() == "SERVING"
            use_everything(server, url_of(redis))
            assert {entry["object"].lower() for entry in operator.acl_log()} <= WANTED_IN_VAIN
            assert server.log().count(UNSEEN) == (0 if seeing else 1)
            assert server.log().count("keeps nothing on disk") == (1 if seeing else 0)


@pytest.mark.skipif("8.2" not in redis_binaries(), reason="no Redis 8.2 here")
def test_the_least_rights_are_enough_on_a_cluster() -> None:
    """With the documented rights on each server a cluster is recognized, though INFO is denied, and all works."""
    with RedisCluster(3) as cluster:
        for node in cluster.nodes:
            allow(node, *BY_FUNCTIONS, *OF_CLUSTER, *FOR_AUDIT)
        url = url_of(cluster.nodes[0])
        with serving(url) as server:
            assert server.health("every-workspace") == "SERVING"
            use_everything(server, url)
            others = [Workspace(f"other-{at}", Service(server.address)) for at in range(12)]
            for other in others:
                other.roster("ann")
                other.rules(rule("r"))
                assert other.created("c").outcome == ASSIGNED
            assert server.log().count(UNSEEN) == 3
            assert Scrape(server).value("assignment_redis_masters", finding="unseen") == 3


@pytest.mark.skipif("8.2" not in redis_binaries(), reason="no Redis 8.2 here")
def test_the_least_rights_are_enough_behind_sentinels() -> None:
    """Users of servers and Sentinels with the rights of deploy/operations.md and no others: all works."""
    with WatchedRedis("of-servers", "of-sentinels") as watched:
        for server in watched.servers:
            allow(server, *BY_FUNCTIONS, *FOR_AUDIT)
        for sentinel in watched.sentinels:
            with sentinel.client() as operator:
                operator.execute_command("ACL", "SETUSER", "evenhand", "reset", "on", ">secret", OF_SENTINELS)
        hosts = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in watched.sentinels)
        as_user = "sentinel_username=evenhand&sentinel_password=secret"
        url = f"redis+sentinel://evenhand:secret@{hosts}/{NAME}/0?{as_user}"
        with serving(url) as server:
            assert server.health() == "SERVING"
            use_everything(server, url)


@pytest.mark.parametrize("durability", sorted(OF_DURABILITY))
def test_the_least_rights_are_enough_for_durable_changes(durability: str) -> None:
    """With its own right each durability works; without it nothing is ready, and the log names the right.

    A right that is taken away, too, is noticed, and all is well when it is given.
    """
    right = OF_DURABILITY[durability]
    with (
        RedisServer(port=free_port(), persistent=True, options=("--appendfsync", "always")) as redis,
        RedisServer(port=free_port()) as replica,
    ):
        with replica.client() as operator:
            operator.replicaof("127.0.0.1", redis.port)
            wait_until(lambda: operator.info("replication")["master_link_status"] == "up", "the replica follows")
        allow(redis, *BY_FUNCTIONS, *FOR_AUDIT)
        with serving(url_of(redis), "--durability", durability) as server, redis.client() as operator:
            assert server.health() == "NOT_SERVING"
            assert f"and the right to {right[0][1:].upper()}: " in server.log()
            assert "has no permissions to run" in server.log()
            allow(redis, *BY_FUNCTIONS, *FOR_AUDIT, *right)
            wait_until(lambda: server.health() == "SERVING", "it is ready", 5)
            operator.execute_command("ACL", "LOG", "RESET")
            use_everything(server, url_of(redis))
            assert {entry["object"].lower() for entry in operator.acl_log()} <= WANTED_IN_VAIN
            allow(redis, *BY_FUNCTIONS, *FOR_AUDIT)
            workspace = Workspace("w", Service(server.address))
            with refused("UNAVAILABLE"):
                workspace.created("late")
            wait_until(lambda: server.health() == "NOT_SERVING", "it is not ready", 5)
            allow(redis, *BY_FUNCTIONS, *FOR_AUDIT, *right)
            wait_until(lambda: server.health() == "SERVING", "it is ready again", 5)
            assert workspace.created("late").outcome == ASSIGNED


@pytest.mark.parametrize("version", sorted(redis_binaries()))
def test_a_missing_right_to_run_scripts_is_seen(version: str) -> None:
    """A user who may write and not run scripts: not ready, and it stays so; calls are UNAVAILABLE, never INTERNAL.

    Once the right is given the service is ready by itself.
    """
    with RedisServer(redis_binaries()[version]) as redis:
        allow(redis)
        with serving(url_of(redis)) as server:
            workspace = Workspace("w", Service(server.address))
            for _ in range(20):
                with refused("UNAVAILABLE") as said:
                    workspace.created("c")
                assert said.reason == "REDIS_UNAVAILABLE"
                assert server.health() == "NOT_SERVING"
            assert "may not run what calls need" in server.log()
            assert "redis is up" not in server.log().partition("redis denies")[2], "it does not come and go"
            allow(redis, *BY_SCRIPTS)
            wait_until(lambda: server.health() == "SERVING", "it is ready", 5)
            workspace.roster("ann")
            workspace.rules(rule("r"))
            assert workspace.created("c").outcome == ASSIGNED


@pytest.mark.parametrize("version", sorted(redis_binaries()))
def test_a_missing_command_within_scripts_is_named(version: str) -> None:
    """Without one of the scripts' commands: not ready, as log and metrics say; calls that need it are UNAVAILABLE."""
    by = BY_SCRIPTS if version == "6.2" else BY_FUNCTIONS
    with RedisServer(redis_binaries()[version]) as redis:
        allow(redis, *by, "-hmget")
        with serving(url_of(redis)) as server:
            assert server.health() == "NOT_SERVING"
            assert "not ready until it may: HMGET\n" in server.log()
            assert Scrape(server).value("assignment_redis_masters", finding="denying") == 1
            with refused("UNAVAILABLE") as said:
                Workspace("w", Service(server.address)).created("c")
            assert said.reason == "REDIS_UNAVAILABLE"
            assert server.health("liveness") == "SERVING"


def test_a_right_that_is_taken_away_is_noticed(redis: RedisServer) -> None:
    """A call that fails for want of a right has the service look: soon it is not ready, and ready when all is well."""
    allow(redis, *BY_FUNCTIONS)
    with serving(url_of(redis)) as server:
        workspace = Workspace("w", Service(server.address))
        workspace.roster("ann")
        assert server.health() == "SERVING"
        allow(redis, *BY_FUNCTIONS, "-hmget")
        with refused("UNAVAILABLE"):
            workspace.rules(rule("r"))
        wait_until(lambda: server.health() == "NOT_SERVING", "it is not ready", 3)
        allow(redis, *BY_FUNCTIONS)
        wait_until(lambda: server.health() == "SERVING", "it is ready again", 5)
        workspace.rules(rule("r"))
        assert workspace.created("c").outcome == ASSIGNED


def test_commands_that_go_to_redis_say_what_it_refuses(redis: RedisServer) -> None:
    """A wrong password, and a right that is missing, are called that, and not a Redis that does not answer."""
    allow(redis, *BY_FUNCTIONS)
    url = url_of(redis)
    cases = {
        ("audit", url.replace("secret", "wrong")): "Redis does not take the user or the password of its URL: ",
        ("accept-loss", url.replace("secret", "wrong")): "Redis does not take the user or the password of its URL: ",
        ("audit", url): "Redis denies its user what this needs: ",  # which is to scan
    }
    for (command, at), said in cases.items():
        ended = CliRunner().invoke(app, [command, "--workspace", "w", "--redis-url", at])
        assert ended.exit_code == 3
        last = ended.stderr.splitlines()[-1]
        assert last.startswith(f"evenhand: {said}"), last
        assert "wrong@" not in ended.output


def test_the_rights_are_those_of_the_scripts() -> None:
    """What the rights allow, and what is looked for, are the commands that some script runs: no more, no fewer."""
    texts = [path.read_text() for path in LUA.rglob("*.lua") if path.name != "rights.lua"]
    texts += [strategy.lua.read_text() for strategy in STRATEGIES.values()]
    run = {name for text in texts for name in re.findall(r"call\('(\w+)'", text)}
    looked_for = set(re.findall(r"^  \{'(\w+)'", (LUA / "rights.lua").read_text(), re.MULTILINE))
    assert looked_for == run
    assert {word[1:].upper() for word in LEAST if word.startswith("+")} == run | {"PING"}


def test_the_readme_is_about_this_machine(redis: RedisServer) -> None:
    """Every line of rights in deploy/operations.md is one that the newest Redis takes."""
    assert redis.binary == newest_redis()
    for rights in MORE.values():
        allow(redis, *rights)
