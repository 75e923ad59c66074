"""The access file over a service's life: wrong at start, changed, wrong later; and what is said of it where."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from evenhand.v1.roster_service_pb2 import Agent, GetRosterRequest, UpdateAgentsRequest
from evenhand.v1.roster_service_pb2_grpc import RosterServiceStub

from tests.support import access
from tests.support.processes import EvenhandServer, RedisServer, wait_until
from tests.support.scrape import Scrape

if TYPE_CHECKING:
    from collections.abc import Iterator

EVENHAND = Path(sys.executable).with_name("evenhand")
SECRET = "evh_a-token-that-nobody-else-may-see"  # noqa: S105 - which is no secret but here
JSON_LOG = ["--log-format", "json"]


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    """One Redis for all of them."""
    with RedisServer() as running:
        yield running


def evenhand(*arguments: object, **environment: object) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("EVENHAND_")}
    return subprocess.run(
        [EVENHAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=kept | {name: str(value) for name, value in environment.items()},
    )


def ask(channel: grpc.Channel, token: str, workspace: str = "w") -> grpc.StatusCode:
    """Make a call that asks for the right to read; return its code."""
    try:
        RosterServiceStub(channel).GetRoster(
            GetRosterRequest(workspace_id=workspace), timeout=20, metadata=access.bearer(token)
        )
    except grpc.RpcError as error:
        return error.code()
    return grpc.StatusCode.OK


def logged(server: EvenhandServer, message: str, **fields: str) -> list[dict[str, Any]]:
    """Return the lines of a log in JSON with this message and these fields."""
    lines = [json.loads(line) for line in server.log().splitlines() if line.startswith("{")]
    return [line for line in lines if line["message"] == message and fields.items() <= line.items()]


def refused(server: EvenhandServer) -> float | None:
    """Return what the metrics say of the access file: 1 if it is refused."""
    return Scrape(server).value("assignment_files_refused", file="access")


@pytest.mark.parametrize("workers", [1, 2])
def test_a_wrong_file_at_start_is_named(redis: RedisServer, tmp_path: Path, workers: int) -> None:
    """Where the file is missing or wrong, nothing is served: exit code 2, and the first mistake by its line."""
    options = ["serve", "--listen", "127.0.0.1:0", "--redis-url", redis.url, "--workers", workers, "--access"]
    missing = evenhand(*options, tmp_path / "missing.yaml")
    assert missing.returncode == 2
    assert (
        missing.stderr == f"evenhand: --access: {tmp_path / 'missing.yaml'} cannot be read: No such file or directory\n"
    )
    file = tmp_path / "access.yaml"
    file.write_text("principals:\n- name: a\n  rights: [write]\n")
    wrong = evenhand(*options, file)
    assert wrong.returncode == 2
    assert wrong.stderr.startswith(f"evenhand: --access: {file}:2: principals[0]")
    assert wrong.stderr.endswith(" (and 2 more, which `evenhand check` names)\n")
    assert len(evenhand("check", file).stdout.splitlines()) == 3


@pytest.mark.parametrize("workers", [1, 2])
def test_a_file_that_changes_is_read_again(redis: RedisServer, tmp_path: Path, workers: int) -> None:
    """Under traffic a principal comes, changes and goes: each is an audit line, and nobody else notices."""
    file = access.write(tmp_path / "access.yaml", access.principal("stays", "read"), access.principal("goes", "read"))
    with EvenhandServer(redis.url, options=["--access", str(file), *JSON_LOG], workers=workers) as server:
        seen: list[grpc.StatusCode] = []
        stop = threading.Event()

        def go_on() -> None:
            channel = server.channel()
            while not stop.is_set():
                seen.append(ask(channel, "stays-token"))

        traffic = threading.Thread(target=go_on)
        traffic.start()
        try:
            assert ask(server.channel(), "goes-token") == grpc.StatusCode.OK
            access.write(
                file, access.principal("stays", "read", "decide"), access.principal("comes", "read", token=SECRET)
            )
            wait_until(lambda: len(logged(server, "changed", what="access")) == workers, "each worker has read it")
            for _ in range(4 * workers):  # whichever worker takes them
                assert ask(server.channel(), "goes-token") == grpc.StatusCode.UNAUTHENTICATED
                assert ask(server.channel(), SECRET) == grpc.StatusCode.OK
        finally:
            stop.set()
            traffic.join()
        assert set(seen) == {grpc.StatusCode.OK}
        for line in logged(server, "changed", what="access"):
            assert (line["added"], line["removed"], line["altered"]) == ("comes", "goes", "stays")
            assert (line["before"], line["after"]) == (
                "goes: read in *; stays: read in *",
                "comes: read in *; stays: decide, read in *",
            )
            assert line["file"] == str(file)
        assert SECRET not in server.log()


def test_a_wrong_new_file_leaves_the_old_one_in_force(redis: RedisServer, tmp_path: Path) -> None:
    """One that is broken, or gone, is a line and a metric, and nobody is shut out or let in; then the next counts."""
    file = access.write(tmp_path / "access.yaml", access.principal("one", "read"))
    options = ["--access", str(file), "--metrics-listen", "127.0.0.1:0", *JSON_LOG]
    with EvenhandServer(redis.url, options=options) as server:
        channel = server.channel()
        assert refused(server) == 0
        message = "the access file is wrong, the old one stays"
        for number, break_it in enumerate((lambda: file.write_text("principals: 5"), file.unlink), 1):
            break_it()
            wait_until(lambda at=number: len(logged(server, message)) == at, "the fault is noticed")
            assert ask(channel, "one-token") == grpc.StatusCode.OK
            assert refused(server) == 1
        access.write(file, access.principal("two", "read"))
        wait_until(lambda: ask(channel, "two-token") == grpc.StatusCode.OK, "the new one is in force")
        assert ask(channel, "one-token") == grpc.StatusCode.UNAUTHENTICATED
        assert refused(server) == 0
        reasons = [line["reason"] for line in logged(server, message)]
        assert reasons[0].startswith(f"{file}:1: principals: must be a list")
        assert reasons[1] == "cannot be read: No such file or directory"
        assert len(logged(server, "changed", what="access")) == 1


def test_a_file_that_becomes_wrong_is_one_line(redis: RedisServer, tmp_path: Path) -> None:
    """Also where it named a file of keys, which is looked at no longer, and again after it was right meanwhile."""
    (tmp_path / "keys.json").write_bytes(access.key_set(access.Signer()))
    issuers = [access.issuer(keysFile="keys.json")]
    file = access.write(tmp_path / "access.yaml", access.principal("one", "read"), issuers=issuers)
    right = file.read_text()
    with EvenhandServer(redis.url, options=["--access", str(file), *JSON_LOG]) as server:
        for times in (1, 2):
            file.write_text("principals: 5")
            wait_until(
                lambda at=times: len(logged(server, "the access file is wrong, the old one stays")) == at, "it is said"
            )
            time.sleep(2.5)  # it is looked at each second
            assert len(logged(server, "the access file is wrong, the old one stays")) == times
            file.write_text(right)
            time.sleep(2.5)


def test_who_calls_is_told_to_those_who_watch_and_no_secret(redis: RedisServer, tmp_path: Path) -> None:
    """The trail has the principal; refusals are sampled lines and counted by reason; a token is nowhere."""
    file = access.write(
        tmp_path / "access.yaml", access.principal("console", "configure", workspaces=["w"], token=SECRET)
    )
    options = ["--access", str(file), "--metrics-listen", "127.0.0.1:0", *JSON_LOG]
    with EvenhandServer(redis.url, options=options) as server:
        channel = server.channel()
        request = UpdateAgentsRequest(workspace_id="w", agents=[Agent(id="ann")])
        RosterServiceStub(channel).UpdateAgents(request, timeout=20, metadata=access.bearer(SECRET))
        for _ in range(20):
            assert ask(channel, SECRET) == grpc.StatusCode.PERMISSION_DENIED
            assert ask(channel, f"{SECRET}-x") == grpc.StatusCode.UNAUTHENTICATED
        (change,) = logged(server, "changed", what="roster")
        assert change["who"] == "console"
        denied = logged(server, "call refused", reason="PERMISSION_DENIED")
        unknown = logged(server, "call refused", reason="INVALID_CREDENTIALS")
        assert {line["who"] for line in denied} == {"console"}
        assert {line["why"] for line in unknown} == {"unknown token"}
        with pytest.raises(grpc.RpcError):
            RosterServiceStub(channel).UpdateAgents(
                UpdateAgentsRequest(workspace_id="w"), timeout=20, metadata=access.bearer(SECRET)
            )
        (wrong,) = logged(server, "call refused", code="INVALID_ARGUMENT")
        assert wrong["who"] == "console"
        assert wrong["caller"].startswith("ipv4:127.0.0.1:")
        assert all(line["caller"].startswith("ipv4:127.0.0.1:") for line in denied + unknown)
        assert 5 <= len(denied) < 20
        assert 5 <= len(unknown) < 20
        address = json.loads(server.ready_line)["metrics"]
        with urllib.request.urlopen(f"http://{address}/metrics", timeout=20) as found:
            exposed = found.read().decode()
        for reason in ("PERMISSION_DENIED", "INVALID_CREDENTIALS"):
            assert f'assignment_access_refusals_total{{reason="{reason}"}} 20.0' in exposed
        assert SECRET not in server.log() + server.ready_line + exposed
        assert access.hashed(SECRET) not in server.log() + exposed


def test_commands_show_a_token_that_no_command_line_has(redis: RedisServer, tmp_path: Path) -> None:
    """A token comes from a file or the environment; without one, or with what is none, the command says what to do."""
    made = evenhand("token")
    token, line = (each.split(": ", 1)[1].strip() for each in made.stdout.splitlines())
    (tmp_path / "token").write_text(f"{token}\n")
    assert evenhand("token", "--of", tmp_path / "token").stdout.split(": ", 1)[1].strip() == line
    known = access.principal("operator", "admin", tokens=[line])
    with EvenhandServer(redis.url, options=["--access", str(access.write(tmp_path / "a.yaml", known))]) as server:
        command = ("roster", "-w", "w", "--server", server.address)
        assert evenhand(*command, "--token-file", tmp_path / "token").returncode == 0
        assert evenhand(*command, EVENHAND_TOKEN_FILE=tmp_path / "token").returncode == 0
        assert evenhand(*command, EVENHAND_TOKEN=token).returncode == 0
        assert evenhand("health", "--server", server.address).returncode == 0
        refused = evenhand(*command)
        assert refused.returncode == 1
        assert "say who you are by --token-file, EVENHAND_TOKEN or --tls-cert" in refused.stderr
        unknown = evenhand(*command, EVENHAND_TOKEN="evh_nobody")  # noqa: S106 - nobody's
        assert "is of nobody known, or not valid; why, the log of the service says (at info)" in unknown.stderr
        assert evenhand(*command, "--token", token).returncode == 2
        for content, problem in (
            (b"", "has no token"),
            (b"two words", "has something else"),
            (b"\xff", "has no token"),
        ):
            (tmp_path / "wrong").write_bytes(content)
            wrong = evenhand(*command, "--token-file", tmp_path / "wrong")
            assert (wrong.returncode, problem in wrong.stderr, "two words" in wrong.stderr) == (2, True, False)
    short = tmp_path / "short"
    short.write_text("guessable")
    assert evenhand("token", "--of", short).returncode == 1
    short.write_text("")
    assert evenhand("token", "--of", short).stderr == f"evenhand: --of: {short} has no token\n"


def test_apply_refuses_an_access_file(tmp_path: Path) -> None:
    """An access file is for the service to read, and no configuration of a workspace."""
    file = access.write(tmp_path / "access.yaml", access.principal("one", "read"))
    refused = evenhand("apply", file, "-w", "w", COLUMNS=500)
    assert refused.returncode == 2
    assert "evenhand serve --access" in refused.stderr
    assert evenhand("check", file).stdout == f"{file}: ok, 1 principal\n"


def test_a_command_that_also_reads_says_so(redis: RedisServer, tmp_path: Path) -> None:
    """Who may configure and not read is told by commands that change what `read` is for; `roster` adds nothing."""
    file = access.write(tmp_path / "access.yaml", access.principal("deployer", "configure"))
    roster = tmp_path / "roster.yaml"
    roster.write_text("agents: [{id: ann}]\n")
    hint = "the caller may not read in this workspace; this command also reads: the principal needs read, too\n"
    with EvenhandServer(redis.url, options=["--access", str(file)]) as server:
        at = ("-w", "w", "--server", server.address)
        for command in (("apply", roster), ("agents", "set", "ann"), ("teams", "set", "t")):
            assert evenhand(*command, *at, EVENHAND_TOKEN="deployer-token").stderr == f"evenhand: {hint}"  # noqa: S106
        plain = evenhand("roster", *at, EVENHAND_TOKEN="deployer-token")  # noqa: S106
        assert plain.stderr == "evenhand: the caller may not read in this workspace\n"


def test_access_that_is_not_what_it_seems_is_warned_of(redis: RedisServer, tmp_path: Path) -> None:
    """One line says where others may do all without an access file, and where its certificates can count for nobody."""
    file = access.write(tmp_path / "access.yaml", access.principal("one", "read"))
    with socket.create_server(("127.0.0.1", 0)) as taken:  # so that it ends before it serves anybody
        port = taken.getsockname()[1]
        for host, options, lines in (("0.0.0.0", (), 1), ("0.0.0.0", ("--access", file), 0), ("127.0.0.1", (), 0)):  # noqa: S104
            ended = evenhand("serve", "--listen", f"{host}:{port}", "--redis-url", redis.url, *options)
            assert ended.returncode == 2
            assert ended.stderr.count("everybody who reaches the service may do all: set --access") == lines
            assert "callers are asked for none" not in ended.stderr
        known = access.principal("one", "read", certificates=["dns:one.example.com"])
        access.write(file, known)
        ended = evenhand("serve", "--listen", f"127.0.0.1:{port}", "--redis-url", redis.url, "--access", file)
        assert ended.stderr.count("callers are asked for none: set --tls-client-ca") == 1
