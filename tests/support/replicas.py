"""A Redis with a replica that is behind, and a service on it that waits for more than the master."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from tests.support.client import Service, Workspace
from tests.support.lagging_proxy import LaggingProxy
from tests.support.processes import EvenhandServer, RedisServer, free_port, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

LAG_S = 0.3
"""How far behind a replica is, unless told otherwise."""


@contextmanager
def serving(redis: RedisServer, durability: str, *options: str) -> Iterator[tuple[EvenhandServer, Workspace]]:
    """A service on a Redis, and a workspace of it."""
    options = ("--durability", durability, "--threads", "80", *options)
    with EvenhandServer(redis.url, options=options) as server:
        service = Service(server.address)
        yield server, Workspace("w", service)
        service.close()


class Pair:
    """A master, and a replica that is behind it."""

    def __init__(self, stack: ExitStack, lag_s: float = LAG_S) -> None:
        port = free_port()
        self.master = stack.enter_context(RedisServer(port=port, options=("--repl-diskless-sync-delay", "0")))
        self.replica = stack.enter_context(RedisServer(port=free_port()))
        self.proxy = stack.enter_context(LaggingProxy(port, lag_s))

    def attach(self) -> None:
        """Have the replica follow the master."""
        with self.replica.client() as client:
            client.replicaof("127.0.0.1", self.proxy.port)
            wait_until(lambda: client.info("replication")["master_link_status"] == "up", "the replica follows")

    def detach(self) -> None:
        """Have the replica follow nobody it can reach."""
        with self.replica.client() as client:
            client.replicaof("127.0.0.1", free_port())

    def promote(self) -> None:
        """Kill the master, and what is on its way with it, and have the replica take its place."""
        self.proxy.cut()
        self.master.kill()
        with self.replica.client() as client:
            client.execute_command("REPLICAOF", "NO", "ONE")
