"""A proxy before a Redis that loses replies: the command runs, and the connection breaks before the reply comes."""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING

from tests.support.redis_proxy import RedisProxy

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.redis_proxy import Way


class LossyProxy(RedisProxy):
    """Passes everything on, but for some replies.

    Args:
        redis_port: where the Redis listens.
        pattern: the reply to what is sent is lost when it holds a text like this that was never seen before.

    Attributes:
        lost: the texts whose replies were lost.
        meanwhile: called when a reply is lost, before the connection breaks.
    """

    def __init__(self, redis_port: int, pattern: bytes) -> None:
        super().__init__(redis_port)
        self._pattern = re.compile(pattern)
        self.lost: set[bytes] = set()
        self.meanwhile: Callable[[], None] = lambda: None

    def ways(self) -> tuple[Way, Way]:
        """Return both directions of a new connection."""
        losing = threading.Event()

        def there(sent: bytes) -> tuple[bytes, bool]:
            new = set(self._pattern.findall(sent)) - self.lost
            if new:
                losing.set()
                self.lost |= new
            return sent, True

        def back(reply: bytes) -> tuple[bytes, bool]:
            if not losing.is_set():
                return reply, True
            self.meanwhile()
            return b"", False

        return there, back
