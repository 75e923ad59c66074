"""A Redis that Sentinels watch: they say which of its servers is the master now."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from redis import RedisError
from redis.sentinel import MasterNotFoundError

from service.config.addresses import split_sentinel_url
from service.redis_client.endpoint import Endpoint, connection_settings

if TYPE_CHECKING:
    from service.redis_client.durability import Confirmation
    from service.redis_client.endpoint import Listener
    from service.redis_client.pipeline import Send


class Sentinels:
    """Every key lies on the master that the Sentinels name.

    One of them is asked each time that the client looks after its servers, also while all is well: a master that was
    demoted may go on answering. While the master does not serve, each is asked in turn, since one that is cut off would
    name the old one for ever.

    Args:
        url: `redis+sentinel://…`, see `service.config.addresses.split_sentinel_url`.
        timeout_s: how long one command may take.
        sent: told how long servers took.
        confirmation: how the master is asked whether changes are durable; None: nobody asks.
    """

    fence = b""

    def __init__(self, url: str, timeout_s: float, sent: Listener, confirmation: Confirmation | None) -> None:
        parts = split_sentinel_url(url)
        self._name = parts.name
        self._sent = sent
        self._confirmation = confirmation
        self._settings = connection_settings(parts.server, timeout_s)
        sentinels = connection_settings(parts.sentinel, timeout_s)
        # The first is the one to ask.
        self._sentinels = deque(sentinels | {"host": host, "port": port} for host, port in parts.addresses)
        self._address = self._ask()
        self._follow()

    def masters(self) -> list[Endpoint]:
        """Return the master."""
        return [self._endpoint]

    def served(self) -> float:
        """Return 1 while the master serves, else 0."""
        return float(self._endpoint.up)

    def refresh(self) -> None:
        """Ask who is the master now, and follow.

        Raises:
            redis.RedisError: no Sentinel knows, and the master does not serve.
        """
        if not self._endpoint.up:
            self._sentinels.rotate(-1)
        try:
            address = self._ask()
        except RedisError:
            if not self._endpoint.up:
                raise
            return  # the master serves all the same
        if address != self._address:
            self._address = address
            self._follow()

    def close(self) -> None:
        """Close all connections."""
        self._endpoint.close()

    def _follow(self) -> None:
        """Send commands to the master from now on. Who waits for the last one still holds its connection."""
        host, port = self._address
        settings = self._settings | {"host": host, "port": port}
        self._endpoint = Endpoint(settings, self._sent, confirmation=self._confirmation)
        self.quick: Send = self._endpoint.quick.send
        self.slow: Send = self._endpoint.slow.send
        self.durable_quick: Send = self._endpoint.durable_quick.send
        self.durable_slow: Send = self._endpoint.durable_slow.send

    def _ask(self) -> tuple[str, int]:
        """Return the master's host and port, by the first Sentinel that knows."""
        problem = MasterNotFoundError(f"no Sentinel knows {self._name}")
        for _ in range(len(self._sentinels)):
            sentinel = Endpoint(self._sentinels[0])
            try:
                found = sentinel.call((b"SENTINEL", b"GET-MASTER-ADDR-BY-NAME", self._name))
            except RedisError as error:
                problem.__cause__ = error
                found = None
            finally:
                sentinel.close()
            if found:
                return found[0].decode(), int(found[1])
            self._sentinels.rotate(-1)
        raise problem
