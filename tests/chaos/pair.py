"""The other system: a Redis and a replica that is behind it, of which each takes the other's place.

The service's replicas promise `replicated`, and each has a network of its own still. Where that leads follows the
promotion, as the address of a Service in Kubernetes does. Sentinels would name the Redis itself, past the networks, and
choose the moment of a promotion by themselves (`tests/faults/test_sentinel.py` has those).
"""

from __future__ import annotations

import random
import shutil
import time
from typing import TYPE_CHECKING

from service.redis_client.durability import Durability
from tests.chaos.system import KEEPS, System
from tests.support.lagging_proxy import LaggingProxy
from tests.support.processes import RedisServer, free_port, wait_until

if TYPE_CHECKING:
    import contextlib
    from pathlib import Path

    import redis

LAGS_S = (0.1, 0.3)
_OPTIONS = (*KEEPS, "--repl-diskless-sync-delay", "0")
_IN_SYNC_WITHIN_S = 20.0
_PROOF_MS = 2000


class Pair(System):
    """A Redis, its replica, and all that is in front of them.

    Attributes:
        second: the replica of the Redis.
    """

    NAME = "a pair"
    CLIENTS = 40  # a call takes as long as the replica lags: eight would make few
    DURABILITY = Durability.REPLICATED

    def _start_redis(self, folder: Path, stack: contextlib.ExitStack) -> RedisServer:
        self.lag_s = random.Random(f"{self.seed} lag").uniform(*LAGS_S)
        first, self.second = (
            RedisServer(None, folder / name, free_port(), _OPTIONS, persistent=True) for name in ("first", "second")
        )
        self._links = {
            each: stack.enter_context(LaggingProxy(each.port or 0, self.lag_s)) for each in (first, self.second)
        }
        stack.enter_context(first)
        self._follow(self.second, first)
        stack.enter_context(self.second)
        with first.client() as client:
            wait_until(lambda: self.confirm(client), "the second Redis is in sync")
        return first

    def confirm(self, client: redis.Redis) -> bool:
        """Write to the Redis; return whether the second one confirms that."""
        return super().confirm(client) and bool(client.wait(1, _PROOF_MS))

    def promote(self, pause_s: float) -> float:
        """Kill the Redis, and what is on its way with it; after a pause the second one takes its place.

        Returns:
            Since when there is one alone.
        """
        old, new = self.redis, self.second
        old.kill()
        self._links[old].cut()
        alone = time.monotonic()
        time.sleep(pause_s)
        new.options = _OPTIONS  # also when it is started again
        with new.client() as client:
            begun = time.monotonic()
            client.replicaof("NO", "ONE")
            self.promotions.append((begun, time.monotonic()))
        self.redis, self.second = new, old
        for network in self.networks:
            network.lead_to(new.port or 0)
        return alone

    def kill_second(self) -> float:
        """Kill the second Redis; return since when there is one alone."""
        self.second.kill()
        return time.monotonic()

    def start_second(self, alone: float, *, empty: bool = False) -> None:
        """Have the second Redis come back as a replica of the other, with its files or without; return when in sync."""
        if empty:
            shutil.rmtree(self.second.workdir / "appendonlydir")
        self._follow(self.second, self.redis)
        self.unconfirmed.append((alone, time.monotonic()))
        self.second.start()
        self.wait()

    def hang_second(self, seconds: float) -> None:
        """Stop the second Redis in its tracks for so long; return when it is in sync again."""
        self.second.pause()
        alone = time.monotonic()
        try:
            time.sleep(seconds)
        finally:
            self.unconfirmed.append((alone, time.monotonic()))
            self.second.resume()
        self.wait()

    def wait(self) -> None:
        """Wait until the second Redis has all that the other has."""
        with self.admin() as client:
            wait_until(lambda: self.confirm(client), "the second Redis is in sync", _IN_SYNC_WITHIN_S)

    def _follow(self, replica: RedisServer, master: RedisServer) -> None:
        """Have a server be a replica of another when it is started."""
        replica.options = (*_OPTIONS, "--replicaof", "127.0.0.1", str(self._links[master].port))
