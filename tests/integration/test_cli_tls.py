"""The commands over TLS: with the right files they work, and with any other they say what to do about it."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.certificates import Authority, Files, without_evenhand
from tests.support.processes import EvenhandServer, RedisServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COMMANDS = pytest.mark.parametrize("command", [["health"], ["roster", "-w", "w"]], ids=["health", "roster"])
"""One that goes without gRPC's library, and one of those that have it."""


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The authority of the services."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def caller(authority: Authority) -> Files:
    """A certificate of a caller."""
    return authority.issue("caller", "caller@example.com")


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    """A Redis for both services."""
    with RedisServer() as running:
        yield running


@pytest.fixture(scope="module")
def server(redis: RedisServer, authority: Authority) -> Iterator[EvenhandServer]:
    """A service that anybody may call."""
    with EvenhandServer(redis.url, options=authority.issue("server").options()) as running:
        yield running


@pytest.fixture(scope="module")
def strict(redis: RedisServer, authority: Authority) -> Iterator[EvenhandServer]:
    """A service whose callers need a certificate."""
    options = [*authority.issue("strict").options(), "--tls-client-ca", str(authority.file)]
    with EvenhandServer(redis.url, options=options) as running:
        yield running


def evenhand(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command."""
    return subprocess.run(
        [sys.executable, "-m", "service.cli", *map(str, arguments)],
        env=dict(without_evenhand()) | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@COMMANDS
def test_options_and_variables_reach_a_service_over_tls(
    server: EvenhandServer, strict: EvenhandServer, authority: Authority, caller: Files, command: list[str]
) -> None:
    """The authority is enough for a service that asks for no certificate; with one of its own a caller reaches both."""
    assert evenhand(*command, "-s", server.address, "--tls-ca", authority.file).returncode == 0
    assert evenhand(*command, "-s", strict.address, "--tls-ca", authority.file, *caller.options()).returncode == 0
    variables = {"EVENHAND_TLS_CA": authority.file, "EVENHAND_TLS_CERT": caller.cert, "EVENHAND_TLS_KEY": caller.key}
    texts = {name: str(path) for name, path in variables.items()}
    assert evenhand(*command, EVENHAND_SERVER=strict.address, **texts).returncode == 0


@COMMANDS
def test_who_is_not_let_in_hears_why(
    server: EvenhandServer, strict: EvenhandServer, authority: Authority, tmp_path: Path, command: list[str]
) -> None:
    """In one line: TLS is missing, a certificate is missing or a stranger's, or the service's own is not trusted."""
    stranger = Authority(tmp_path / "stranger")
    unknown = stranger.issue("unknown", "caller@example.com")
    for place, options, reason in (
        (server, [], "the connection was closed. Does it speak TLS only (--tls-ca)?"),
        (server, ["--tls-ca", stranger.file], "is not trusted: unable to get local issuer certificate"),
        (strict, ["--tls-ca", authority.file], "the connection was closed. Does it ask for a certificate"),
        (strict, ["--tls-ca", authority.file, *unknown.options()], "was closed. Does it trust your certificate?"),
    ):
        said = evenhand(*command, "-s", place.address, *options)
        assert (said.returncode, said.stdout) == (3, "")
        assert reason in said.stderr
        assert len(said.stderr.splitlines()) == 1


@COMMANDS
def test_plain_text_is_called_that(redis: RedisServer, authority: Authority, command: list[str]) -> None:
    """Where a service answers in plain text, who asks by TLS is told so, and not that nothing runs there."""
    with EvenhandServer(redis.url) as plain:
        said = evenhand(*command, "-s", plain.address, "--tls-ca", authority.file)
    hint = "if it is Evenhand in plain text, leave --tls-ca out"
    assert said.stderr == f"evenhand: something answers at {plain.address}, but not by TLS; {hint}\n"
    assert said.returncode == 3


@COMMANDS
def test_another_name_is_not_trusted(redis: RedisServer, authority: Authority, command: list[str]) -> None:
    """A certificate of the right authority for another host is refused."""
    with EvenhandServer(redis.url, options=authority.issue("elsewhere", "other.example.com").options()) as elsewhere:
        said = evenhand(*command, "-s", elsewhere.address, "--tls-ca", authority.file)
    assert said.returncode == 3
    assert f"the certificate of {elsewhere.address} is not trusted: " in said.stderr


@COMMANDS
def test_wrong_files_are_named(authority: Authority, caller: Files, tmp_path: Path, command: list[str]) -> None:
    """A file that is missing or holds something else is wrong usage, before anybody is called: exit code 2."""
    empty, missing = tmp_path / "empty", tmp_path / "missing"
    empty.touch()
    ca = ["--tls-ca", authority.file]
    for options, reason in (
        (["--tls-ca", missing], f"cannot read {missing}: No such file or directory"),
        (["--tls-ca", empty], f"--tls-ca: {empty} has no certificate in PEM"),
        ([*ca, "--tls-cert", caller.cert, "--tls-key", missing], f"cannot read {missing}"),
        ([*ca, "--tls-cert", caller.cert, "--tls-key", empty], "are not a certificate and its key in PEM"),
        ([*ca, "--tls-cert", caller.cert], "--tls-cert and --tls-key"),
        (caller.options(), "needs --tls-ca"),
    ):
        said = evenhand(*command, *options)
        assert (said.returncode, said.stdout) == (2, "")
        assert reason in " ".join(said.stderr.replace("│", "").split())
