"""Several replicas of the service on one Redis, and callers that keep them busy."""

from __future__ import annotations

import itertools
import random
import socket
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import grpc
from evenhand.v1.assignment_service_pb2_grpc import AssignmentServiceStub

from deploy.examples.cluster_client import connect, first_message
from tests.support.processes import EvenhandServer, RedisServer, wait_until

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Future

    from evenhand.v1.decision_pb2 import Decision


# The shortest wait before gRPC tries again: the initial backoff of client_service_config.json less a fifth. It does not
# tell its callers how often it tried, so who took less has certainly been asked once.
_FIRST_BACKOFF = 0.04


class Cluster:
    """Replicas of the service that share a Redis, each on a port that it keeps over its restarts.

    Args:
        replicas: How many.
        options: Command-line options of each.
    """

    def __init__(self, replicas: int, options: Sequence[str]) -> None:
        self._open = ExitStack()
        self._ports = lasting_ports(replicas)
        self._options = options

    def __enter__(self) -> Self:
        with self._open:
            self.redis = self._open.enter_context(RedisServer())
            self.replicas = [
                self._open.enter_context(
                    EvenhandServer(self.redis.url, listen=f"127.0.0.1:{port}", options=self._options)
                )
                for port in self._ports
            ]
            self._open = self._open.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    @property
    def target(self) -> str:
        """All replicas, as a gRPC client takes them."""
        return "ipv4:" + ",".join(f"127.0.0.1:{port}" for port in self._ports)

    def bring_back(self, replica: EvenhandServer) -> None:
        """Start a replica that ended, and wait until it is ready, as a rollout does before it goes on."""
        replica.start()
        wait_until(lambda: replica.health() == "SERVING", "the new replica is ready")


def lasting_ports(count: int) -> list[int]:
    """Return free TCP ports that stay free while nobody listens on them.

    Systems give ports from 32768 up to whoever asks for any: other processes, or even our own clients, which connect
    to themselves if they happen to get the very port that they call.
    """
    found: list[int] = []
    for port in random.sample(range(20_000, 32_000), 500):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            found.append(port)
        if len(found) == count:
            return found
    raise AssertionError("no free ports")


@dataclass(frozen=True, slots=True)
class Call:
    """One report of a new contact, as its caller saw it.

    Attributes:
        contact_id: The contact.
        began: When, by `time.monotonic`.
        seconds: How long it took, attempts and all.
        decision: The answer, if there was one.
        error: The code that the caller got instead.
    """

    contact_id: str
    began: float
    seconds: float
    decision: Decision | None
    error: grpc.StatusCode | None


class Callers:
    """Threads that report new contacts at a steady pace until the context ends, each through a channel of its own.

    Args:
        target: Whom to call.
        workspace_id: Whose contacts they are.
        threads: How many.
        pace: Calls a second of each. A thread has one call in flight, so it falls behind while one takes long.
        options: As `connect` takes them.
    """

    def __init__(self, target: str, workspace_id: str, threads: int, pace: float, **options: int | str) -> None:
        self._target = target
        self._workspace_id = workspace_id
        self._pace = pace
        self._options = {"use_local_subchannel_pool": 1, **options}  # or all channels would share their connections
        self._enough = threading.Event()
        self._pool = ThreadPoolExecutor(threads)
        self._threads = threads
        self._running: list[Future[None]] = []
        self.calls: list[Call] = []

    def __enter__(self) -> Self:
        self._running = [self._pool.submit(self._run, number) for number in range(self._threads)]
        return self

    def __exit__(self, *_: object) -> None:
        self._enough.set()
        self._pool.shutdown()
        for thread in self._running:
            thread.result()

    def figures(self) -> str:
        """What came of all calls, in one line."""
        span = max(call.began for call in self.calls) - min(call.began for call in self.calls)
        repeated = sum(call.decision is not None and call.decision.replayed for call in self.calls)
        failed = Counter(call.error.name for call in self.calls if call.error)
        slow = sorted(call.seconds for call in self.calls)
        waited = sum(seconds >= _FIRST_BACKOFF for seconds in slow)
        return (
            f"{len(self.calls)} calls in {span:.1f} s ({len(self.calls) / span:.0f}/s): "
            f"failed: {dict(failed) or 'none'}; {waited} took so long that gRPC may have tried them again, "
            f"{repeated} answered what had been decided when an answer was lost; "
            f"median {slow[len(slow) // 2] * 1000:.1f} ms, longest {slow[-1] * 1000:.0f} ms"
        )

    def _run(self, number: int) -> None:
        with connect(self._target, **self._options) as channel:
            stub = AssignmentServiceStub(channel)
            due = time.monotonic()
            for count in itertools.count():
                if self._enough.wait(max(0.0, due - time.monotonic())):
                    return
                self.calls.append(self._report(stub, f"contact-{number}-{count}"))
                due = max(due + 1 / self._pace, time.monotonic() - 0.1)  # what was missed is not made up for at once

    def _report(self, stub: AssignmentServiceStub, contact_id: str) -> Call:
        began = time.monotonic()
        decision = error = None
        try:
            decision = first_message(stub, self._workspace_id, contact_id)
        except grpc.RpcError as failed:
            error = failed.code()
        return Call(contact_id, began, time.monotonic() - began, decision, error)
