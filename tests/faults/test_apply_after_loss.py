"""`evenhand apply` on a workspace whose state was lost: what errors, alerts and runbooks name as the cure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from service.cli.commands import app
from tests.support.builders import ASSIGNED, rule
from tests.support.client import Service, Workspace, refused
from tests.support.processes import EvenhandServer, RedisServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from click.testing import Result

ROSTER = "agents: [{id: ann, name: Ann}]\n"
RULES = "rules: [{id: r, trigger: RULE_TRIGGER_NEW_CONTACT_WHATSAPP_DM, target: {everyone: true}}]\n"
LOST = "w: its state was lost, and would be configured anew"
STILL_LOST = (
    "w: its rules are still lost, and contacts refused; "
    "apply a rules file, too, or accept that by `evenhand accept-loss`"
)


@pytest.fixture
def lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """A workspace that was decided about, whose state is lost, and files to configure it anew."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "roster.yaml").write_text(ROSTER)
    (tmp_path / "rules.yaml").write_text(RULES)
    with RedisServer() as redis, EvenhandServer(redis.url) as server:
        monkeypatch.setenv("EVENHAND_SERVER", server.address)
        monkeypatch.setenv("EVENHAND_WORKSPACE", "w")
        service = Service(server.address)
        workspace = Workspace("w", service)
        workspace.roster("ann")
        workspace.rules(rule("r"))
        assert workspace.created("before").outcome == ASSIGNED
        with redis.client() as client:
            client.flushall()
        with refused("UNAVAILABLE") as said:
            workspace.created("after")
        assert said.reason == "STATE_LOST"
        yield workspace
        service.close()


def evenhand(*arguments: str) -> Result:
    """Run a command on the workspace."""
    return CliRunner().invoke(app, arguments)


def test_apply_configures_a_lost_workspace_anew(lost: Workspace):
    """Roster and rules in one go: one line says that the state was lost, and contacts are decided about again."""
    result = evenhand("apply", "roster.yaml", "rules.yaml")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        LOST,
        "roster: roster.yaml would change w",
        "  + agent ann (Ann)",
        "roster: applied, 1 agent, 0 teams",
        "rules: rules.yaml would change w",
        "  + rule r",
        "rules: applied, revision 1",
    ]
    assert lost.created("after").agent_id == "ann"
    again = evenhand("apply", "roster.yaml", "rules.yaml")
    assert again.stdout.count("is what w has already") == 2


def test_apply_takes_one_file_after_the_other(lost: Workspace):
    """The roster alone, and then the rules alone: each says that the state was lost; after both it is well."""
    for file in ("roster.yaml", "rules.yaml"):
        result = evenhand("apply", file)
        assert (result.exit_code, result.stdout.splitlines()[0]) == (0, LOST)
    assert lost.created("after").agent_id == "ann"


def test_a_roster_alone_does_not_end_a_loss(lost: Workspace):
    """After a roster alone `apply` says that the rules are still lost, also when nothing of the roster changes."""
    first, again = evenhand("apply", "roster.yaml"), evenhand("apply", "roster.yaml")
    assert (first.exit_code, again.exit_code) == (0, 0)
    assert first.stdout.splitlines()[-2:] == ["roster: applied, 1 agent, 0 teams", STILL_LOST]
    assert again.stdout.splitlines() == ["roster: roster.yaml is what w has already", STILL_LOST]
    with refused("UNAVAILABLE"):
        lost.created("after")
    evenhand("apply", "rules.yaml")
    assert STILL_LOST not in evenhand("apply", "roster.yaml").stdout


def test_rules_alone_end_a_loss(lost: Workspace):
    """Rules without a roster are in force; there is nobody yet to take a contact."""
    result = evenhand("apply", "rules.yaml")
    assert (result.exit_code, result.stdout.splitlines()[0]) == (0, LOST)
    assert lost.created("after").agent_id == ""


def test_no_rules_are_a_configuration_too(lost: Workspace, tmp_path: Path):
    """A rule set of no rules, and so no difference from what is there, is put in force, and ends the loss."""
    (tmp_path / "rules.yaml").write_text("rules: []\n")
    result = evenhand("apply", "rules.yaml")
    assert (result.exit_code, result.stdout.splitlines()[-1]) == (0, "rules: applied, revision 1")
    assert lost.created("after").agent_id == ""


def test_a_dry_run_shows_what_would_be_configured(lost: Workspace):
    """With --dry-run it says what it would do, and the state stays lost."""
    result = evenhand("apply", "roster.yaml", "rules.yaml", "--dry-run")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines()[0] == LOST
    assert "roster: roster.yaml would change w" in result.stdout
    assert "rules: rules.yaml would change w" in result.stdout
    with refused("UNAVAILABLE") as said:
        lost.created("after")
    assert said.reason == "STATE_LOST"


@pytest.mark.usefixtures("lost")
def test_commands_that_change_some_of_it_name_the_cure():
    """Where nothing is left to change some of, `agents set` and `teams set` say which command configures all of it."""
    for noun in ("agents", "teams"):
        result = evenhand(noun, "set", "x")
        assert result.exit_code == 1
        assert "`evenhand apply` configures them, `evenhand accept-loss` accepts it" in result.stderr
