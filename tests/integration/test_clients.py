"""The example clients in four languages, built and run against a real service: all of them do and say the same."""

from __future__ import annotations

import re
import runpy
from typing import TYPE_CHECKING

import pytest

from tests.support import wants
from tests.support.builders import rule
from tests.support.callers import BUILDERS, CLIENTS, EXAMPLES, Caller, MissingError
from tests.support.client import Service, Workspace
from tests.support.processes import EvenhandServer, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.timeout(300)  # compilers on a busy machine
INVALID = {"go": "InvalidArgument"}  # what each language calls a code
UNAVAILABLE = {"go": "Unavailable"}
FIELD = {"node": "workspaceId"}  # as the caller wrote it, who writes JSON


@pytest.fixture(scope="module")
def server() -> Iterator[EvenhandServer]:
    """A running service."""
    with EvenhandServer() as running:
        yield running


@pytest.fixture(scope="module", params=BUILDERS)
def language(request: pytest.FixtureRequest) -> str:
    """Each language that there is a client in."""
    return str(request.param)


@pytest.fixture(scope="module")
def caller(language: str, tmp_path_factory: pytest.TempPathFactory) -> Caller:
    """The client in that language, built; skipped where this machine has not got what that takes."""
    try:
        return BUILDERS[language](tmp_path_factory.mktemp(language))
    except MissingError as missing:
        pytest.skip(str(missing))


def test_outcomes_are_told_apart(caller: Caller, server: EvenhandServer, language: str):
    """A client prints the service's health, who got the contact, a replay as such, and that nobody wanted it."""
    shop = Workspace(f"shop-{language}", Service(server.address))
    shop.roster("ann")
    shop.rules(rule("everyone"))
    for suffix in ("", " (as decided before)"):
        done = caller.run(server.address, shop.id, "c-1")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == f"health: SERVING\nc-1: OUTCOME_ASSIGNED ann{suffix}\n"
    assert shop.owner("c-1") == "ann"
    done = caller.run(server.address, f"empty-{language}", "c-2")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "health: SERVING\nc-2: OUTCOME_NO_RULE_MATCHED, stays unassigned\n"


def test_details_of_an_error_are_read(caller: Caller, server: EvenhandServer, language: str):
    """A client that is refused prints the reason, and each wrong field by its name."""
    done = caller.run(server.address, "", "c-3")
    assert (done.returncode, done.stdout) == (1, "health: SERVING\n")
    first, *fields = done.stderr.splitlines()
    assert first == f"{INVALID.get(language, 'INVALID_ARGUMENT')} INVALID_FIELDS"
    wrong = "is missing; it needs 1 to 128 printable characters"
    assert fields == [f"  {FIELD.get(language, 'workspace_id')}: {wrong}"]


def test_a_service_that_is_not_there_is_an_error(caller: Caller, language: str):
    """A client that reaches nobody ends within its deadline, and says so; there are no details to read then."""
    done = caller.run(f"127.0.0.1:{free_port()}", "shop", "c-4")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"{UNAVAILABLE.get(language, 'UNAVAILABLE')} ")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("language", "remedy"), [("node", wants.NODE), ("go", wants.GO), ("java", wants.JAVA)], indirect=["language"]
)
def test_what_is_missing_is_said(language: str, remedy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Where a client cannot be built, its tests are skipped with what would un-skip them."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingError) as missing:
        BUILDERS[language](tmp_path)
    assert wants.summary([str(missing.value)]) == f"Skipped: 1; to run them: {remedy} (1)."


def test_all_connect_alike():
    """Each client has the options of the one way to connect, by its language's names for them."""
    options = runpy.run_path(str(EXAMPLES / "cluster_client.py"))["OPTIONS"]
    numbers = {name: value for name, value in options.items() if isinstance(value, int)}
    node = (CLIENTS / "node" / "client.js").read_text()
    assert {name: int(value) for name, value in re.findall(r'"(grpc\.\w+)": ([\d_]+),', node)} == numbers
    seconds = {name: value / 1000 for name, value in numbers.items()}
    go = (CLIENTS / "go" / "main.go").read_text()
    assert f"Time: {seconds['grpc.keepalive_time_ms']:.0f} * time.Second" in go
    assert f"Timeout: {seconds['grpc.keepalive_timeout_ms']:.0f} * time.Second" in go
    assert f"= {numbers['grpc.initial_reconnect_backoff_ms']}*time.Millisecond, " in go
    assert f", {seconds['grpc.max_reconnect_backoff_ms']:.0f}*time.Second" in go
    java = (CLIENTS / "java" / "Client.java").read_text()
    assert f"keepAliveTime({seconds['grpc.keepalive_time_ms']:.0f}, TimeUnit.SECONDS)" in java
    assert f"keepAliveTimeout({seconds['grpc.keepalive_timeout_ms']:.0f}, TimeUnit.SECONDS)" in java
    assert f'"networkaddress.cache.ttl", "{seconds["grpc.dns_min_time_between_resolutions_ms"]:.0f}"' in java
