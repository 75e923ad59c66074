"""Single keys that are gone from Redis: decisions go on, and the audit names and mends what is wrong."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.builders import ASSIGNED, rule
from tests.support.client import Service, Workspace
from tests.support.processes import EvenhandServer, RedisServer

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = "evenhand:{w}"
CONTACTS = 90


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    """A Redis of this test."""
    with RedisServer() as redis:
        yield redis


@pytest.fixture
def workspace(redis: RedisServer) -> Iterator[Workspace]:
    """A tenant with three agents who have thirty open contacts each."""
    with EvenhandServer(redis.url) as server:
        service = Service(server.address)
        workspace = Workspace("w", service)
        workspace.roster("ann", "bob", "cy", team=["ann", "bob"])
        workspace.rules(rule("r", online_only=True))
        workspace.online("ann", "bob", "cy")
        assert all(workspace.takes(*(f"c-{at}" for at in range(CONTACTS))))
        yield workspace
        service.close()


def audit(redis: RedisServer, *options: str) -> subprocess.CompletedProcess[str]:
    """Run `evenhand audit`."""
    return subprocess.run(
        [sys.executable, "-m", "service.cli", "audit", "-w", "w", "--redis-url", redis.url, *options],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def lose_ann(redis: RedisServer) -> None:
    """Delete the hash of the agent ann."""
    with redis.client() as client:
        number = client.hget(f"{ROOT}:numbers", "ann")
        assert client.delete(f"{ROOT}:agent:{number}") == 1


def test_a_lost_agent_is_left_out_named_and_put_back(redis: RedisServer, workspace: Workspace):
    """Contacts go to the others meanwhile; `--repair` puts the agent back, with the count of her contacts."""
    lose_ann(redis)
    assert set(workspace.takes(*(f"d-{at}" for at in range(20)))) == {"bob", "cy"}
    said = audit(redis)
    assert (said.returncode, said.stderr) == (1, "")
    assert "ann: state lost, 30 in the records\n" in said.stdout
    repaired = audit(redis, "--repair")
    assert (repaired.returncode, repaired.stderr) == (0, "")
    assert "OFFLINE until presence is reported: ann" in repaired.stdout
    assert workspace.open_counts() == {"ann": 30, "bob": 40, "cy": 40}
    assert set(workspace.takes("e-1", "e-2")) == {"bob", "cy"}
    workspace.online("ann")
    assert sorted(workspace.takes(*(f"f-{at}" for at in range(30)))) == ["ann"] * 10 + ["bob"] * 10 + ["cy"] * 10
    assert audit(redis).returncode == 0


def test_a_lost_agent_does_not_stop_the_roster(redis: RedisServer, workspace: Workspace):
    """The roster and the rules can be changed, and contacts of the agent closed; the agent herself can be removed."""
    lose_ann(redis)
    assert workspace.close("c-0") is not None
    workspace.rules(rule("s"))
    workspace.roster("ann", "bob", "cy", "dee", team=["ann", "dee"])
    assert workspace.created("d").outcome == ASSIGNED
    workspace.roster("bob", "cy", "dee")
    assert workspace.created("e").outcome == ASSIGNED
    assert audit(redis, "--repair").returncode == 0
    assert audit(redis).returncode == 0


def test_a_lost_bucket_is_named_and_mended(redis: RedisServer, workspace: Workspace):
    """Contacts whose records are gone are new again; open counts follow the records that are left."""
    with redis.client() as client:
        bucket = next(iter(client.scan_iter(f"{ROOT}:open:*")))
        (lost,) = client.hkeys(bucket)
        assert client.delete(bucket) == 1
    assert audit(redis).returncode == 1
    assert audit(redis, "--repair").returncode == 0
    assert sum(workspace.open_counts().values()) == CONTACTS - 1
    assert workspace.created(lost).outcome == ASSIGNED
    assert audit(redis).returncode == 0
