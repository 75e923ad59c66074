"""What is attacked: one Redis that keeps what it acknowledged, three replicas, and a network between each and Redis."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Self

from tests.chaos.faulty_proxy import FaultyProxy
from tests.support.processes import EvenhandServer, RedisServer, free_port

if TYPE_CHECKING:
    import redis

REPLICAS = 3
REDIS_TIMEOUT_S = 1.0


class System:
    """All processes, started inside a `with`, and all of them ended after it.

    Attributes:
        redis: the Redis.
        networks: the network of each replica.
        replicas: the replicas, each on a port that it keeps.
    """

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()
        self.networks: list[FaultyProxy] = []
        self.replicas: list[EvenhandServer] = []

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ehc-")))
            options = ("--appendfsync", "always")
            self.redis = stack.enter_context(RedisServer(None, folder, free_port(), options, persistent=True))
            for _ in range(REPLICAS):
                network = stack.enter_context(FaultyProxy(self.redis.port or 0))
                replica = EvenhandServer(
                    network.url,
                    listen=f"127.0.0.1:{free_port()}",
                    options=["--redis-timeout", f"{REDIS_TIMEOUT_S}s", "--log-level", "warning", "--drain", "3s"],
                )
                self.networks.append(network)
                self.replicas.append(stack.enter_context(replica))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        for network in self.networks:
            network.heal()
        self._stack.close()

    @property
    def addresses(self) -> list[str]:
        """Where the replicas serve."""
        return [each.address for each in self.replicas]

    def admin(self) -> redis.Redis:
        """Return a client of the Redis itself, past the networks; close it after use."""
        return self.redis.client()
