"""What was made and is not confirmed: whoever repeats it is not told that it is there, until it is confirmed."""

from __future__ import annotations

import itertools
import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

import pytest
from evenhand.v1 import assignment_service_pb2 as api
from evenhand.v1 import roster_service_pb2 as roster_api
from evenhand.v1.rules_pb2 import RuleSet
from typer.testing import CliRunner

from service.cli.commands import app
from tests.support.builders import rule
from tests.support.client import refused
from tests.support.processes import wait_until
from tests.support.replicas import Pair, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from click.testing import Result

    from tests.support.client import Workspace
    from tests.support.processes import EvenhandServer

REDIS_TIMEOUT_S = 1.0
SLACK_S = 0.5  # of a machine that does other things, too

QUIET = ("--log-format", "json", "--log-level", "error")
"""A log in which only the trail is of interest."""


@pytest.fixture
def pair() -> Iterator[Pair]:
    """A master with a replica."""
    with ExitStack() as stack:
        pair = Pair(stack, lag_s=0.0)
        pair.attach()
        yield pair


@pytest.fixture
def served(pair: Pair) -> Iterator[tuple[EvenhandServer, Workspace]]:
    """A service that waits for the replica, and a workspace of two agents, a team, a rule and a contact."""
    with serving(pair.master, "replicated", *QUIET) as (server, workspace):
        workspace.roster("ann", "bob", x=["ann"])
        workspace.rules(rule("r"))
        workspace.created("c")
        yield server, workspace


def evenhand(server: EvenhandServer, *arguments: str) -> Result:
    """Run a command on the workspace."""
    environment = {"EVENHAND_SERVER": server.address, "EVENHAND_WORKSPACE": "w", "EVENHAND_TIMEOUT": "20s"}
    return CliRunner().invoke(app, arguments, env=environment)


COMMANDS = {
    "agents set": (["agents", "set", "cy"], "w has that already"),
    "agents set, by its default": (["agents", "set", "ann", "--weight", "1"], "w has that already"),
    "teams set": (["teams", "set", "x", "--agents", "ann,bob"], "w has that already"),
    "apply a roster": (["apply", "roster.yaml"], "is what w has already"),
    "apply rules": (["apply", "rules.yaml"], "is what w has already"),
}


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another roster and other rules, in the folder that commands run in; without and with what are defaults."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "roster.yaml").write_text("agents: [{id: ann, weight: 1}, {id: dan}]\n")
    (tmp_path / "rules.yaml").write_text(
        "rules: [{id: new, trigger: RULE_TRIGGER_CONVERSATION_OPENED, target: {everyone: true}}]\n"
    )


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_that_is_repeated_waits_for_the_replica_too(
    command: str, pair: Pair, served: tuple[EvenhandServer, Workspace]
):
    """A change that no replica has fails, and its repeat does, though nothing is left to change; then one has it."""
    words, already = COMMANDS[command]
    server, _ = served
    pair.detach()
    for _ in range(2):
        result = evenhand(server, *words)
        assert result.exit_code == 1, result.stdout
        assert "safe to repeat" in result.stderr
    pair.attach()
    result = evenhand(server, *words)
    assert (result.exit_code, result.stderr) == (0, "")
    assert already in result.stdout


@pytest.mark.usefixtures("files")
def test_rules_that_were_not_sent_are_named(pair: Pair, served: tuple[EvenhandServer, Workspace]):
    """Where `apply` has both and no replica confirms the roster, it says that the rules were not sent."""
    server, workspace = served
    pair.detach()
    result = evenhand(server, "apply", "rules.yaml", "roster.yaml")
    assert result.exit_code == 1
    assert "the rules of rules.yaml were not sent\n" in result.stderr
    assert "safe to repeat" in result.stderr
    assert workspace.get_rules().revision == 1


def test_removing_again_waits_for_the_replica_too(pair: Pair, served: tuple[EvenhandServer, Workspace]):
    """Agents and teams that are gone, but on no replica, are not NOT_FOUND before their removal is confirmed."""
    server, workspace = served
    pair.detach()
    for noun, each in (("agents", "bob"), ("teams", "x")):
        for _ in range(2):
            result = evenhand(server, noun, "remove", each)
            assert (result.exit_code, "safe to repeat" in result.stderr) == (1, True)
    with refused("UNAVAILABLE") as said:
        workspace.call("RemoveAgents", roster_api.RemoveAgentsRequest(agent_ids=["bob"]))
    assert said.reason == "NOT_DURABLE"
    pair.attach()
    for noun, each in (("agents", "bob"), ("teams", "x")):
        result = evenhand(server, noun, "remove", each)
        assert (result.exit_code, "there is no" in result.stderr) == (1, True)


def test_rules_that_no_replica_has_are_in_force(pair: Pair, served: tuple[EvenhandServer, Workspace]):
    """ConfigureRules that is answered NOT_DURABLE put them in force: GetRules has them, and decisions go by them."""
    _, workspace = served
    pair.detach()
    with refused("UNAVAILABLE") as said:
        workspace.rules(rule("new"))
    assert said.reason == "NOT_DURABLE"
    found = workspace.get_rules()
    assert (found.revision, [each.id for each in found.rule_set.rules]) == (2, ["new"])
    pair.attach()
    assert workspace.created("later").rule_id == "new"


def test_a_check_of_what_would_change_waits_for_nobody(pair: Pair, served: tuple[EvenhandServer, Workspace]):
    """With validate_only, what differs from what is in force is checked at once; what does not has to be confirmed."""
    _, workspace = served
    pair.detach()
    check: dict[str, Any] = {"workspace_id": "w", "validate_only": True}
    workspace.call("ConfigureRules", api.ConfigureRulesRequest(rule_set=RuleSet(rules=[rule("new")]), **check))
    with refused("UNAVAILABLE") as said:
        workspace.call("ConfigureRules", api.ConfigureRulesRequest(rule_set=RuleSet(rules=[rule("r")]), **check))
    assert said.reason == "NOT_DURABLE"


def test_a_change_that_no_replica_has_is_in_the_audit_trail(pair: Pair, served: tuple[EvenhandServer, Workspace]):
    """Roster, rules, owner, merge and erasure: each is a line, which says where nothing has confirmed it."""
    server, workspace = served
    pair.detach()
    for change in (
        lambda: workspace.roster("ann", "bob", "cy"),
        lambda: workspace.call("UpdateAgents", roster_api.UpdateAgentsRequest(agents=[roster_api.Agent(id="dan")])),
        lambda: workspace.rules(rule("new")),
        lambda: workspace.assign("d", "cy"),
        lambda: workspace.unassign("d"),
        lambda: workspace.merge("d", "e"),
        lambda: workspace.forget("d"),
    ):
        with refused("UNAVAILABLE") as said:
            change()
        assert said.reason == "NOT_DURABLE"
    wait_until(lambda: len(trail(server)) == 9, "all changes are in the trail", 5)
    assert [(each["what"], each.get("before"), each.get("after"), each.get("confirmed")) for each in trail(server)] == [
        ("roster", 0, 1, None),
        ("rules", 0, 1, None),
        ("roster", 1, 2, "no"),
        ("roster", 2, 3, "no"),
        ("rules", 1, 2, "no"),
        ("owner", None, "cy", "no"),
        ("owner", "cy", None, "no"),
        ("merge", None, None, "no"),
        ("forget", None, None, "no"),
    ]


def test_what_is_not_confirmed_is_told_in_time(pair: Pair, served: tuple[EvenhandServer, Workspace]):
    """However many change things at once, and in whichever way, NOT_DURABLE comes within twice --redis-timeout (1s)."""
    server, workspace = served
    pair.detach()

    def change(caller: int) -> list[float]:
        """Make some changes, one after another; return how long each took."""
        took = []
        for number in range(4):
            name = f"c-{caller}-{number}"
            began = monotonic()
            with refused("UNAVAILABLE") as said:
                (workspace.created, workspace.close, partial(workspace.assign, agent_id="ann"))[caller % 3](name)
            assert said.reason == "NOT_DURABLE"
            took.append(monotonic() - began)
            sleep(0.13 * (caller % 5))
        return took

    with ThreadPoolExecutor(12) as callers:
        assert max(itertools.chain(*callers.map(change, range(12)))) < 2 * REDIS_TIMEOUT_S + SLACK_S
    assert server.health() == "NOT_SERVING"


def trail(server: EvenhandServer) -> list[dict[str, Any]]:
    """Return the audit trail."""
    return [json.loads(line) for line in server.log().splitlines() if '"changed"' in line]
