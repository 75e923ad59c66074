"""Redis unavailable: calls fail at once and say when to try again; all is well by itself when Redis is back."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from evenhand.v1 import assignment_service_pb2 as api
from evenhand.v1 import roster_service_pb2 as roster_api
from evenhand.v1 import rules_pb2

from tests.support import wants
from tests.support.builders import ASSIGNED, CREATED, NO_RULE_MATCHED, ONLINE, agents, contact, roster, rule
from tests.support.client import Service, Workspace, refused
from tests.support.processes import EvenhandServer, RedisServer, redis_binaries, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REDIS_TIMEOUT_S = 1.0
REQUESTS: dict[str, Any] = {
    "EvaluateContact": api.EvaluateContactRequest(event_type=CREATED, contact=contact("c")),
    "BatchEvaluateContacts": api.BatchEvaluateContactsRequest(
        requests=[api.EvaluateContactRequest(event_type=CREATED, contact=contact("c"))]
    ),
    "ConfigureRules": api.ConfigureRulesRequest(rule_set=rules_pb2.RuleSet(rules=[rule("r", to=agents("a"))])),
    "GetRules": api.GetRulesRequest(),
    "GetContact": api.GetContactRequest(contact_id="c"),
    "AssignContact": api.AssignContactRequest(contact_id="c", agent_id="a"),
    "UnassignContact": api.UnassignContactRequest(contact_id="c"),
    "CloseContact": api.CloseContactRequest(contact_id="c"),
    "MergeContacts": api.MergeContactsRequest(from_contact_id="b", into_contact_id="c"),
    "ForgetContact": api.ForgetContactRequest(contact_id="c"),
    "ListContacts": api.ListContactsRequest(),
    "ConfigureRoster": roster_api.ConfigureRosterRequest(roster=roster("a")),
    "UpdateAgents": roster_api.UpdateAgentsRequest(agents=roster("a").agents),
    "RemoveAgents": roster_api.RemoveAgentsRequest(agent_ids=["b"]),
    "UpdateTeams": roster_api.UpdateTeamsRequest(teams=roster(t=["a"]).teams),
    "GetRoster": roster_api.GetRosterRequest(),
    "SetPresence": roster_api.SetPresenceRequest(
        presences=[roster_api.AgentPresence(agent_id="a", presence=ONLINE)],
    ),
}


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    """A Redis that keeps its data when it is killed, as one in production does; its scripts it forgets."""
    with RedisServer(persistent=True, options=["--appendfsync", "always"]) as started:
        yield started


@pytest.fixture
def server(redis: RedisServer) -> Iterator[EvenhandServer]:
    """A service on that Redis."""
    with EvenhandServer(redis.url, options=["--redis-timeout", f"{REDIS_TIMEOUT_S}s"]) as started:
        yield started


@pytest.fixture
def team(server: EvenhandServer) -> Iterator[Workspace]:
    """Agents a and b, who take everyone in turn; contact c1 is a's."""
    service = Service(server.address)
    workspace = Workspace("team", service)
    workspace.roster("a", "b")
    workspace.rules(rule("everyone"))
    assert workspace.created("c1").agent_id == "a"
    yield workspace
    service.close()


def is_back(server: EvenhandServer, team: Workspace) -> None:
    """Wait until the service is ready again, and check that it goes on where it stopped."""
    wait_until(lambda: server.health() == "SERVING", "it is ready again", 10)
    decision = team.created("next")
    assert (decision.outcome, decision.agent_id) == (ASSIGNED, "b")
    assert team.owner("c1") == "a"


def seconds_of(call: Callable[[], object]) -> float:
    """Return how long the call takes to be refused as it must be while Redis is unavailable."""
    started = time.monotonic()
    with refused("UNAVAILABLE") as said:
        call()
    assert said.reason == "REDIS_UNAVAILABLE"
    assert said.retry_after_s
    assert said.retry_after_s > 0
    return time.monotonic() - started


def test_every_call_fails_at_once(server: EvenhandServer, redis: RedisServer, team: Workspace) -> None:
    """While Redis is down, each method of both services is refused within half a second, and says when to retry."""
    redis.kill()
    for method, request in REQUESTS.items():
        assert seconds_of(lambda name=method, sent=request: team.call(name, sent)) < 0.5, method
    redis.start()
    is_back(server, team)


def test_readiness_follows_redis_and_liveness_does_not(server: EvenhandServer, redis: RedisServer) -> None:
    """No call needs to fail for health to notice; and nobody restarts a process that only waits for Redis."""
    redis.kill()
    wait_until(lambda: server.health() == "NOT_SERVING", "it noticed by itself", 5)
    assert server.health("evenhand.v1.AssignmentService") == "NOT_SERVING"
    assert server.health("liveness") == "SERVING"
    redis.start()
    wait_until(lambda: server.health() == "SERVING", "it is ready again by itself", 5)
    assert server.process.poll() is None


def test_a_redis_that_hangs(server: EvenhandServer, redis: RedisServer, team: Workspace) -> None:
    """Where Redis takes calls but never answers, the first call waits for its time-out and later ones for nothing."""
    redis.pause()
    assert seconds_of(lambda: team.created("waits")) < REDIS_TIMEOUT_S + 0.5
    assert seconds_of(lambda: team.created("does not")) < 0.2
    assert server.health() == "NOT_SERVING"
    redis.resume()
    wait_until(lambda: server.health() == "SERVING", "it is ready again", 10)
    assert team.owner("c1") == "a"


def test_as_long_as_redis_hangs_no_call_waits_for_it_again(redis: RedisServer, team: Workspace) -> None:
    """However often the service looks whether Redis is back, calls do not wait along; not for seconds on end."""
    redis.pause()
    seconds_of(lambda: team.created("waits"))
    end = time.monotonic() + 3.5 * REDIS_TIMEOUT_S
    while time.monotonic() < end:
        assert seconds_of(lambda: team.created("does not")) < 0.3
    redis.resume()


def test_callers_with_short_deadlines_learn_that_redis_hangs(server: EvenhandServer, redis: RedisServer) -> None:
    """Where every deadline is shorter than the time-out for Redis, calls are refused at once after a few seconds."""
    service = Service(server.address)
    redis.pause()
    end = time.monotonic() + 3 * REDIS_TIMEOUT_S
    with ThreadPoolExecutor(4) as pool:

        def ask(number: int) -> float:
            started = time.monotonic()
            request = api.GetContactRequest(workspace_id="team", contact_id=f"c{number}")
            with pytest.raises(grpc.RpcError):
                service.assignment.GetContact(request, timeout=0.3)
            return time.monotonic() - started

        while time.monotonic() < end:
            list(pool.map(ask, range(8)))
        assert max(pool.map(ask, range(40))) < 0.1
    redis.resume()
    service.close()


def test_no_call_outlives_its_deadline(server: EvenhandServer, redis: RedisServer) -> None:
    """A deadline shorter than the time-out for Redis holds: the caller hears something by then."""
    service = Service(server.address)
    request = api.GetContactRequest(workspace_id="w", contact_id="c")
    with pytest.raises(grpc.RpcError):
        service.assignment.GetContact(request, timeout=5)  # opens the connection
    redis.pause()
    started = time.monotonic()
    with pytest.raises(grpc.RpcError) as failed:
        service.assignment.GetContact(request, timeout=0.3)
    assert time.monotonic() - started < 0.5
    assert failed.value.code() in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}
    redis.resume()
    service.close()


def test_many_calls_at_once_do_not_queue_up(server: EvenhandServer, redis: RedisServer, team: Workspace) -> None:
    """Far more callers than threads, while Redis hangs, are all answered in about one time-out."""
    redis.pause()
    started = time.monotonic()
    with ThreadPoolExecutor(100) as pool:
        list(pool.map(lambda number: seconds_of(lambda: team.created(f"m{number}")), range(100)))
    assert time.monotonic() - started < 2 * REDIS_TIMEOUT_S + 1
    redis.resume()
    wait_until(lambda: server.health() == "SERVING", "it is ready again", 10)


def test_scripts_that_redis_forgot(team: Workspace, redis: RedisServer) -> None:
    """A Redis without our scripts (flushed, restarted, failed over) is given them again, and no call fails for it."""
    for number in range(2, 6):
        with redis.client() as client:
            client.script_flush()
        assert team.created(f"c{number}").outcome == ASSIGNED
        with redis.client() as client:
            client.script_flush()
        assert team.get_rules().revision == 1
    assert team.open_counts() == {"a": 3, "b": 2}


def test_a_redis_that_lost_everything(server: EvenhandServer, redis: RedisServer, team: Workspace) -> None:
    """Where Redis comes back empty, old rules are not remembered either; configured anew, all works."""
    with redis.client() as client:
        client.flushall()
        client.script_flush()
    with refused("UNAVAILABLE") as said:
        team.created("c1")
    assert said.reason == "STATE_LOST"
    team.roster("z")
    assert team.rules(rule("everyone")).revision == 1
    assert team.created("c1").agent_id == "z"
    assert server.health() == "SERVING"


def test_connections_that_redis_closed(team: Workspace, redis: RedisServer) -> None:
    """Connections that Redis or a proxy closes are opened again, and no evaluation fails for it."""
    for number in range(2, 8):
        with redis.client() as client:
            client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        assert team.created(f"c{number}").outcome == ASSIGNED
    assert team.open_counts() == {"a": 4, "b": 3}


def test_an_answer_that_was_lost_is_given_again(server: EvenhandServer, redis: RedisServer, team: Workspace) -> None:
    """Who asks again with the same request_id gets one decision, whether or not the first attempt came through."""
    redis.pause()
    seconds_of(lambda: team.created("c2", request_id="r"))
    redis.resume()
    wait_until(lambda: server.health() == "SERVING", "it is ready again", 10)
    first, second = (team.created("c2", request_id="r") for _ in range(2))
    assert first.agent_id == second.agent_id == "b"
    assert (first.sequence, second.replayed) == (second.sequence, True)
    assert team.open_counts() == {"a": 1, "b": 1}


@pytest.mark.parametrize(
    ("break_it", "mend_it"),
    [
        (("CONFIG", "SET", "maxmemory", "1"), ("CONFIG", "SET", "maxmemory", "0")),
        (("REPLICAOF", "127.0.0.1", "1"), ("REPLICAOF", "NO", "ONE")),
        (("CONFIG", "SET", "min-replicas-to-write", "1"), ("CONFIG", "SET", "min-replicas-to-write", "0")),
    ],
    ids=["out of memory", "read-only replica", "too few replicas"],
)
def test_a_redis_that_takes_no_writes(
    server: EvenhandServer,
    redis: RedisServer,
    team: Workspace,
    break_it: tuple[str, ...],
    mend_it: tuple[str, ...],
) -> None:
    """A Redis that is full, or has become a replica, is as good as away, also for readiness; nothing is half done."""
    with redis.client() as client:
        client.execute_command(*break_it)
        seconds_of(lambda: team.created("next"))
        seconds_of(lambda: team.assign("c1", "b"))
        time.sleep(2.5)  # while it answers every PING
        assert (server.health(), server.health("liveness")) == ("NOT_SERVING", "SERVING")
        assert server.log().count("redis is unavailable") == 1
        client.execute_command(*mend_it)
    is_back(server, team)


def test_a_service_that_starts_on_a_read_only_redis(redis: RedisServer) -> None:
    """A replica whose URL leads to a Redis that takes no writes is never ready, so that a rollout stops at it."""
    with redis.client() as client:
        client.execute_command("REPLICAOF", "127.0.0.1", "1")
        with EvenhandServer(redis.url) as server:
            assert server.health() == "NOT_SERVING"
            assert "redis is unavailable: You can't write against a read only replica" in server.log()
            client.execute_command("REPLICAOF", "NO", "ONE")
            wait_until(lambda: server.health() == "SERVING", "it is ready", 5)


@pytest.mark.parametrize("version", ["6.2", "7.0"])
def test_an_older_redis_that_became_a_replica(version: str) -> None:
    """Older versions put what a command within a script says into a longer text; it is understood all the same."""
    if version not in redis_binaries():
        pytest.skip(wants.reason(f"no Redis {version} on this machine", wants.REDIS))
    with RedisServer(redis_binaries()[version]) as redis, EvenhandServer(redis.url) as server:
        service = Service(server.address)
        workspace = Workspace("w", service)
        workspace.roster("a")
        with redis.client() as client:
            client.execute_command("REPLICAOF", "127.0.0.1", "1")
        with refused("UNAVAILABLE"):
            workspace.created("c")
        with refused("UNAVAILABLE"):
            workspace.roster("a", "b")
        service.close()


def test_a_redis_that_is_busy_with_somebody_elses_script(
    server: EvenhandServer, redis: RedisServer, team: Workspace
) -> None:
    """A script that never ends, run by somebody else, makes Redis unavailable and nothing worse."""

    def run_for_ever() -> None:
        with redis.client() as client, pytest.raises(Exception, match="killed"):
            client.eval("while true do end", 0)

    with redis.client() as client:
        client.config_set("lua-time-limit", 50)
        endless = threading.Thread(target=run_for_ever)
        endless.start()
        time.sleep(0.3)
        seconds_of(lambda: team.created("while busy"))
        client.script_kill()
        endless.join()
    is_back(server, team)


def test_a_service_that_starts_before_its_redis(redis: RedisServer) -> None:
    """The service starts, is alive but not ready, and becomes ready when Redis appears."""
    redis.stop()
    with EvenhandServer(redis.url) as server:
        assert (server.health(), server.health("liveness")) == ("NOT_SERVING", "SERVING")
        workspace = Workspace("early", Service(server.address))
        assert seconds_of(lambda: workspace.created("c")) < 0.5
        redis.start()
        wait_until(lambda: server.health() == "SERVING", "it is ready", 5)
        assert workspace.created("c").outcome == NO_RULE_MATCHED


def test_a_wrong_password_is_redis_away(redis: RedisServer) -> None:
    """With a password that Redis does not take the service is not ready, and says so in its log; not the password."""
    with redis.client() as client:
        client.config_set("requirepass", "right")
    with EvenhandServer(redis.url.replace("unix://", "unix://:wrong-one@")) as server:
        assert server.health() == "NOT_SERVING"
        seconds_of(lambda: Workspace("w", Service(server.address)).created("c"))
        assert "redis is unavailable" in server.log()
        assert "wrong-one" not in server.log()
