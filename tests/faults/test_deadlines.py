"""A call's deadline covers all of it: when it is over, no loop of the call goes on."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import grpc
import pytest
import redis as redis_py
from evenhand.v1 import roster_service_pb2

from tests.support import builders
from tests.support.builders import ASSIGNED, rule
from tests.support.client import Service, Workspace
from tests.support.processes import EvenhandServer, RedisServer

if TYPE_CHECKING:
    from collections.abc import Iterator

AGENTS = [f"agent-{number}" for number in range(10_000)]


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    """A Redis that nobody else asks anything."""
    with RedisServer() as server:
        yield server


def runs(client: redis_py.Redis) -> int:
    """How many scripts have run by now."""
    statistics = client.info("commandstats")
    return sum(statistics.get(f"cmdstat_{name}", {}).get("calls", 0) for name in ("evalsha", "eval", "fcall"))


def configure(service: Service, name: str, timeout: float | None = None) -> float:
    """Put a roster of 10,000, whom five rules look at, in the place of one agent; return the seconds that it took."""
    workspace = Workspace(name, service)
    workspace.roster("first")
    workspace.rules(*(rule(f"r-{limit}", max_open_contacts=limit) for limit in range(1, 6)))
    request = roster_service_pb2.ConfigureRosterRequest(workspace_id=name, roster=builders.roster(*AGENTS))
    began = time.monotonic()
    service.roster.ConfigureRoster(request, timeout=timeout)
    return time.monotonic() - began


@pytest.mark.parametrize("part", [0.1, 0.25])  # a duration may double under load
def test_a_configuration_stops_at_its_callers_deadline(redis: RedisServer, part: float):
    """A roster of 10,000 that cannot be put in place in time is left where it is, and whole for whoever comes next."""
    with EvenhandServer(redis.url) as server, redis_py.Redis.from_url(redis.url) as client:
        service = Service(server.address)
        whole = min(configure(service, f"measured-{at}") for at in range(2))  # the first has more to get ready
        with pytest.raises(grpc.RpcError) as caught:
            configure(service, "w", timeout=part * whole)
        assert caught.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
        time.sleep(0.3)  # what was on its way then has come by now
        before = runs(client)
        time.sleep(0.5)
        assert runs(client) == before, "nobody waits for it, and it goes on"
        decision = Workspace("w", service).created("c-1")
        assert decision.outcome == ASSIGNED
        assert decision.agent_id in {"first", "agent-0"}
        service.close()
