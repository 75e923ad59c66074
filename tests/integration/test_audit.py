"""`evenhand audit` against a Redis in which counts were spoilt by hand."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from service.cli.commands import app
from service.redis_client.client import RedisClient
from service.rules.plan import Change
from service.store import keys
from service.store.audit import audit_workspace, repair_workspace
from service.store.values import NO_CHOICE, Case, Opens
from tests.support import plans
from tests.support.builders import rule
from tests.support.client import Service, Workspace
from tests.support.processes import EvenhandServer, RedisServer, wait_until
from tests.support.stores import decide, open_store, raw

if TYPE_CHECKING:
    from collections.abc import Iterator

CONTACTS = 1500
VIEW = plans.view("*", 2)
CHOICE = plans.choice(VIEW).ref
# A workspace whose id means something in a glob pattern, beside one that such a pattern would match as well.
WORKSPACE, NEIGHBOR = "w[12]*", "w1"


@pytest.fixture
def redis() -> Iterator[RedisClient]:
    """A Redis with two workspaces of 1,500 open contacts each over three agents, by fewest open contacts."""
    with RedisServer() as server:
        redis = RedisClient(server.url, 5.0)
        store = open_store(redis)
        for workspace in (WORKSPACE, NEIGHBOR):
            made = store.workspace(workspace)
            version = made.configure(
                made.configuration(),
                plans.everyone_in((VIEW,), ("ann", "bob", "cy")),
                rules=plans.rules(VIEW),
                unassign_on_close=False,
            )
            decide(
                store,
                workspace,
                version,
                [Case(f"contact-{n}", "", Opens.NONE, "", CHOICE, "") for n in range(CONTACTS)],
            )
            made.close("contact-7")
        yield redis
        redis.close()


def test_all_is_right_after_honest_work(redis):
    """Counts that only scripts changed are those of the records."""
    found = audit_workspace(redis, WORKSPACE)
    assert (found.contacts, found.agents, found.drifts, found.quiet) == (CONTACTS - 1, 3, (), True)


def test_a_drift_is_found_and_repaired(redis):
    """A count that was spoilt is found, set right, and counts again in the very next decision."""
    root = keys.root(WORKSPACE)
    raw(redis, b"HSET", root + b":agent:1", b"open", 3)
    found = audit_workspace(redis, WORKSPACE)
    assert [(drift.agent_id, drift.kept, drift.counted) for drift in found.drifts] == [("ann", 3, 500)]
    assert repair_workspace(redis, WORKSPACE, found)
    assert audit_workspace(redis, WORKSPACE).drifts == ()
    store = open_store(redis)
    version = store.rules([WORKSPACE])[0].version
    (answer,) = decide(store, WORKSPACE, version, [Case("new", "", Opens.NONE, "", CHOICE, "")])
    assert answer.agent == b"bob"  # 499 open, since contact 7 was closed


def test_no_repair_over_what_happened_since(redis):
    """A repair is refused when anything happened in the workspace after the records were counted."""
    root = keys.root(WORKSPACE)
    raw(redis, b"HSET", root + b":agent:1", b"open", 3)
    found = audit_workspace(redis, WORKSPACE)
    open_store(redis).workspace(WORKSPACE).close("contact-8")
    assert not repair_workspace(redis, WORKSPACE, found)
    assert audit_workspace(redis, WORKSPACE).drifts


def test_the_command_says_what_it_found(redis):
    """`evenhand audit` says how many were compared; and of a workspace of which nothing is known it says just that."""

    def said(workspace: str, code: int = 0) -> str:
        ended = CliRunner().invoke(app, ["audit", "--workspace", workspace, "--redis-url", redis._monitor.url])
        assert ended.exit_code == code, ended.output
        return ended.output

    assert "all counts right" in said(WORKSPACE)
    nothing = "Workspace mistyped: nothing is known of it in this Redis. Are both the right ones, or was its state lost"
    assert said("mistyped", code=1) == f"{nothing} (`evenhand apply`, `evenhand accept-loss`)?\n"


def test_owners_whom_the_roster_does_not_know_are_named(redis):
    """Each with its open contacts, up to twenty, which is no fault; those who left the roster if a contact is open."""
    store = open_store(redis)
    made = store.workspace(WORKSPACE)
    version = made.configure(
        made.configuration(), Change({}, [], ["bob"], []), rules=plans.rules(VIEW), unassign_on_close=False
    )
    named = [("Ann ", Opens.ANY), ("null", Opens.NONE), *((f"other-{number}", Opens.NONE) for number in range(20))]
    decide(store, WORKSPACE, version, [Case(f"of {owner}", owner, opens, "", NO_CHOICE, "") for owner, opens in named])
    ended = CliRunner().invoke(app, ["audit", "--workspace", WORKSPACE, "--redis-url", redis._monitor.url])
    first, owners = ended.output.splitlines()
    assert "all counts right" in first
    assert owners.startswith(
        'Owners whom the roster does not know: "bob" (499 open contacts), "Ann " (1 open contact), '
    )
    assert '"null" (0 open contacts), "other-0" (0 open contacts), ' in owners
    assert owners.endswith('"other-16" (0 open contacts) and 3 more')
    assert ended.exit_code == 0
    for number in range(CONTACTS):
        made.close(f"contact-{number}")
    assert audit_workspace(redis, WORKSPACE).unknown[0] == ("Ann ", 1)


def test_the_command_takes_the_file_of_the_service_beside_it(redis, tmp_path, monkeypatch):
    """In a pod it finds Redis by the file that the service has; an address that is given wins over that."""
    file = tmp_path / "url"
    file.write_text(redis._monitor.url)
    monkeypatch.setenv("EVENHAND_REDIS_URL_FILE", str(file))
    command = ["audit", "--workspace", WORKSPACE]
    assert CliRunner().invoke(app, command).exit_code == 0
    file.unlink()
    assert CliRunner().invoke(app, command).exit_code == 2
    assert CliRunner().invoke(app, [*command, "--redis-url", redis._monitor.url]).exit_code == 0


@pytest.fixture
def elsewhere() -> Iterator[Path]:
    """A temporary folder with a short path."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.mark.parametrize("folder", ["data", f"{'long' * 25}/data"])
def test_the_command_reaches_the_embedded_redis_of_a_running_service(folder, tmp_path, elsewhere):
    """By its data folder, however long its path, from wherever it is named, with a temporary folder of its own."""
    (tmp_path / folder).parent.mkdir(exist_ok=True)
    with EvenhandServer(workdir=tmp_path, data_dir=tmp_path / folder) as server:
        team = Workspace("w", Service(server.address))
        team.roster("ann")
        team.rules(rule("everyone"))
        team.created("contact")
        ended = subprocess.run(
            [sys.executable, "-m", "service.cli", "audit", "--workspace", "w", "--data-dir", folder],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            cwd=tmp_path,
            env=os.environ | {"TMPDIR": str(elsewhere)},
        )
        assert (ended.returncode, ended.stderr) == (0, "")
        assert ended.stdout == "Workspace w: 1 open contact, 1 agent compared, all counts right\n"
        assert not list(elsewhere.iterdir())  # nothing stays behind
        assert server.health() == "SERVING"


def test_a_service_that_does_not_run_is_said_so(tmp_path):
    """Exit code 3 and one line: which folder has no Redis, or that the one in it does not answer."""
    for folder in (tmp_path / "data", tmp_path / ("long" * 30)):
        for there in (False, True):
            if there:
                (folder / "redis.sock").touch()
            for command in ("audit", "accept-loss"):
                ended = CliRunner().invoke(app, [command, "--workspace", "w", "--data-dir", str(folder)])
                assert (ended.exit_code, ended.stdout) == (3, "")
                remedy = "name its folder by --data-dir, or another Redis by --redis-url"
                nobody = f"no service keeps its Redis in {folder}: there is no redis.sock; {remedy}"
                silent = "Redis does not answer; is the service (or its Redis) running?"
                assert ended.stderr == f"evenhand: {silent if there else nobody}\n"


def test_a_redis_that_refuses_is_not_silent(tmp_path):
    """What a Redis says that cannot write to its disk is said, and not that it does not answer."""
    with RedisServer(options=("--save", "3600 1"), workdir=tmp_path) as redis:
        (tmp_path / "dump.rdb").mkdir()  # so that no snapshot can be written
        with redis.client() as client:
            client.bgsave()
            wait_until(lambda: client.info("persistence")["rdb_last_bgsave_status"] == "err", "it cannot be written")
            for _ in range(2):
                ended = CliRunner().invoke(app, ["accept-loss", "--workspace", "w", "--redis-url", redis.url])
                assert ended.exit_code == 3
                assert ended.stderr.startswith("evenhand: Redis answers, and refuses: MISCONF ")
