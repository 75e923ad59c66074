"""A Redis that Sentinels watch: servers, of which one is the master, and the Sentinels, as real processes."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

import redis

from tests.support.processes import RedisServer, free_port, redis_binaries, wait_until

NAME = "mymaster"
_DOWN_AFTER_MS = 300


class WatchedRedis:
    """Three servers that all have one password, and three Sentinels with another.

    Args:
        password: of the servers.
        sentinel_password: of the Sentinels.
        options: more settings of servers and Sentinels alike.
    """

    def __init__(self, password: str, sentinel_password: str, options: tuple[str, ...] = ()) -> None:
        self._password = password
        self._sentinel_password = sentinel_password
        self._options = options
        self._open = ExitStack()

    def __enter__(self) -> Self:
        with self._open:
            folder = Path(self._open.enter_context(TemporaryDirectory(prefix="eh-")))
            master = self._server(folder / "0")
            self.servers = [master, *(self._server(folder / str(n), master) for n in (1, 2))]
            wait_until(lambda: self._replicas(master) == 2, "the replicas follow")
            self.sentinels = [self._sentinel(folder / f"s{number}", master) for number in range(3)]
            for sentinel in self.sentinels:  # which ask servers who follows whom only every ten seconds otherwise
                with sentinel.client() as client:
                    client.execute_command("SENTINEL DEBUG info-period 200 publish-period 200 ask-period 200")
            wait_until(self.settled, "the Sentinels know everybody")
            self._open = self._open.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    @property
    def url(self) -> str:
        """Its address as `--redis-url` takes it."""
        hosts = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)
        return f"redis+sentinel://:{self._password}@{hosts}/{NAME}/0?sentinel_password={self._sentinel_password}"

    def master(self) -> RedisServer | None:
        """The server that all Sentinels hold to be the master, if it says so too; else None."""
        said = {self._named(sentinel) for sentinel in self.sentinels}
        server = next((one for one in self.servers if {one.port} == said), None)
        with suppress(redis.RedisError):
            if server is not None:
                with server.client() as client:
                    return server if client.role()[0] == "master" else None
        return None

    def bring_back(self, server: RedisServer) -> None:
        """Start a killed server, as a replica: by themselves the Sentinels see to that only after ten seconds."""
        server.start()
        master = self.master()
        assert master is not None

        def told() -> bool:
            with server.client() as client, suppress(redis.BusyLoadingError):
                return bool(client.replicaof("127.0.0.1", master.port))
            return False

        wait_until(told, "the server has read its files, and is told whom to follow")
        wait_until(self.settled, "all follow the master")

    def settled(self) -> bool:
        """Whether there is a master, and it could be replaced now."""
        master = self.master()
        return master is not None and self._replicas(master) == 2 and all(map(self._knows_all, self.sentinels))

    def _knows_all(self, sentinel: RedisServer) -> bool:
        with sentinel.client() as client:
            state = client.sentinel_master(NAME)
            replicas = client.sentinel_slaves(NAME)
        usable = [one for one in replicas if not one["is_sdown"] and one["flags"] == "slave"]
        return state["num-other-sentinels"] == 2 and len(usable) == 2 and state["flags"] == "master"

    def _named(self, sentinel: RedisServer) -> int:
        with sentinel.client() as client:
            return int(client.sentinel_get_master_addr_by_name(NAME)[1])

    def _replicas(self, master: RedisServer) -> int:
        with master.client() as client:
            info = client.info("replication")
        return sum(info[f"slave{at}"]["state"] == "online" for at in range(info["connected_slaves"]))

    def _server(self, folder: Path, master: RedisServer | None = None) -> RedisServer:
        options = ("--masterauth", self._password, "--repl-diskless-sync-delay", "0", *self._options)
        if master is not None:
            options += ("--replicaof", f"127.0.0.1 {master.port}")
        binary = redis_binaries()["8.2"]
        return self._open.enter_context(RedisServer(binary, folder, free_port(), options, password=self._password))

    def _sentinel(self, folder: Path, master: RedisServer) -> RedisServer:
        folder.mkdir()
        settings = folder / "sentinel.conf"
        settings.write_text(
            f"sentinel monitor {NAME} 127.0.0.1 {master.port} 2\n"
            f"sentinel auth-pass {NAME} {self._password}\n"
            f"sentinel down-after-milliseconds {NAME} {_DOWN_AFTER_MS}\n"
            f"sentinel failover-timeout {NAME} 1000\n"
            f"sentinel sentinel-pass {self._sentinel_password}\n"
        )
        binary, options = redis_binaries()["8.2"], self._options
        return self._open.enter_context(
            RedisServer(binary, folder, free_port(), options, password=self._sentinel_password, sentinel=settings)
        )
