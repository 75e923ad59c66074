"""TLS of gRPC and of the metrics, with and without certificates of callers, and files that change meanwhile."""

from __future__ import annotations

import re
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import URLError

import grpc
import pytest
from evenhand.v1.roster_service_pb2 import GetRosterRequest
from evenhand.v1.roster_service_pb2_grpc import RosterServiceStub

from deploy.examples.cluster_client import connect
from tests.support import access
from tests.support.certificates import Authority, Files, without_evenhand, write
from tests.support.processes import EvenhandServer, RedisServer, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

EVENHAND = Path(sys.executable).with_name("evenhand")
METRICS = ("--metrics-listen", "127.0.0.1:0")


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    """A Redis for all of them."""
    with RedisServer() as running:
        yield running


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """An authority of the test's own."""
    return Authority(tmp_path / "authority")


def ask(channel: grpc.Channel) -> grpc.StatusCode:
    """Make a call; return what became of it."""
    try:
        RosterServiceStub(channel).GetRoster(GetRosterRequest(workspace_id="w"), timeout=20)
    except grpc.RpcError as error:
        return error.code()
    return grpc.StatusCode.OK


def answer(authority: Authority, server: EvenhandServer, own: Files | None = None) -> grpc.StatusCode:
    """Make a call on a new connection; return what became of it."""
    with authority.channel(server.address, own) as channel:
        return ask(channel)


def metrics(authority: Authority, server: EvenhandServer, own: Files | None = None) -> str:
    """Return the metrics, read over TLS by one who trusts the authority."""
    context = ssl.create_default_context(cafile=str(authority.file))
    if own is not None:
        context.load_cert_chain(own.cert, own.key)
    with urllib.request.urlopen(f"https://{metrics_address(server)}/metrics", context=context, timeout=20) as found:
        return found.read().decode()


def metrics_address(server: EvenhandServer) -> str:
    """Return where the metrics are, as the ready line says."""
    found = re.search(r"metrics on (\S+)\)", server.ready_line)
    assert found is not None
    return found[1]


@pytest.mark.parametrize("workers", [1, 2])
def test_calls_and_metrics_are_encrypted(redis: RedisServer, authority: Authority, workers: int) -> None:
    """With a certificate the service answers those who trust its authority, and nobody in plain text."""
    options = [*authority.issue("server").options(), *METRICS]
    with EvenhandServer(redis.url, options=options, workers=workers) as server:
        assert answer(authority, server) == grpc.StatusCode.OK
        assert ask(server.channel()) == grpc.StatusCode.UNAVAILABLE
        assert "evenhand_build_info" in metrics(authority, server)
        with pytest.raises((URLError, OSError)):
            urllib.request.urlopen(f"http://{metrics_address(server)}/metrics", timeout=20)


def test_only_callers_with_a_certificate_are_let_in(redis: RedisServer, authority: Authority, tmp_path: Path) -> None:
    """With an authority for callers those without a certificate of it get no answer, of calls and of metrics alike."""
    callers = Authority(tmp_path / "callers")
    known, unknown = callers.issue("known", "caller@example.com"), authority.issue("unknown", "caller@example.com")
    options = [*authority.issue("server").options(), "--tls-client-ca", str(callers.file), *METRICS]
    with EvenhandServer(redis.url, options=options) as server:
        assert [answer(authority, server, own) for own in (None, unknown, known)] == [
            grpc.StatusCode.UNAVAILABLE,
            grpc.StatusCode.UNAVAILABLE,
            grpc.StatusCode.OK,
        ]
        assert "evenhand_build_info{" in metrics(authority, server, known)
        for own in (None, unknown):
            with pytest.raises((URLError, OSError)):
                metrics(authority, server, own)
        assert "Traceback" not in server.log()


@pytest.mark.parametrize("workers", [1, 2])
def test_files_that_change_are_read_again_without_a_lost_call(
    redis: RedisServer, authority: Authority, tmp_path: Path, workers: int
) -> None:
    """Certificate, key and callers' authority change under traffic: no call is lost, and who connects gets the new."""
    old_callers, new_callers = Authority(tmp_path / "old"), Authority(tmp_path / "new")
    old, new = old_callers.issue("caller", "a@example.com"), new_callers.issue("caller", "a@example.com")
    client_ca = write(tmp_path / "client-ca.pem", old_callers.file.read_bytes())
    files = authority.issue("server")
    options = [*files.options(), "--tls-client-ca", str(client_ca), *METRICS]
    renewed = Authority(tmp_path / "renewed")
    with EvenhandServer(redis.url, options=options, workers=workers) as server:
        seen: list[grpc.StatusCode] = []
        stop = threading.Event()

        def go_on() -> None:
            with authority.channel(server.address, old) as channel:
                while not stop.is_set():
                    seen.append(ask(channel))

        threads = [threading.Thread(target=go_on) for _ in range(4)]
        for thread in threads:
            thread.start()
        try:
            wait_until(lambda: len(seen) > 100, "calls are made")
            anew = renewed.issue("server")
            write(client_ca, new_callers.file.read_bytes())
            write(files.key, anew.key.read_bytes())
            write(files.cert, anew.cert.read_bytes())
            for _ in range(4 * workers):  # whichever worker takes them
                assert answer(renewed, server, new) == grpc.StatusCode.OK
                assert answer(renewed, server, old) == grpc.StatusCode.UNAVAILABLE
            assert "evenhand_build_info" in metrics(renewed, server, new)
            with pytest.raises((URLError, OSError)):
                metrics(renewed, server, old)
            count = len(seen)
            wait_until(lambda: len(seen) > count + 100, "calls go on")
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        assert set(seen) == {grpc.StatusCode.OK}
        assert "TLS files read again user=grpc expires=" in server.log()


def test_wrong_files_leave_the_old_ones_in_force(redis: RedisServer, authority: Authority) -> None:
    """A key of another certificate, an expired one, and none are a line each and a metric; then right ones count."""
    files = authority.issue("server")
    with EvenhandServer(redis.url, options=[*files.options(), *METRICS]) as server:
        expires = re.search(r"_expiry_timestamp_seconds (\d\S+)", metrics(authority, server))
        assert expires is not None
        assert float(expires[1]) == pytest.approx(time.time() + 86400, abs=3600)
        assert 'assignment_files_refused{file="tls"} 0.0' in metrics(authority, server)
        write(files.key, authority.issue("other").key.read_bytes())
        wrong = ["is not the key of", "certificate has expired", "cannot be read: No such file"]
        for number, reason in enumerate(wrong):
            if number == 1:
                authority.issue("server", days=-1)
            if number == 2:
                files.cert.unlink()
            assert [answer(authority, server) for _ in range(3)] == [grpc.StatusCode.OK] * 3
            logged = [line for line in server.log().splitlines() if "the old ones stay user=grpc" in line]
            assert len(logged) == number + 1
            assert reason in logged[-1]
            assert 'assignment_files_refused{file="tls"} 1.0' in metrics(authority, server)
        renewed_by = Authority(authority.folder.parent / "renewed")
        renewed = renewed_by.issue("server")
        write(files.key, renewed.key.read_bytes())
        write(files.cert, renewed.cert.read_bytes())
        assert answer(authority, server) == grpc.StatusCode.UNAVAILABLE
        assert 'assignment_files_refused{file="tls"} 0.0' in metrics(renewed_by, server)


def test_the_example_of_a_caller_speaks_tls(redis: RedisServer, authority: Authority) -> None:
    """The way to connect that callers copy takes credentials, and then speaks TLS."""
    with EvenhandServer(redis.url, options=authority.issue("server").options()) as server:
        for credentials, code in (
            (authority.credentials(), grpc.StatusCode.OK),
            (None, grpc.StatusCode.UNAVAILABLE),
        ):
            with connect(f"dns:///{server.address}", credentials) as channel:
                assert ask(channel) == code


def test_a_slow_handshake_delays_no_scrape(redis: RedisServer, authority: Authority) -> None:
    """Connections to the metrics that say nothing are waited for by nobody else."""
    with EvenhandServer(redis.url, options=[*authority.issue("server").options(), *METRICS]) as server:
        host, port = metrics_address(server).split(":")
        with socket.create_connection((host, int(port))), socket.create_connection((host, int(port))):
            assert "evenhand_build_info" in metrics(authority, server)


def serve(*options: object) -> subprocess.CompletedProcess[str]:
    """Run `evenhand serve` where it ends at once."""
    return subprocess.run(
        [EVENHAND, "serve", "--listen", "127.0.0.1:0", *map(str, options)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=dict(without_evenhand()),
    )


@pytest.mark.parametrize("workers", [1, 2])
def test_an_expired_certificate_is_no_start(redis: RedisServer, authority: Authority, workers: int) -> None:
    """A service whose certificate nobody would accept says so in one line, and leaves with exit code 2."""
    files = authority.issue("server", days=-1)
    done = serve(*files.options(), "--redis-url", redis.url, "--workers", workers)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"evenhand: --tls-cert: {files.cert} certificate has expired\n"


def test_plain_text_beyond_this_machine_is_warned_of(redis: RedisServer, authority: Authority, tmp_path: Path) -> None:
    """One line says what to do where others could listen in; none where TLS is on, or only this machine is served."""
    with socket.create_server(("127.0.0.1", 0)) as taken:  # so that it ends before it serves anybody
        known = access.write(tmp_path / "access.yaml", access.principal("anybody", "read"))
        everywhere = ("--listen", f"0.0.0.0:{taken.getsockname()[1]}", "--redis-url", redis.url, "--access", known)
        plain = serve(*everywhere)
        encrypted = serve(*everywhere, *authority.issue("server").options())
        local = serve("--listen", f"127.0.0.1:{taken.getsockname()[1]}", "--redis-url", redis.url)
    (warning,) = [line for line in plain.stderr.splitlines() if "WARNING" in line]
    assert "serving in plain text: set --tls-cert and --tls-key" in warning
    assert f"listen={everywhere[1]}" in warning
    assert "WARNING" not in encrypted.stderr + local.stderr
