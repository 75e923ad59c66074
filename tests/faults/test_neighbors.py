"""What one workspace does at the contract's limits, its neighbors on the same Redis do not feel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.builders import rule, tag, team
from tests.support.client import Service, Workspace
from tests.support.processes import EvenhandServer, RedisServer

if TYPE_CHECKING:
    from collections.abc import Iterator

AGENTS = [f"a{number}" for number in range(3000)]
# 30,000 places in all: each agent is in ten teams.
TEAMS = {f"t{number}": AGENTS[number % 3 * 1000 : (number % 3 + 1) * 1000] for number in range(30)}
# A run takes some milliseconds, and a few dozen where the machine is busy; all at once took a second.
LONGEST_RUN_US = 300_000


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    """A Redis that notes every command of 10 ms and more."""
    with RedisServer(options=["--slowlog-log-slower-than", "10000", "--slowlog-max-len", "10000"]) as server:
        yield server


def test_no_run_of_a_script_is_long(redis: RedisServer) -> None:
    """Configuring, reporting and ending leases of 3,000 agents in 30,000 places never holds Redis for long."""
    with EvenhandServer(redis.url) as server:
        service = Service(server.address)
        workspace = Workspace("large", service)
        workspace.roster(*AGENTS, **TEAMS)
        workspace.rules(*(rule(name, to=team(name), when=tag(any_of=[name])) for name in TEAMS))
        workspace.online(*AGENTS)
        workspace.online(*AGENTS[:1000], lease_ms=1)
        assert workspace.created("c", tags=["t7"]).agent_id == "a1000"
        service.close()
    with redis.client() as client:
        slow = [entry["duration"] for entry in client.slowlog_get(10_000) if b"EVAL" in bytes(entry["command"])]
    assert max(slow, default=0) < LONGEST_RUN_US
