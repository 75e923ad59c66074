"""`--workers`: several processes on one port, under one supervisor."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.support.builders import ASSIGNED, rule
from tests.support.client import Service, Workspace
from tests.support.processes import EvenhandServer, wait_until
from tests.support.scrape import Scrape

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EvenhandServer]:
    """Two workers on the embedded Redis, with metrics."""
    options = ["--metrics-listen", "127.0.0.1:0"]
    with EvenhandServer(workers=2, workdir=tmp_path, options=options, env={"TMPDIR": str(tmp_path)}) as started:
        yield started


def workers(server: EvenhandServer) -> list[psutil.Process]:
    """Return the worker processes."""
    children = psutil.Process(server.pid).children()
    return [child for child in children if child.status() != psutil.STATUS_ZOMBIE and "redis" not in child.name()]


def served_by(server: EvenhandServer) -> set[int]:
    """Return the workers that clients are connected to."""
    return {one.pid for one in workers(server) if any(link.raddr for link in one.net_connections("tcp"))}


def call_from_many(server: EvenhandServer) -> list[str]:
    """Configure three agents, and let 24 clients each report a new contact; return who got them."""
    services = [Service(server.address) for _ in range(24)]
    team = Workspace("w", *services)
    team.roster("a", "b", "c")
    team.rules(rule("everyone"))
    decisions = [team.created(f"c{number}") for number in range(24)]
    assert all(decision.outcome == ASSIGNED for decision in decisions)
    assert len(served_by(server)) == 2
    for service in services:
        service.close()
    return [decision.agent_id for decision in decisions]


def test_workers_share_the_port_and_the_state(server: EvenhandServer) -> None:
    """The kernel deals out connections among the workers, and yet there is one rotation."""
    assert call_from_many(server) == ["a", "b", "c"] * 8


def test_each_worker_keeps_to_a_core_of_its_own(server: EvenhandServer, tmp_path: Path) -> None:
    """With all its threads, where there are enough cores; unless the settings say otherwise."""
    cores = os.sched_getaffinity(0)
    if len(cores) < 2:
        pytest.skip("this machine has one core")

    def of_threads(worker: psutil.Process) -> set[int]:
        return set().union(*(os.sched_getaffinity(thread.id) for thread in worker.threads()))

    first, second = map(of_threads, workers(server))
    assert len(first) == len(second) == 1
    assert not first & second
    with EvenhandServer(workers=2, workdir=tmp_path / "free", options=["--pin-workers", "no"]) as free:
        assert [of_threads(worker) for worker in workers(free)] == [cores, cores]


def test_metrics_are_the_sum_of_all_workers(server: EvenhandServer) -> None:
    """Who reads the metrics sees one service, whichever worker answered."""
    call_from_many(server)
    found = Scrape(server)
    assert found.total("assignment_decisions_total", outcome="assigned", strategy="round_robin", reason="rule") == 24
    assert found.value("assignment_redis_up") == 1


def test_workers_without_a_temporary_folder_are_told_so(tmp_path: Path) -> None:
    """Where several workers cannot share their metrics, the service says in one line what it needs."""
    options = ["--metrics-listen", "127.0.0.1:0"]
    server = EvenhandServer(workers=2, workdir=tmp_path, options=options, env={"PYTHONPATH": str(tmp_path)})
    (tmp_path / "sitecustomize.py").write_text("import tempfile\ntempfile.tempdir = '/nowhere'\n")
    with pytest.raises(AssertionError, match=r"--metrics-listen: with several workers needs a temporary folder"):
        server.start()
    assert "Traceback" not in server.log()


def test_a_worker_that_dies_is_started_again(server: EvenhandServer) -> None:
    """One crash costs the calls in that worker, and no more."""
    first, second = workers(server)
    first.kill()
    # Which of the two has the lower process id is up to the system.
    wait_until(lambda: re.search(r"worker [12] is back", server.log()), "a new worker serves")
    assert second.is_running()
    assert first.pid not in {one.pid for one in workers(server)}
    call_from_many(server)


def test_all_end_together(server: EvenhandServer, tmp_path: Path) -> None:
    """After SIGTERM nothing is left: no worker, no Redis, no file of the metrics."""
    everybody = psutil.Process(server.pid).children(recursive=True)
    assert len(everybody) == 3
    assert server.terminate() == 0
    assert not [one for one in everybody if one.is_running()]
    assert not list(tmp_path.glob("evenhand-metrics-*"))


def test_nobody_outlives_a_supervisor_that_is_killed(server: EvenhandServer) -> None:
    """Workers and Redis end by themselves when the supervisor is gone."""
    everybody = psutil.Process(server.pid).children(recursive=True)
    server.kill()
    wait_until(
        lambda: all(not one.is_running() or one.status() == psutil.STATUS_ZOMBIE for one in everybody), "all ended"
    )
