"""Which server has a workspace's keys: the only one there is, or the one that holds their slot in a Redis Cluster."""

from __future__ import annotations

import threading
from collections import defaultdict
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from redis.cluster import NodesManager, RedisCluster
from redis.crc import key_slot
from redis.exceptions import AskError, MovedError, RedisClusterException, TryAgainError

from service.redis_client.endpoint import Endpoint, connection_settings, probe

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from service.redis_client.pipeline import KeyedCommand, Pipeline

    Observer = Callable[[float], None]

# A slot can move again while we follow it; more often than this, something else is wrong.
_REDIRECTS = 5
# So many keys lie on any server that has a thousandth of the slots, as good as certainly.
_PROBES = 10_000


Send: TypeAlias = "Callable[[Sequence[KeyedCommand], float], list[Any]]"
"""Sends commands, each with its key, those for one server together; returns their replies, as `Pipeline.send` does."""


class Router(Protocol):
    """Sends each command to the server that has its key.

    Attributes:
        quick: for commands that take a server microseconds.
        slow: for commands that take it milliseconds.
    """

    quick: Send
    slow: Send

    def masters(self) -> list[Endpoint]:
        """Return the servers that hold keys."""

    def refresh(self) -> None:
        """Find out again where keys lie, after a server has become unavailable."""

    def close(self) -> None:
        """Close all connections."""


class SingleServer:
    """Every key lies on one server."""

    def __init__(self, url: str, timeout_s: float, sent: Observer) -> None:
        self._endpoint = Endpoint(connection_settings(url, timeout_s), sent)
        self.quick: Send = self._endpoint.quick.send
        self.slow: Send = self._endpoint.slow.send

    def masters(self) -> list[Endpoint]:
        """Return the server."""
        return [self._endpoint]

    def refresh(self) -> None:
        """Do nothing: every key lies where it did."""

    def close(self) -> None:
        """Close all connections."""
        self._endpoint.close()


class Cluster:
    """Keys lie on many servers, by slot. redis-py finds out which; our own connections carry the commands."""

    def __init__(self, url: str, timeout_s: float, sent: Observer) -> None:
        self._sent = sent
        self._settings = connection_settings(url, timeout_s)
        client = RedisCluster.from_url(
            url, socket_timeout=timeout_s, socket_connect_timeout=timeout_s, protocol=2, dynamic_startup_nodes=True
        )
        self._client = client
        self.quick: Send = partial(self._send, slow=False)
        self.slow: Send = partial(self._send, slow=True)
        self._nodes: NodesManager = client.nodes_manager
        self._endpoints: dict[tuple[str, int], Endpoint] = {}
        self._lock = threading.Lock()

    def _send(self, commands: Sequence[KeyedCommand], timeout_s: float, *, slow: bool) -> list[Any]:
        """Send commands, those for one server together, following redirections, and return their replies."""
        of_endpoint: defaultdict[Endpoint, list[int]] = defaultdict(list)
        replies: list[Any] = [None] * len(commands)
        for at, (key, _) in enumerate(commands):
            try:
                of_endpoint[self._owner(key)].append(at)
            except RedisClusterException as error:
                replies[at] = error
        for endpoint, places in of_endpoint.items():
            came = _pipeline(endpoint, slow=slow).send([commands[at] for at in places], timeout_s)
            for at, reply in zip(places, came, strict=True):
                replies[at] = self._followed(commands[at], reply, timeout_s, slow=slow)
        return replies

    def _followed(self, command: KeyedCommand, reply: Any, timeout_s: float, *, slow: bool) -> Any:
        """Return the reply, or where it only says that the key's slot moves, that of the server to which it does."""
        for _ in range(_REDIRECTS):
            if isinstance(reply, AskError):
                pipeline = _pipeline(self._endpoint(reply.host, reply.port), slow=slow)
                return pipeline.send([command], timeout_s, asking=True)[0]
            if isinstance(reply, MovedError):
                self.refresh()
            elif not isinstance(reply, TryAgainError):
                return reply
            (reply,) = _pipeline(self._owner(command[0]), slow=slow).send([command], timeout_s)
        return RedisClusterException(f"slot {key_slot(command[0])} kept moving")

    def _owner(self, key: bytes) -> Endpoint:
        """Return the server that has the key, as far as known; raises RedisClusterException if none has it."""
        node = self._nodes.get_node_from_slot(key_slot(key))
        return self._endpoint(node.host, node.port)

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


def _pipeline(endpoint: Endpoint, *, slow: bool) -> Pipeline:
    return endpoint.slow if slow else endpoint.quick


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
