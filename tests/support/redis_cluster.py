"""A Redis Cluster of its own: masters, replicas, and what happens to them. Put together by commands alone."""

from __future__ import annotations

import time
from contextlib import ExitStack, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import redis
from redis.crc import REDIS_CLUSTER_HASH_SLOTS as SLOTS
from redis.crc import key_slot

from tests.support.processes import RedisServer, free_port, redis_binaries, wait_until


class RedisCluster:
    """Masters with a share of the slots each, and replicas of them.

    Args:
        masters: how many.
        replicas: how many each master has.
        options: more settings of each server.
    """

    def __init__(self, masters: int, replicas: int = 0, options: tuple[str, ...] = ()) -> None:
        self._masters = masters
        self._replicas = replicas
        self._options = options
        self._open = ExitStack()

    def __enter__(self) -> Self:
        with self._open:
            folder = Path(self._open.enter_context(TemporaryDirectory(prefix="eh-")))
            self.nodes = [self._start(folder / str(n)) for n in range(self._masters * (1 + self._replicas))]
            self._put_together()
            self._open = self._open.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    @property
    def urls(self) -> list[str]:
        """The URL of each server, masters first."""
        return [node.url for node in self.nodes]

    def _start(self, folder: Path) -> RedisServer:
        bus = ("--cluster-enabled", "yes", "--cluster-port", str(free_port()))
        return self._open.enter_context(
            RedisServer(redis_binaries()["8.2"], folder, free_port(), (*bus, *self._options))
        )

    def _put_together(self) -> None:
        first, *rest = self.nodes
        for node in rest:
            self.ask(first, "CLUSTER", "MEET", "127.0.0.1", node.port, node.options[3])
        for number, node in enumerate(self.nodes[: self._masters]):
            begin, end = SLOTS * number // self._masters, SLOTS * (number + 1) // self._masters
            self.ask(node, "CLUSTER", "ADDSLOTSRANGE", begin, end - 1)
        for node in self.nodes:
            wait_until(lambda at=node: self._agrees(at), "the servers know each other")
        for number, node in enumerate(self.nodes[self._masters :]):
            self.ask(node, "CLUSTER", "REPLICATE", self.id(self.nodes[number % self._masters]))
        wait_until(self.whole, "every master has its replicas")

    def _agrees(self, node: RedisServer) -> bool:
        info = self.ask(node, "CLUSTER INFO")
        return info["cluster_state"] == "ok" and info["cluster_known_nodes"] == str(len(self.nodes))

    def ask(self, node: RedisServer, *command: Any) -> Any:
        """Send a command to one server."""
        with node.client() as client:
            return client.execute_command(*command)

    def id(self, node: RedisServer) -> str:
        """What the cluster calls a server."""
        return str(self.ask(node, "CLUSTER", "MYID"))

    def role(self, node: RedisServer) -> str:
        """What a server is now: "master" or "slave"; empty while it does not answer."""
        with suppress(redis.RedisError):
            return str(self.ask(node, "ROLE")[0])
        return ""

    def masters(self) -> list[RedisServer]:
        """The masters of now."""
        return [node for node in self.nodes if self.role(node) == "master"]

    def owner(self, key: bytes) -> RedisServer:
        """The master that says of itself that it has a key's slot: the others learn of a move some time after it."""
        for node in self.masters():
            for first, last, (_, port, *_), *_ in self.ask(node, "CLUSTER SLOTS"):
                if port == node.port and first <= key_slot(key) <= last:
                    return node
        raise AssertionError("nobody has the slot")

    def move(self, slot: int, source: RedisServer, target: RedisServer, pause_s: float = 0.0) -> None:
        """Hand a slot on, key by key, as `redis-cli --cluster reshard` does; with a pause after each one."""
        source_id, target_id = self.id(source), self.id(target)
        with source.client() as giving, target.client() as taking:
            taking.execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", source_id)
            giving.execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", target_id)
            while keys := giving.execute_command("CLUSTER", "GETKEYSINSLOT", slot, 1):
                giving.execute_command("MIGRATE", "127.0.0.1", target.port, "", 0, 5000, "KEYS", *keys)
                time.sleep(pause_s)
            for one in (taking, giving):
                one.execute_command("CLUSTER", "SETSLOT", slot, "NODE", target_id)

    def whole(self) -> bool:
        """Whether every server runs, every slot has a master, and every replica follows its master."""
        masters = self.masters()
        linked = 0
        for node in masters:
            info = self.ask(node, "INFO", "replication")
            linked += sum(info[f"slave{at}"]["state"] == "online" for at in range(info["connected_slaves"]))
        return (
            len(masters) == self._masters
            and linked == self._masters * self._replicas
            and all(self._agrees(node) for node in self.nodes)
        )

    def follows(self, node: RedisServer, master: RedisServer) -> bool:
        """Whether a server is a replica of another."""
        role, *rest = self.ask(node, "ROLE")
        return role == "slave" and rest[1] == master.port
