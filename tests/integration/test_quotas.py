"""A workspace that asks for more than its quota is refused; its neighbors are not."""

from __future__ import annotations

import time

import grpc
import pytest
from evenhand.v1 import assignment_service_pb2 as api

from tests.support.builders import rule
from tests.support.client import Service, Workspace, refused
from tests.support.processes import EvenhandServer, RedisServer
from tests.support.scrape import Scrape

EVALUATE = "/evenhand.v1.AssignmentService/EvaluateContact"


def refusals(team: Workspace, calls: int) -> int:
    """Make so many calls at once; return how many were refused for the quota."""
    count = 0
    for number in range(calls):
        try:
            assert team.created(f"c{number}").agent_id == "a"
        except grpc.RpcError as error:
            with refused("RESOURCE_EXHAUSTED") as said:
                raise error  # noqa: TRY201 - to have it read
            assert said.reason == "QUOTA_EXCEEDED"
            assert said.retry_after_s == 1
            count += 1
    return count


def test_a_workspace_beyond_its_quota_is_refused_and_its_neighbor_is_not() -> None:
    """With 20 a second, 60 calls at once are refused in part and counted; a batch is paid for by its contacts."""
    options = ("--workspace-quota", "20", "--metrics-listen", "127.0.0.1:0")
    with RedisServer() as redis, EvenhandServer(redis.url, options=options) as server:
        service = Service(server.address)
        loud, quiet = Workspace("loud", service), Workspace("quiet", service)
        for team in (loud, quiet):
            team.roster("a")
            team.rules(rule("everyone"))
        count = refusals(loud, 60)
        assert 0 < count <= 45
        assert Scrape(server).value("assignment_quota_refusals_total") == count
        assert refusals(quiet, 10) == 0
        time.sleep(1.5)
        assert len(quiet.created_in_batch(f"batch-{number}" for number in range(100))) == 100
        assert refusals(quiet, 1) == 1


def test_nobody_is_let_in_at_the_cost_of_another_workspace() -> None:
    """A request that names one workspace first and another one later is refused as damaged, and decides nothing."""
    with RedisServer() as redis, EvenhandServer(redis.url) as server:
        team = Workspace("own", Service(server.address))
        team.roster("a")
        team.rules(rule("everyone"))
        victim = api.EvaluateContactRequest(workspace_id="victim").SerializeToString()
        own = api.EvaluateContactRequest(workspace_id="own", event_type=1, contact={"id": "c"})
        call = server.channel().unary_unary(EVALUATE)
        with pytest.raises(grpc.RpcError) as failed:
            call(victim + own.SerializeToString(), timeout=5)
        assert failed.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert team.contact("c") is None
        fields_first = api.EvaluateContactRequest(event_type=1, contact={"id": "c"}).SerializeToString()
        call(fields_first + api.EvaluateContactRequest(workspace_id="own").SerializeToString(), timeout=5)
        assert team.contact("c") is not None
