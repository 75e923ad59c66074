"""Which server has a workspace's keys: the only one there is, or the one that holds their slot in a Redis Cluster."""

from __future__ import annotations

import threading
from collections import defaultdict
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

from redis.cluster import NodesManager, RedisCluster
from redis.crc import key_slot
from redis.exceptions import AskError, MovedError, RedisClusterException, TryAgainError

from service.redis_client.endpoint import Command, Endpoint, connection_settings, probe

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Observer = Callable[[float], None]

# A slot can move again while we follow it; more often than this, something else is wrong.
_REDIRECTS = 5
# So many keys lie on any server that has a thousandth of the slots, as good as certainly.
_PROBES = 10_000


class Router(Protocol):
    """Sends a command to the server that has a key."""

    def call(self, key: bytes, command: Command, timeout_s: float | None, *, slow: bool = False) -> Any:
        """Send the command and return its reply; raises as `Endpoint.call` does."""

    def call_each(self, calls: Sequence[tuple[bytes, Command]], timeout_s: float | None) -> list[Any]:
        """Send several quick commands, each with its key, at once; raises as `Endpoint.call_each` does."""

    def masters(self) -> list[Endpoint]:
        """Return the servers that hold keys, the first of which answers for all in a health check."""

    def refresh(self) -> None:
        """Find out again where keys lie, after a server has gone away."""

    def close(self) -> None:
        """Close all connections."""


class SingleServer:
    """Every key lies on one server."""

    def __init__(self, url: str, timeout_s: float, sent: Observer) -> None:
        self._endpoint = Endpoint(connection_settings(url, timeout_s), sent)

    def call(self, key: bytes, command: Command, timeout_s: float | None, *, slow: bool = False) -> Any:  # noqa: ARG002
        """Send the command and return its reply; raises as `Endpoint.call` does."""
        return self._endpoint.call(command, timeout_s, slow=slow)

    def call_each(self, calls: Sequence[tuple[bytes, Command]], timeout_s: float | None) -> list[Any]:
        """Send several quick commands at once; raises as `Endpoint.call_each` does."""
        return self._endpoint.call_each([command for _, command in calls], timeout_s)

    def masters(self) -> list[Endpoint]:
        """Return the server."""
        return [self._endpoint]

    def refresh(self) -> None:
        """Do nothing: every key lies where it did."""

    def close(self) -> None:
        """Close all connections."""
        self._endpoint.close()


class Cluster:
    """Keys lie on many servers, by slot. redis-py finds out which; our own connections carry the calls."""

    def __init__(self, url: str, timeout_s: float, sent: Observer) -> None:
        self._sent = sent
        self._settings = connection_settings(url, timeout_s)
        client = RedisCluster.from_url(
            url, socket_timeout=timeout_s, socket_connect_timeout=timeout_s, protocol=2, dynamic_startup_nodes=True
        )
        self._client = client
        self._nodes: NodesManager = client.nodes_manager
        self._endpoints: dict[tuple[str, int], Endpoint] = {}
        self._lock = threading.Lock()

    def call(self, key: bytes, command: Command, timeout_s: float | None, *, slow: bool = False) -> Any:
        """Send the command to the server of the key's slot, following redirections; raises as `Endpoint.call` does."""
        slot = key_slot(key)
        for _ in range(_REDIRECTS):
            node = self._nodes.get_node_from_slot(slot)
            try:
                return self._endpoint(node.host, node.port).call(command, timeout_s, slow=slow)
            except MovedError:
                self.refresh()
            except AskError as ask:
                return self._endpoint(ask.host, ask.port).call(command, timeout_s, slow=slow, asking=True)
            except TryAgainError:
                continue
        raise RedisClusterException(f"slot {slot} kept moving")

    def call_each(self, calls: Sequence[tuple[bytes, Command]], timeout_s: float | None) -> list[Any]:
        """Send several quick commands, those of a server at once; raises as `Endpoint.call_each` does."""
        of_endpoint: defaultdict[Endpoint, list[int]] = defaultdict(list)
        for at, (key, _) in enumerate(calls):
            node = self._nodes.get_node_from_slot(key_slot(key))
            of_endpoint[self._endpoint(node.host, node.port)].append(at)
        replies: list[Any] = [None] * len(calls)
        for endpoint, places in of_endpoint.items():
            for at, reply in zip(places, endpoint.call_each([calls[at][1] for at in places], timeout_s), strict=True):
                moved = isinstance(reply, (MovedError, AskError, TryAgainError))
                replies[at] = self.call(*calls[at], timeout_s) if moved else reply
        return replies

    def masters(self) -> list[Endpoint]:
        """Return the servers that hold keys."""
        return [self._endpoint(node.host, node.port) for node in self._client.get_primaries()]

    def refresh(self) -> None:
        """Ask the cluster again which server has which slots: after a failover the old one only times out."""
        with self._lock:
            self._nodes.initialize()

    def close(self) -> None:
        """Close all connections."""
        for endpoint in self._endpoints.values():
            endpoint.close()
        self._client.close()

    def _endpoint(self, host: str, port: int) -> Endpoint:
        endpoint = self._endpoints.get((host, port))
        if endpoint is None:
            with self._lock:
                settings = self._settings | {"host": host, "port": port}
                made = Endpoint(settings, self._sent, self._probe(host, port))
                endpoint = self._endpoints.setdefault((host, port), made)
        return endpoint

    def _probe(self, host: str, port: int) -> bytes:
        """Return a key that this server has, if there is one."""
        for number in range(_PROBES):
            key = probe(number)
            with suppress(RedisClusterException):  # nobody has this slot now
                node = self._nodes.get_node_from_slot(key_slot(key))
                if (node.host, node.port) == (host, port):
                    return key
        return probe(0)


def find_router(url: str, timeout_s: float, sent: Observer) -> Router:
    """Ask the server at `url` whether it belongs to a cluster, and return the router that fits.

    `sent` is told, whenever commands were answered that were sent together, how many seconds that took.

    Raises:
        redis.ConnectionError, redis.TimeoutError: it did not answer.
    """
    single = SingleServer(url, timeout_s, sent)
    information = single.masters()[0].call((b"INFO", b"cluster"))
    if b"cluster_enabled:1" not in information:
        return single
    single.close()
    return Cluster(url, timeout_s, sent)
