"""More calls than can be answered: some are shed, the rest is answered, and probes never wait."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from evenhand.v1 import assignment_service_pb2 as api

from tests.support.builders import ASSIGNED, CREATED, contact, rule
from tests.support.client import Service, Workspace, refused
from tests.support.processes import EvenhandServer, RedisServer


def test_calls_beyond_the_bound_are_shed_and_the_rest_answered() -> None:
    """With one thread and room for five to wait, 40 calls at once are each answered or refused as OVERLOADED."""
    options = ["--threads", "1", "--max-concurrent", "5", "--redis-timeout", "10s"]
    with RedisServer() as redis, EvenhandServer(redis.url, options=options) as server:
        team = Workspace("busy", Service(server.address))
        team.roster("a")
        team.rules(rule("everyone"))

        def create(number: int) -> str:
            try:
                assert team.created(f"c{number}").outcome == ASSIGNED
            except grpc.RpcError as error:
                with refused("RESOURCE_EXHAUSTED") as said:
                    raise error  # noqa: TRY201 - to have it read
                assert said.reason == "OVERLOADED"
                assert said.retry_after_s
                return "refused"
            return "answered"

        redis.pause()
        with ThreadPoolExecutor(40) as pool:
            outcomes = [pool.submit(create, number) for number in range(40)]
            time.sleep(0.5)
            started = time.monotonic()
            assert server.health("liveness") == "SERVING"
            assert time.monotonic() - started < 0.5
            redis.resume()
            came_out = [outcome.result() for outcome in outcomes]
        assert came_out.count("answered") >= 5
        assert came_out.count("refused") >= 5
        assert team.open_counts() == {"a": came_out.count("answered")}


def test_a_deadline_that_cannot_be_met_is_refused_before_any_work() -> None:
    """A call whose time is over when its turn comes changes nothing."""
    options = ["--threads", "1", "--redis-timeout", "10s"]
    with RedisServer() as redis, EvenhandServer(redis.url, options=options) as server:
        service = Service(server.address)
        team = Workspace("late", service)
        team.roster("a")
        team.rules(rule("everyone"))
        request = api.EvaluateContactRequest(workspace_id="late", event_type=CREATED, contact=contact("second"))
        redis.pause()
        with ThreadPoolExecutor(1) as pool:
            first = pool.submit(team.created, "first")
            time.sleep(0.3)
            with pytest.raises(grpc.RpcError) as failed:
                service.assignment.EvaluateContact(request, timeout=0.3)
            assert failed.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
            redis.resume()
            assert first.result().outcome == ASSIGNED
        assert team.contact("second") is None
        assert team.open_counts() == {"a": 1}
