"""`evenhand agents` and `evenhand teams`, and rosters too large for one response, against a real `evenhand serve`."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest
from evenhand.v1 import roster_service_pb2 as pb
from typer.testing import CliRunner

from service.cli.commands import app
from tests.support.builders import roster, rule, team
from tests.support.client import Service, Workspace
from tests.support.processes import EvenhandServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from click.testing import Result


@pytest.fixture(scope="module")
def server() -> Iterator[EvenhandServer]:
    """A running service."""
    with EvenhandServer() as running:
        yield running


@pytest.fixture
def workspace(server: EvenhandServer) -> Iterator[Workspace]:
    """A workspace of the agents A and B, both in the team x."""
    service = Service(server.address)
    made = Workspace(uuid.uuid4().hex, service)
    made.roster(pb.Agent(id="A", name="Asha", weight=2), "B", x=["A", "B"])
    made.rules(rule("x", to=team("x")))
    yield made
    service.close()


@pytest.fixture
def evenhand(server: EvenhandServer, workspace: Workspace) -> Callable[..., Result]:
    """Run a command in that workspace."""
    environment = {
        "EVENHAND_SERVER": server.address,
        "EVENHAND_WORKSPACE": workspace.id,
        "EVENHAND_TIMEOUT": "60s",
        "COLUMNS": "80",
    }
    return lambda *arguments: CliRunner().invoke(app, arguments, env=environment)


def test_an_agent_is_changed_and_added(evenhand, workspace):
    """Options change what they name, the rest stays; an agent who is not there is added; a dry run only shows."""
    result = evenhand("agents", "set", "A", "--limit", "5", "--disabled")
    assert (result.exit_code, result.stdout.splitlines()) == (
        0,
        [
            f"agents: changed {workspace.id}",
            "  ~ agent A: disabled: false -> true",
            "  ~ agent A: maxOpenContacts: 0 -> 5",
        ],
    )
    assert evenhand("agents", "set", "A", "--enabled").exit_code == 0
    dry = evenhand("agents", "set", "C", "--name", "Chitra", "--dry-run")
    assert dry.stdout.splitlines() == [f"agents: would change {workspace.id}", "  + agent C (Chitra)"]
    assert evenhand("agents", "set", "C", "--name", "Chitra").exit_code == 0
    assert evenhand("agents", "set", "C").stdout == f"agents: {workspace.id} has that already\n"
    found = [(one.id, one.name, one.weight, one.max_open_contacts) for one in workspace.get_roster().roster.agents]
    assert found == [("A", "Asha", 2, 5), ("B", "", 0, 0), ("C", "Chitra", 0, 0)]


def test_agents_are_removed(evenhand, workspace):
    """All who are named, or nobody if one of them is not there."""
    result = evenhand("agents", "remove", "B", "nobody")
    assert (result.exit_code, result.stderr) == (1, 'evenhand: there is no agent "nobody" in this workspace\n')
    assert evenhand("agents", "remove", "B", "A", "--dry-run").stdout.splitlines()[:3] == [
        f"agents: would change {workspace.id}",
        "  - agent B",
        "  - agent A",
    ]
    assert [one.id for one in workspace.get_roster().roster.agents] == ["A", "B"]
    result = evenhand("agents", "remove", "B", "A")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[3:] == [
        f'{workspace.id}: rule_set.rules[0].target.team_id: warning: Team "x" has no agents, so nobody can be picked.'
    ]
    assert not workspace.get_roster().roster.agents


def test_a_team_is_changed_and_added(evenhand, workspace):
    """Agents join at its end and leave it, or it gets a list of its own; what is not named stays."""
    assert evenhand("agents", "set", "C").exit_code == 0
    result = evenhand("teams", "set", "x", "--name", "Sales", "--add", "C,B", "--remove", "A")
    assert (result.exit_code, result.stdout.splitlines()) == (
        0,
        [
            f"teams: changed {workspace.id}",
            '  ~ team x: name: "" -> "Sales"',
            "  ~ team x: agentIds: [A, B] -> [B, C]",
        ],
    )
    assert evenhand("teams", "set", "y", "--agents", "C, A").stdout.splitlines()[1:] == ["  + team y"]
    assert evenhand("teams", "set", "x", "--agents", "").exit_code == 0
    found = [(one.id, one.name, list(one.agent_ids)) for one in workspace.get_roster().roster.teams]
    assert found == [("x", "Sales", []), ("y", "", ["C", "A"])]
    assert evenhand("teams", "remove", "y").stdout.splitlines()[:2] == [f"teams: changed {workspace.id}", "  - team y"]
    assert [one.id for one in workspace.get_roster().roster.teams] == ["x"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("agents", "set", "A", "--weight", "-1"), 1, "agents[0].weight: is -1"),
        (("agents", "set", "A", "--weight", "much"), 2, "--weight"),
        (("agents", "remove"), 2, "Missing argument"),
        (("agents",), 2, "Remove agents"),
        (("teams", "set", "x", "--agents", "A", "--add", "B"), 2, "cannot stand beside"),
        (("teams", "set", "x", "--remove", "C"), 1, "not in team x: C"),
        (("teams", "set", "x", "--add", "C"), 1, "teams[0].agent_ids[2]"),
        (("teams", "remove", "none"), 1, 'there is no team "none"'),
        (("teams", "set", "x", "--server", "127.0.0.1:1"), 3, "cannot reach a service"),
    ],
)
def test_what_cannot_be_done_is_said(evenhand, workspace, arguments, code, said):
    """Exit codes are those of all commands, what is wrong is named, nothing changes, and all fits 80 columns."""
    etag = workspace.get_roster().etag
    result = evenhand(*arguments)
    assert result.exit_code == code
    assert said in result.stdout + result.stderr
    assert max(map(len, (result.stdout + result.stderr).splitlines())) <= 100
    assert workspace.get_roster().etag == etag


def test_a_roster_larger_than_a_response_is_applied_and_shown(evenhand, workspace, tmp_path: Path):
    """`apply` compares with all pages, and finds no difference the second time; `roster` shows everybody."""
    ids = [f"{number:0128}" for number in range(2000)]
    whole = roster(*ids, **{f"team-{number}": ids for number in range(17)})
    assert whole.ByteSize() > 4 * 1024 * 1024
    everyone = "".join(f"  - id: '{each}'\n" for each in ids)
    listed = ", ".join(f"'{each}'" for each in ids)
    teams = "".join(f"  - id: {one.id}\n    agentIds: [{listed}]\n" for one in whole.teams)
    file = tmp_path / "roster.yaml"
    file.write_text(f"agents:\n{everyone}teams:\n{teams}")
    workspace.rules()
    first = evenhand("apply", str(file))
    assert (first.exit_code, first.output.splitlines()[-1]) == (0, "roster: applied, 2000 agents, 17 teams")
    assert f"is what {workspace.id} has already" in evenhand("apply", str(file)).stdout
    assert evenhand("roster").stdout.splitlines()[-1] == "2000 agents, 0 online, 0 open contacts"
