"""A network between one replica and its Redis that can be cut, swallow, lose replies, and be slow."""

from __future__ import annotations

import random
import threading
import time
from typing import TYPE_CHECKING

from tests.support.redis_proxy import RedisProxy

if TYPE_CHECKING:
    from tests.support.redis_proxy import Way


class FaultyProxy(RedisProxy):
    """Passes everything on until told otherwise.

    Args:
        redis_port: where the Redis listens.

    Attributes:
        delay_s: how long each piece takes on its way.
        loses: the share of replies that break off in their middle, with their connection.
    """

    def __init__(self, redis_port: int) -> None:
        super().__init__(redis_port)
        self._passes = threading.Event()
        self._passes.set()
        self.delay_s = 0.0
        self.loses = 0.0

    def lead_to(self, redis_port: int) -> None:
        """Lead to another Redis from now on: connections break, and who connects again is there."""
        self._redis = (self._redis[0], redis_port)
        self.cut()

    def swallow(self) -> None:
        """Let nothing through, in no direction, and say so to nobody; what was sent comes when it is let through."""
        self._passes.clear()

    def let_through(self) -> None:
        """Let everything through again, as fast as the network is now."""
        self._passes.set()

    def heal(self) -> None:
        """Let everything through again, as fast as it comes."""
        self.delay_s, self.loses = 0.0, 0.0
        self.let_through()

    def ways(self) -> tuple[Way, Way]:
        """Return both directions of a new connection."""
        return self._there, self._back

    def _there(self, sent: bytes) -> tuple[bytes, bool]:
        self._passes.wait()
        if self.delay_s:
            time.sleep(self.delay_s)
        return sent, True

    def _back(self, reply: bytes) -> tuple[bytes, bool]:
        self._there(reply)
        lost = random.random() < self.loses
        return (reply[: len(reply) // 2], False) if lost else (reply, True)
