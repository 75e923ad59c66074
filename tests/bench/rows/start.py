"""A restart: from the start of `evenhand serve`, with its own Redis, to the first decision that it answers.

Against the least that any Python service on gRPC needs: `python -c "import grpc"`. The data folder is one that an
earlier run left, with 20 rules and 50 agents in it. The caller runs already, and asks again every millisecond.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING, NamedTuple

import grpc
import psutil
from evenhand.v1 import assignment_service_pb2, assignment_service_pb2_grpc

from tests.bench import traffic
from tests.bench.findings import Finding, median
from tests.bench.machine import cpu_seconds
from tests.support.builders import ASSIGNED, CREATED
from tests.support.client import Service, Workspace
from tests.support.processes import EvenhandServer, free_port

if TYPE_CHECKING:
    from pathlib import Path

    from evenhand.v1 import decision_pb2

    from tests.bench.harness import Bench

_WORKSPACE = "bench"
_ROUNDS = 11
_TIMEOUT_S = 30.0
_POLL_S = 0.001


class Start(NamedTuple):
    """What a start took, in milliseconds: by the clock, and of processors."""

    wall: float
    cpu: float


def measure(bench: Bench) -> list[Finding]:
    """Return the line, and one for processor time, of which nothing is asked."""
    data = bench.folder / "data"
    with EvenhandServer(data_dir=data) as server:
        service = Service(server.address)
        traffic.configure(Workspace(_WORKSPACE, service))
        service.close()
    _restart(data, "warm-up")
    numbers = iter(range(1000))
    samples, ratios = bench.rounds(
        {"ours": lambda: _restart(data, f"start-{next(numbers)}"), "python": _import_grpc},
        {
            "wall": lambda latest: latest["ours"].wall / latest["python"].wall,
            "cpu": lambda latest: latest["ours"].cpu / latest["python"].cpu,
        },
        most=_ROUNDS,
        fewest=7,
    )
    return [
        Finding(
            f"`evenhand serve` with its own Redis to the first decision: {what}",
            f"{median(samples['ours'], lambda start: start[at]):.0f} ms",  # noqa: B023 - called at once
            f'python -c "import grpc": {median(samples["python"], lambda start: start[at]):.0f} ms',  # noqa: B023
            ratios[name],
            4 if name == "wall" else None,
            at_least=False,
            note=note,
            details={key: [start._asdict() for start in seen] for key, seen in samples.items()},
        )
        for at, (name, what, note) in enumerate(
            (("wall", "time", "a restart, with 20 rules and 50 agents"), ("cpu", "CPU", "Redis included"))
        )
    ]


def _restart(data: Path, contact_id: str) -> Start:
    port = free_port()
    server = EvenhandServer(data_dir=data, listen=f"127.0.0.1:{port}")
    request = assignment_service_pb2.EvaluateContactRequest(
        workspace_id=_WORKSPACE, event_type=CREATED, contact=traffic.contact()
    )
    request.contact.id = contact_id
    started = time.perf_counter()
    with (data.parent / "start.log").open("w") as log:
        process = subprocess.Popen(server.command(), stdout=log, stderr=log)
    try:
        decision = _first_decision(port, request)
        wall = time.perf_counter() - started
        everybody = [process.pid, *(child.pid for child in psutil.Process(process.pid).children(recursive=True))]
        cpu = sum(map(cpu_seconds, everybody))
    finally:
        process.terminate()
        process.wait(_TIMEOUT_S)
        server.close()
    assert decision is not None, f"evenhand decides nothing; it said: {(data.parent / 'start.log').read_text()}"
    assert decision.outcome == ASSIGNED, decision
    return Start(wall * 1000, cpu * 1000)


def _first_decision(port: int, request: assignment_service_pb2.EvaluateContactRequest) -> decision_pb2.Decision | None:
    """Ask for a decision until there is one; None: there was none for too long."""
    end = time.monotonic() + _TIMEOUT_S
    while time.monotonic() < end:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            break
        time.sleep(_POLL_S)
    options = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_http_proxy", 0)]
    with grpc.insecure_channel(f"127.0.0.1:{port}", options) as channel:
        call = assignment_service_pb2_grpc.AssignmentServiceStub(channel).EvaluateContact
        while time.monotonic() < end:
            with contextlib.suppress(grpc.RpcError):  # Redis may be unavailable yet
                return call(request, timeout=_TIMEOUT_S, wait_for_ready=True).decision
            time.sleep(_POLL_S)
    return None


def _import_grpc() -> Start:
    started = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-c", "import grpc"])
    _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return Start(wall * 1000, (used.ru_utime + used.ru_stime) * 1000)
