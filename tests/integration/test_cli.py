"""The commands for trying things by hand, as a user runs them, against a real `evenhand serve`."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import grpc
import pytest
from evenhand.v1.assignment_service_pb2 import ConfigureRulesRequest, GetRulesRequest
from evenhand.v1.assignment_service_pb2_grpc import AssignmentServiceStub
from evenhand.v1.rules_pb2 import RuleSet
from typer.testing import CliRunner

from service.cli import client
from service.cli.commands import COMMANDS, app
from tests.support.processes import EvenhandServer, RedisServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

ROSTER = """\
agents:
  - {id: A, name: Asha}
  - {id: B, name: Bilal, maxOpenContacts: 2, weight: 3}
  - {id: C, name: Chitra, disabled: true}
teams:
  - {id: sales, agentIds: [A, B]}
"""
RULES = """\
rules:
  - id: dm
    trigger: RULE_TRIGGER_NEW_CONTACT_WHATSAPP_DM
    target:
      teamId: sales
  - id: rich
    trigger: RULE_TRIGGER_TRAIT_OR_TAG_UPDATED
    condition:
      trait: {key: budget, operator: TRAIT_OPERATOR_GREATER, values: [1000]}
    target:
      agents: {agentIds: [B]}
    onlineOnly: true
    reply: Hello $contact.name, this is $agent.name.
"""

Run = subprocess.CompletedProcess


@pytest.fixture(scope="module")
def server() -> Iterator[EvenhandServer]:
    """A running service."""
    with EvenhandServer() as running:
        yield running


@pytest.fixture
def evenhand(server: EvenhandServer, tmp_path: Path) -> Callable[..., Run[str]]:
    """Run a command in a workspace of its own."""
    workspace = uuid.uuid4().hex
    (tmp_path / "roster.yaml").write_text(ROSTER)
    (tmp_path / "rules.yaml").write_text(RULES)

    def run(*arguments: str, **environment: str) -> Run[str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("EVENHAND_")}
        return subprocess.run(
            [sys.executable, "-m", "service.cli", *arguments],
            env=inherited
            | {"EVENHAND_SERVER": server.address, "EVENHAND_WORKSPACE": workspace, "EVENHAND_TIMEOUT": "30s"}
            | environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    return run


def test_apply_shows_what_changes_and_does_it_once(evenhand):
    """The first apply adds everything; the second finds nothing to change and leaves the revision alone."""
    first = evenhand("apply", "rules.yaml", "roster.yaml")
    assert first.returncode == 0, first.stderr
    for line in ("+ agent A (Asha)", "+ team sales", "+ rule dm", "+ rule rich", "rules: applied, revision 1"):
        assert line in first.stdout
    assert first.stdout.index("+ agent A") < first.stdout.index("+ rule dm")
    second = evenhand("apply", "roster.yaml", "rules.yaml")
    assert second.returncode == 0, second.stderr
    assert "applied" not in second.stdout
    assert second.stdout.count("has already") == 2
    assert "revision 1" in second.stdout


def test_apply_shows_differences_by_id(evenhand, tmp_path):
    """Changed, removed and reordered rules are named before they are replaced."""
    evenhand("apply", "rules.yaml", "roster.yaml")
    head, first, second = re.split(r"(?m)^(?=  - id)", RULES)
    (tmp_path / "rules.yaml").write_text(f"{head}{second.replace('1000', '2000')}{first}unassignOnClose: true\n")
    (tmp_path / "roster.yaml").write_text(ROSTER.replace("  - {id: C, name: Chitra, disabled: true}\n", ""))
    result = evenhand("apply", "rules.yaml", "roster.yaml")
    assert result.returncode == 0, result.stderr
    for line in (
        "- agent C",
        "~ rule rich: condition: ",
        "~ order of rules: dm, rich -> rich, dm",
        "~ unassignOnClose: false -> true",
        "applied, revision 2",
    ):
        assert line in result.stdout


def test_a_dry_run_changes_nothing(evenhand):
    """--dry-run shows the same differences, has the server check them, and stores nothing."""
    result = evenhand("apply", "rules.yaml", "roster.yaml", "--dry-run")
    assert result.returncode == 0, result.stderr
    assert "+ rule dm" in result.stdout
    assert "applied" not in result.stdout
    assert "has no agents" in evenhand("roster").stdout
    assert evenhand("apply", "roster.yaml").returncode == 0
    assert evenhand("apply", "rules.yaml", "--dry-run").returncode == 0
    assert "revision 0" in evenhand("apply", "rules.yaml", "--dry-run").stdout


def test_what_only_the_server_can_know_is_reported_by_line(evenhand):
    """Rules that name a team the server does not have are refused with the line of the file."""
    result = evenhand("apply", "rules.yaml")
    assert result.returncode == 1
    assert 'rules.yaml:5: rules[0].target.teamId: "sales"' in result.stdout
    assert "rules.yaml:11: rules[1].target.agents.agentIds[0]" in result.stdout


def test_warnings_name_rules_that_a_new_roster_leaves_without_agents(evenhand, tmp_path):
    """A roster that drops a team which rules name is applied with warnings; none come if new rules follow at once."""
    evenhand("apply", "rules.yaml", "roster.yaml")
    (tmp_path / "roster.yaml").write_text("agents: [{id: Z}]\n")
    (tmp_path / "new.yaml").write_text("rules: []\n")
    alone = evenhand("apply", "roster.yaml")
    assert alone.returncode == 0, alone.stderr
    assert ": rule_set.rules[0].target.team_id: warning: " in alone.stdout
    assert "roster: applied, 1 agent, 0 teams" in alone.stdout
    (tmp_path / "roster.yaml").write_text("agents: [{id: Y}]\n")
    both = evenhand("apply", "roster.yaml", "new.yaml")
    assert both.returncode == 0, both.stderr
    assert "warning" not in both.stdout


def test_warnings_come_in_the_order_of_lines(evenhand, tmp_path):
    """What the server warns of in a file is told in the order of its lines, whatever the server looks at first."""
    again = RULES.replace("rules:\n", "").replace("id: dm", "id: dm2").replace("id: rich", "id: rich2")
    (tmp_path / "rules.yaml").write_text(f"{RULES}{again}".replace("$agent.name.", "$agent.nam"))
    applied = evenhand("apply", "rules.yaml", "roster.yaml")
    assert applied.returncode == 0, applied.stderr
    warned = re.findall(r"^rules\.yaml:(\d+): \S+: warning: ", applied.stdout, re.MULTILINE)
    assert warned == ["13", "14", "18", "25"]


def test_apply_checks_before_it_calls(evenhand, tmp_path):
    """A file with problems is reported as by `check`, and no server is needed for that."""
    (tmp_path / "rules.yaml").write_text(RULES.replace("    trigger: RULE_TRIGGER_TRAIT_OR_TAG_UPDATED\n", ""))
    result = evenhand("apply", "rules.yaml", EVENHAND_SERVER="127.0.0.1:1")
    assert result.returncode == 1
    assert result.stdout.startswith("rules.yaml:6: rules[1].trigger: ")


def test_two_rules_files_are_wrong_usage(evenhand):
    """A workspace has one rule set, so two files for it cannot be meant."""
    result = evenhand("apply", "rules.yaml", "rules.yaml")
    assert result.returncode == 2
    assert "one rules file, not 2" in " ".join(result.stderr.split())


def test_somebody_elses_change_in_between_is_reported_and_kept(server, tmp_path, monkeypatch):
    """A change between reading and writing makes apply fail; the other's rules stay."""
    (tmp_path / "rules.yaml").write_text("rules: []\nunassignOnClose: true\n")
    workspace = uuid.uuid4().hex
    with grpc.insecure_channel(server.address) as channel:
        other = AssignmentServiceStub(channel)

        class Raced(AssignmentServiceStub):
            """The real stub, but somebody configures right after the rules were read."""

            def __init__(self, own_channel: grpc.Channel) -> None:
                super().__init__(own_channel)
                read = self.GetRules

                def get_rules(request: GetRulesRequest, timeout: float) -> object:
                    response = read(request, timeout=timeout)
                    theirs = RuleSet(fallback={"enabled": True})
                    other.ConfigureRules(ConfigureRulesRequest(workspace_id=workspace, rule_set=theirs))
                    return response

                self.GetRules = get_rules

        monkeypatch.setattr(client, "AssignmentServiceStub", Raced)
        arguments = ["apply", str(tmp_path / "rules.yaml"), "-w", workspace, "-s", server.address]
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 1
        assert "was changed by somebody else just now" in result.output
        kept = other.GetRules(GetRulesRequest(workspace_id=workspace)).rule_set
    assert (kept.fallback.enabled, kept.unassign_on_close) == (True, False)


def test_evaluate_says_who_and_why(evenhand):
    """Each outcome is told in words: the owner, the rule, the team, the strategy, the revision and the sequence."""
    evenhand("apply", "rules.yaml", "roster.yaml")
    new = evenhand("evaluate", "--contact", "c1", "--source", "whatsapp_dm")
    assert new.returncode == 0, new.stderr
    assert new.stdout.startswith("c1 is assigned to A\n")
    assert "rule dm, team sales; round robin: it was A's turn" in new.stdout
    assert re.search(r"rules revision 1, sequence \d+, 2\d\d\d-", new.stdout)
    again = evenhand("evaluate", "--contact", "c1", "--source", "whatsapp_dm")
    assert again.stdout.startswith("c1 stays with A\n")
    upload = evenhand("evaluate", "--contact", "c2", "--source", "upload")
    assert "c2 stays unassigned\n  why      no rule matched" in upload.stdout
    nobody = evenhand("evaluate", "--contact", "c2", "--trait", "budget=5000", "--updated", "budget")
    assert "nobody there is eligible now" in nobody.stdout
    evenhand("presence", "B", "--set", "online")
    arguments = ["evaluate", "--contact", "c2", "--trait", "budget=5000", "--trait", "name=Uma", "--updated", "budget"]
    rich = evenhand(*arguments, "--request-id", "r1")
    assert "reply    Hello Uma, this is Bilal." in rich.stdout
    replay = evenhand(*arguments, "--request-id", "r1")
    assert "c2 is assigned to B (the earlier answer to this request id, given again)" in replay.stdout
    owned = evenhand("evaluate", "--contact", "c3", "--event", "opened", "--owner", "Zed", "--tag", "VIP")
    assert owned.stdout.startswith("c3 stays with Zed\n")


def test_evaluate_leaves_out_who_is_excluded(evenhand):
    """`--exclude` names agents who are not to be assigned; where nobody else is left, that is said."""
    evenhand("apply", "rules.yaml", "roster.yaml")
    arguments = ["evaluate", "--source", "whatsapp_dm", "--contact"]
    assert evenhand(*arguments, "c1", "--exclude", "A").stdout.startswith("c1 is assigned to B\n")
    nobody = evenhand(*arguments, "c2", "--exclude", "A", "--exclude", "B").stdout
    assert nobody.startswith("c2 stays unassigned\n")
    assert "nobody there is eligible now (offline, disabled, full or excluded)" in nobody


def test_evaluate_says_who_opened(evenhand):
    """`--opened-by` is enough to say that a conversation was opened; another event with it is refused by its name."""
    evenhand("apply", "rules.yaml", "roster.yaml")
    owned = evenhand("evaluate", "--contact", "c1", "--opened-by", "agent", "--owner", "A")
    assert owned.stdout.startswith("c1 stays with A\n")
    wrong = evenhand("evaluate", "--contact", "c1", "--event", "created", "--opened-by", "automation")
    assert wrong.returncode == 1
    assert "opened_by: is only for EVENT_TYPE_CONVERSATION_OPENED" in wrong.stderr


def test_roster_and_presence(evenhand):
    """The table shows presence, open contacts, limit, weight and teams; a lease ends by itself."""
    evenhand("apply", "rules.yaml", "roster.yaml")
    assert evenhand("presence", "A", "B", "--set", "online").stdout == "A, B: online\n"
    evenhand("evaluate", "--contact", "c1", "--source", "whatsapp_dm")
    table = evenhand("roster").stdout
    assert re.search(r"^A +Asha +online +1 +- +1 +sales", table, re.MULTILINE)
    assert re.search(r"^B +Bilal +online +0 +2 +3 +sales", table, re.MULTILINE)
    assert re.search(r"^C +Chitra +offline \(disabled\) +0 +- +1", table, re.MULTILINE)
    assert "3 agents, 2 online, 1 open contact\n" in table
    assert evenhand("presence", "A", "--set", "busy", "--lease", "100ms").returncode == 0
    time.sleep(0.2)
    assert re.search(r"^A +Asha +offline", evenhand("roster").stdout, re.MULTILINE)


def test_an_unknown_agent_is_named(evenhand):
    """Who is not in the roster is named in one line, with exit code 1; all others are reported."""
    evenhand("apply", "roster.yaml")
    result = evenhand("presence", "Zed", "A", "Yan", "B", "--set", "online", "--lease", "1h")
    assert (result.returncode, result.stdout) == (1, "A, B: online for 1h\n")
    assert result.stderr == 'evenhand: there is no agent "Zed", no agent "Yan" in this workspace\n'
    assert re.search(r"^B +Bilal +online", evenhand("roster").stdout, re.MULTILINE)
    result = evenhand("presence", "Zed", "--set", "online")
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == 'evenhand: there is no agent "Zed" in this workspace\n'


def test_every_violation_of_a_request_has_its_line(evenhand):
    """What the server refuses is printed one line for each field."""
    result = evenhand("evaluate", "--contact", "", "--tag", "", "--workspace", "x" * 129)
    assert result.returncode == 1
    fields = [line.split(":")[0] for line in result.stderr.splitlines()]
    assert sorted(fields) == ["contact.id", "contact.tags[0]", "evenhand", "workspace_id"]


@pytest.mark.parametrize("command", [["roster"], ["evaluate", "-c", "x"], ["presence", "A", "--set", "busy"]])
def test_nobody_listening_is_one_clear_line(evenhand, command):
    """An unreachable server is exit code 3 and one line, never a traceback."""
    result = evenhand(*command, EVENHAND_SERVER="127.0.0.1:1")
    assert (result.returncode, result.stdout) == (3, "")
    assert len(result.stderr.splitlines()) == 1
    assert "cannot reach a service at 127.0.0.1:1: Connection refused" in result.stderr


def test_a_silent_server_is_given_up(evenhand):
    """A server that takes the connection and says nothing is given up at the deadline, with exit code 3."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        result = evenhand("roster", EVENHAND_SERVER=address, EVENHAND_TIMEOUT="300ms")
    assert result.returncode == 3
    assert result.stderr == f"evenhand: no answer from {address} within 0.3 s\n"


def test_another_grpc_service_is_told_from_evenhand(evenhand):
    """A gRPC server without our services is said to be something else."""
    other = grpc.server(ThreadPoolExecutor(1))
    port = other.add_insecure_port("127.0.0.1:0")
    other.start()
    try:
        result = evenhand("roster", EVENHAND_SERVER=f"127.0.0.1:{port}")
    finally:
        other.stop(None)
    assert (result.returncode, "is not Evenhand" in result.stderr) == (3, True)


def test_redis_away_is_said_with_when_to_try_again(evenhand):
    """While the service has no Redis, a command ends with one line that says so, and exit code 1."""
    with RedisServer() as redis, EvenhandServer(redis_url=redis.url) as server:
        redis.stop()
        result = evenhand("roster", EVENHAND_SERVER=server.address)
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1
    assert re.search(r"try again in [\d.]+ s", result.stderr)


def test_a_server_without_a_port_is_wrong_usage(evenhand):
    """An address without a port is refused before anything is called."""
    assert evenhand("roster", "--server", "localhost").returncode == 2


def test_help_names_every_command():
    """`evenhand --help` shows each command by its name, groups too."""
    shown = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "80"}).output
    for name in COMMANDS:
        assert re.search(rf"^. {name} ", shown, re.MULTILINE), f"{name} in {shown}"
