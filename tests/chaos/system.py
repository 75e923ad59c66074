"""What is attacked: one Redis that keeps what it acknowledged, three replicas, and a network between each and Redis.

`tests.chaos.pair` is the other system, with a replica of that Redis.
"""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Self

from service.redis_client.durability import Durability
from tests.chaos.faulty_proxy import FaultyProxy
from tests.support.processes import EvenhandServer, RedisServer, free_port

if TYPE_CHECKING:
    import redis

REPLICAS = 3
REDIS_TIMEOUT_S = 1.0


KEEPS = ("--appendfsync", "always")
"""What has a Redis keep what it acknowledged, whenever it ends."""


class System:
    """All processes, started inside a `with`, and all of them ended after it.

    Attributes:
        NAME: what it is called where seeds are told.
        CLIENTS: how many callers it is given.
        DURABILITY: of the replicas.
        seed: of what is by chance.
        redis: the Redis; where one takes the place of another, the one of the moment.
        networks: the network of each replica.
        replicas: the replicas, each on a port that it keeps.
        lag_s: how much longer than a write a change takes that is acknowledged.
        promotions: since when, at the earliest, and until when another Redis took the place of `redis`.
        unconfirmed: intervals without a second Redis, where changes have to be confirmed by one.
    """

    NAME = "one Redis"
    CLIENTS = 8
    DURABILITY = Durability.ACKNOWLEDGED

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.lag_s = 0.0
        self.promotions: list[tuple[float, float]] = []
        self.unconfirmed: list[tuple[float, float]] = []
        self._stack = contextlib.ExitStack()
        self.networks: list[FaultyProxy] = []
        self.replicas: list[EvenhandServer] = []

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ehc-")))
            self.redis = self._start_redis(folder, stack)
            for _ in range(REPLICAS):
                network = stack.enter_context(FaultyProxy(self.redis.port or 0))
                replica = EvenhandServer(
                    network.url,
                    listen=f"127.0.0.1:{free_port()}",
                    options=[
                        *("--redis-timeout", f"{REDIS_TIMEOUT_S}s", "--durability", self.DURABILITY),
                        *("--log-level", "warning", "--drain", "3s"),
                    ],
                )
                self.networks.append(network)
                self.replicas.append(stack.enter_context(replica))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        for network in self.networks:
            network.heal()
        self._stack.close()

    def _start_redis(self, folder: Path, stack: contextlib.ExitStack) -> RedisServer:
        """Start what keeps the state, its files in this folder, to end with the stack; return what takes writes."""
        return stack.enter_context(RedisServer(None, folder, free_port(), KEEPS, persistent=True))

    def confirm(self, client: redis.Redis) -> bool:
        """Write to the Redis; return whether that is confirmed, as changes have to be before they are acknowledged."""
        return bool(client.set("chaos:stall", ""))

    @property
    def addresses(self) -> list[str]:
        """Where the replicas serve."""
        return [each.address for each in self.replicas]

    def admin(self) -> redis.Redis:
        """Return a client of the Redis itself, past the networks; close it after use."""
        return self.redis.client()
