"""Which server has a workspace's keys: the only one there is, or the one that holds their slot in a Redis Cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from service.redis_client.cluster import Cluster
from service.redis_client.endpoint import Endpoint, connection_settings
from service.redis_client.facts import is_cluster
from service.redis_client.sentinel import Sentinels

if TYPE_CHECKING:
    from service.redis_client.durability import Confirmation
    from service.redis_client.endpoint import Listener
    from service.redis_client.pipeline import Send


class Router(Protocol):
    """Sends each command to the server that has its key.

    Attributes:
        fence: what a key ends with that never exists, and that every script is passed beside its own; empty where none
            is. A server that hands a slot on refuses the script then, instead of running it on a half.
        quick: for commands that take a server microseconds.
        slow: for commands that take it milliseconds.
        durable_quick, durable_slow: the same, where changes are to be durable before the replies come.
    """

    fence: bytes
    quick: Send
    slow: Send
    durable_quick: Send
    durable_slow: Send

    def masters(self) -> list[Endpoint]:
        """Return the servers that hold keys."""

    def served(self) -> float:
        """Return the share of keys that lie on servers which serve, from 0 to 1."""

    def refresh(self) -> None:
        """Find out again where keys lie, if that is in doubt; raises redis.RedisError if nobody says."""

    def close(self) -> None:
        """Close all connections."""


class SingleServer:
    """Every key lies on one server."""

    fence = b""

    def __init__(self, url: str, timeout_s: float, sent: Listener, confirmation: Confirmation | None) -> None:
        self._endpoint = Endpoint(connection_settings(url, timeout_s), sent, confirmation=confirmation)
        self.quick: Send = self._endpoint.quick.send
        self.slow: Send = self._endpoint.slow.send
        self.durable_quick: Send = self._endpoint.durable_quick.send
        self.durable_slow: Send = self._endpoint.durable_slow.send

    def masters(self) -> list[Endpoint]:
        """Return the server."""
        return [self._endpoint]

    def served(self) -> float:
        """Return 1 while the server serves, else 0."""
        return float(self._endpoint.up)

    def refresh(self) -> None:
        """Do nothing: every key lies where it did."""

    def close(self) -> None:
        """Close all connections."""
        self._endpoint.close()


def find_router(url: str, timeout_s: float, sent: Listener, confirmation: Confirmation | None) -> Router:
    """Return the router that fits a URL: of Sentinels, or of a server, which is asked whether it belongs to a cluster.

    Args:
        url: where it is.
        timeout_s: how long one command may take.
        sent: told, whenever commands were answered that were sent together, how many seconds that took.
        confirmation: how servers are asked whether changes are durable; None: nobody asks.

    Raises:
        redis.RedisError: it did not answer, or serves nobody now.
    """
    if "+sentinel://" in url:
        return Sentinels(url, timeout_s, sent, confirmation)
    single = SingleServer(url, timeout_s, sent, confirmation)
    if not is_cluster(single.masters()[0]):
        return single
    single.close()
    return Cluster(url, timeout_s, sent, confirmation)
