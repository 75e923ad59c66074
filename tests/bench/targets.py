"""The servers that are compared, each a process of its own, and the processor time that they use."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import psutil

from tests.bench.machine import cpu_seconds
from tests.support.client import Service, Workspace
from tests.support.processes import EvenhandServer, RedisServer


@dataclass(frozen=True)
class Cost:
    """What calls cost, in microseconds of processor time a call, and how many there were a second.

    Attributes:
        server: of the server's process.
        redis: of Redis.
        rate: calls a second.
    """

    server: float
    redis: float
    rate: float

    @property
    def both(self) -> float:
        """Of server and Redis."""
        return self.server + self.redis


class HandRolled(EvenhandServer):
    """`servers/hand_rolled.py` in a process of its own."""

    def command(self) -> list[str]:
        """Return the command line."""
        return [sys.executable, "-P", "-m", "tests.bench.servers.hand_rolled", str(self.redis_url)]


class Empty(EvenhandServer):
    """`servers/empty.py` in a process of its own."""

    def command(self) -> list[str]:
        """Return the command line."""
        return [sys.executable, "-P", "-m", "tests.bench.servers.empty"]


class EmptyOnOurs(Empty):
    """The same with the service's own thread pool."""

    def command(self) -> list[str]:
        """Return the command line."""
        return [*super().command(), "ours"]


@dataclass(frozen=True)
class Target:
    """A server to measure.

    Attributes:
        server: its process.
        redis: the Redis that it uses, if any.
        is_ours: whether it has rules, so that the right one has to decide.
    """

    server: EvenhandServer
    redis: RedisServer | None
    is_ours: bool = False

    def workspace(self, workspace_id: str) -> Workspace:
        """Return a workspace of it."""
        return Workspace(workspace_id, Service(self.server.address))


class Meter:
    """Processor time that a server and its Redis use from now until `stop`."""

    def __init__(self, target: Target) -> None:
        pid = target.server.pid
        self._server = [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]
        self._redis = [target.redis.pid] if target.redis else []
        self._used = [-used for used in self._read()]

    def stop(self) -> None:
        """Read the clocks."""
        self._used = [used + now for used, now in zip(self._used, self._read(), strict=True)]

    def cost(self, calls: int, seconds: float) -> Cost:
        """Return what so many calls in so many seconds cost."""
        server, redis = (used * 1e6 / calls for used in self._used)
        return Cost(server, redis, calls / seconds)

    def _read(self) -> tuple[float, float]:
        return sum(map(cpu_seconds, self._server)), sum(map(cpu_seconds, self._redis))
