"""`evenhand contacts`, as a user runs it, against a real `evenhand serve`."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from service.cli.commands import app
from tests.support.builders import rule
from tests.support.client import Service, Workspace
from tests.support.processes import EvenhandServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from click.testing import Result


@pytest.fixture(scope="module")
def server() -> Iterator[EvenhandServer]:
    """A running service."""
    with EvenhandServer() as running:
        yield running


@pytest.fixture
def team(server: EvenhandServer) -> Iterator[Workspace]:
    """Ann has three contacts, one of them closed, bob has two, and one has nobody."""
    service = Service(server.address)
    workspace = Workspace(uuid.uuid4().hex, service)
    workspace.roster("ann", "bob")
    workspace.rules(rule("r"))
    workspace.takes(*(f"c-{number}" for number in range(6)))
    workspace.close("c-0")
    workspace.unassign("c-5")
    yield workspace
    service.close()


def contacts(team: Workspace, server: EvenhandServer, *words: str) -> Result:
    """Run `evenhand contacts` in that workspace, on a narrow terminal."""
    where = {"EVENHAND_SERVER": server.address, "EVENHAND_WORKSPACE": team.id, "COLUMNS": "80"}
    return CliRunner().invoke(app, ["contacts", *words], env=where)


def rows(result: Result) -> list[list[str]]:
    """The rows of a table, in order."""
    assert result.exit_code == 0, result.output
    heading, *lines, _ = result.stdout.splitlines()
    assert heading.split() == ["Contact", "Owner", "State"]
    return sorted(line.split() for line in lines)


def test_contacts_are_listed_by_owner_and_state(team: Workspace, server: EvenhandServer):
    """All, those of one owner, those that are open, and the others."""
    everybody = rows(contacts(team, server, "list"))
    assert everybody == [
        ["c-0", "ann", "closed"],
        ["c-1", "bob", "open"],
        ["c-2", "ann", "open"],
        ["c-3", "bob", "open"],
        ["c-4", "ann", "open"],
        ["c-5", "-", "unassigned"],
    ]
    assert rows(contacts(team, server, "list", "--owner", "ann")) == [row for row in everybody if row[1] == "ann"]
    assert rows(contacts(team, server, "list", "--open")) == [row for row in everybody if row[2] == "open"]
    assert rows(contacts(team, server, "list", "--not-open")) == [row for row in everybody if row[2] != "open"]
    assert contacts(team, server, "list", "--owner", "cy").stdout == "0 contacts\n"


def test_one_long_id_makes_no_wide_list(team: Workspace, server: EvenhandServer):
    """Beside an id of 128 characters all others are listed within 80 columns, and no line ends with space."""
    team.takes("x" * 128)
    lines = contacts(team, server, "list").stdout.splitlines()
    assert [line for line in lines if len(line) > 80] == [f"{'x' * 128}  ann  open"]
    assert [line for line in lines if line != line.rstrip()] == []


def test_open_and_not_open_are_wrong_usage(team: Workspace, server: EvenhandServer):
    """A contact cannot be open and not open: both options together are refused, in whichever order."""
    for both in (["--open", "--not-open"], ["--not-open", "--open"]):
        wrong = contacts(team, server, "list", *both)
        assert (wrong.exit_code, wrong.stdout) == (2, "")
        assert "cannot stand beside --not-open" in wrong.stderr


def test_many_are_listed_with_all(team: Workspace, server: EvenhandServer):
    """A hundred are shown unless all are asked for; either says how many there are to see."""
    team.created_in_batch(f"more-{number}" for number in range(150))
    some = contacts(team, server, "list")
    assert (len(rows(some)), some.stdout.splitlines()[-1]) == (100, "The first 100 contacts; --all shows all.")
    everybody = contacts(team, server, "list", "--all")
    assert (len(rows(everybody)), everybody.stdout.splitlines()[-1]) == (156, "156 contacts")


def test_a_contact_is_shown(team: Workspace, server: EvenhandServer):
    """Owner, state, and why; what is not known is said, with exit code 1."""
    shown = contacts(team, server, "show", "c-1").stdout.splitlines()
    assert shown[0] == "c-1 belongs to bob, open"
    assert shown[1].startswith("  why      rule r")
    assert contacts(team, server, "show", "c-0").stdout.startswith("c-0 belongs to ann, closed\n")
    assert contacts(team, server, "show", "c-5").stdout.startswith("c-5 belongs to nobody\n")
    unknown = contacts(team, server, "show", "nobody")
    assert (unknown.exit_code, unknown.stderr) == (1, 'evenhand: there is no contact "nobody" in this workspace\n')


def test_no_owner_is_explained_by_a_decision_for_another(team: Workspace, server: EvenhandServer):
    """Where another owner was named by hand, a caller or a merge, or was taken away, that is said, and no reason."""
    by_others = "  why      named by hand, by a caller or by a merge"
    team.assign("c-1", "ann")
    assert contacts(team, server, "show", "c-1").stdout.splitlines()[:2] == [
        "c-1 belongs to ann, open",
        f"{by_others}; the latest decision assigned it to bob",
    ]
    team.roster()
    assert team.created("new").agent_id == ""
    assert contacts(team, server, "show", "new").stdout.splitlines()[1].startswith("  why      rule r")
    team.opened("new", owner="asha")
    shown = contacts(team, server, "show", "new").stdout.splitlines()
    assert shown[:2] == ["new belongs to asha, open", f"{by_others}; the latest decision left it unassigned"]
    assert shown[2].startswith("  decided  rules revision 1, sequence ")
    team.opened("named", owner="asha")
    assert contacts(team, server, "show", "named").stdout.splitlines() == ["named belongs to asha, open", by_others]
    assert contacts(team, server, "show", "c-5").stdout.splitlines()[:2] == [
        "c-5 belongs to nobody",
        "  why      taken away by hand, or on closing; the latest decision assigned it to bob",
    ]


def test_two_ids_are_merged(team: Workspace, server: EvenhandServer):
    """The command says who holds; again, it says that they are one already; the old id shows the new one."""
    assert contacts(team, server, "merge", "c-1", "c-2").stdout == (
        "c-1 is c-2 from now on, which belongs to ann, open\n"
    )
    assert contacts(team, server, "merge", "c-1", "c-2").stdout == (
        "c-1 and c-2 are one contact already: c-2, which belongs to ann, open\n"
    )
    assert contacts(team, server, "show", "c-1").stdout.splitlines()[:2] == [
        "c-1 was merged into c-2",
        "c-2 belongs to ann, open",
    ]
    event = ["evaluate", "--contact", "c-1", "--event", "opened"]
    where = {"EVENHAND_SERVER": server.address, "EVENHAND_WORKSPACE": team.id}
    assert CliRunner().invoke(app, event, env=where).stdout.splitlines()[:2] == [
        "c-1 was merged into c-2",
        "c-2 stays with ann",
    ]
    circle = contacts(team, server, "merge", "c-2", "c-1")
    assert circle.exit_code == 1
    assert circle.stderr == (
        "evenhand: they are one contact already: into_contact_id is an old id of from_contact_id, which holds\n"
    )
    same = contacts(team, server, "merge", "c-2", "c-2")
    assert (same.exit_code, same.stderr.splitlines()[1]) == (
        1,
        "into_contact_id: is from_contact_id, too; name two ids",
    )


@pytest.mark.parametrize("space", [" ", "\t", "\r\n"])
def test_space_around_an_id_is_no_merge(team: Workspace, server: EvenhandServer, space: str):
    """Space around the id that a command is given is taken off, and no merge is told of that never happened."""
    shown = contacts(team, server, "show", f"{space}c-1{space}").stdout.splitlines()
    assert shown[0] == "c-1 belongs to bob, open"
    event = ["evaluate", "-c", f"{space}c-1{space}"]
    where = {"EVENHAND_SERVER": server.address, "EVENHAND_WORKSPACE": team.id}
    assert CliRunner().invoke(app, event, env=where).stdout.splitlines()[0] == "c-1 stays with bob"
    assert contacts(team, server, "merge", f"{space}c-1", f"c-2{space}").stdout == (
        "c-1 is c-2 from now on, which belongs to ann, open\n"
    )
    assert contacts(team, server, "forget", f"c-2{space}").stdout == "c-2 is forgotten\n"
    blank = contacts(team, server, "show", space)
    assert (blank.exit_code, blank.stderr.splitlines()[1].endswith("is blank; an id is seen")) == (1, True)


def test_an_id_cannot_turn_a_line_around(team: Workspace, server: EvenhandServer):
    """Ids that have marks which override directions are printed with them escaped, whatever is said of them."""
    odd, shown = "c\u202e1\u2069", "c\\u202e1\\u2069"
    team.roster("ann", "bob", f"{odd}a")
    where = {"EVENHAND_SERVER": server.address, "EVENHAND_WORKSPACE": team.id}
    created = CliRunner().invoke(app, ["evaluate", "-c", odd, "--owner", f"{odd}a"], env=where)
    assert created.stdout.splitlines()[0] == f"{shown} stays with {shown}a"
    assert contacts(team, server, "show", odd).stdout.splitlines()[0] == f"{shown} belongs to {shown}a, closed"
    assert [shown, f"{shown}a", "closed"] in rows(contacts(team, server, "list"))
    assert contacts(team, server, "show", f"{odd}0").stderr == (
        f'evenhand: there is no contact "{shown}0" in this workspace\n'
    )
    assert CliRunner().invoke(app, ["roster"], env=where).stdout.splitlines()[3].split()[0] == f"{shown}a"
    gone = CliRunner().invoke(app, ["agents", "remove", f"{odd}a"], env=where)
    assert gone.stdout.splitlines()[1] == f"  - agent {shown}a"
    merged = contacts(team, server, "merge", odd, "c-1")
    assert merged.stdout == f"{shown} is c-1 from now on, which belongs to bob, open\n"


def test_a_contact_is_forgotten(team: Workspace, server: EvenhandServer):
    """It is gone, and the command is safe to repeat."""
    assert contacts(team, server, "forget", "c-1").stdout == "c-1 is forgotten\n"
    assert contacts(team, server, "forget", "c-1").stdout == "nothing is known of c-1\n"
    assert contacts(team, server, "show", "c-1").exit_code == 1
    assert team.open_counts() == {"ann": 2, "bob": 1}


@pytest.mark.parametrize("command", ["list", "show", "merge", "forget"])
def test_help_fits_a_terminal(command: str):
    """Each command's help is within 80 columns, and names its arguments and options whole."""
    shown = CliRunner().invoke(app, ["contacts", command, "--help"], env={"COLUMNS": "80"}).output
    assert max(map(len, shown.splitlines())) <= 80
    assert "…" not in shown
