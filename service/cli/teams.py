"""`evenhand teams`: add, change or remove some teams of a workspace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from evenhand.v1.roster_service_pb2 import Roster, Team, UpdateTeamsRequest

from service.cli.changes import roster_changes
from service.cli.client import connected
from service.cli.options import GROUP, DryRun, Workspace, calls_service
from service.cli.pages import until_unchanged, whole_roster
from service.cli.reaching import EXIT_PROBLEMS, Target
from service.cli.roster_edits import show_changes, show_removed, show_warnings
from service.cli.saying import say

if TYPE_CHECKING:
    from collections.abc import Sequence

teams = typer.Typer(help="Add, change or remove some teams; all others stay as they are.", **GROUP)

Name = Annotated[str | None, typer.Option("--name", help="For people; empty for none.")]
Agents = Annotated[
    str | None, typer.Option("--agents", metavar="ID,...", help="All its agents, in this order; empty for none.")
]
Add = Annotated[list[str] | None, typer.Option("--add", metavar="ID,...", help="Agents who join at its end.")]
Remove = Annotated[list[str] | None, typer.Option("--remove", metavar="ID,...", help="Agents who leave it.")]


@teams.command("set")
@calls_service
def set_team(
    team: Annotated[str, typer.Argument(metavar="ID", help="The team's id.")],
    *,
    workspace: Workspace,
    name: Name = None,
    agents: Agents = None,
    add: Add = None,
    remove: Remove = None,
    dry_run: DryRun = False,
    target: Target,
) -> None:
    """Change a team, or add it at the end of the roster; what no option names stays as it is."""
    joining, leaving = _ids(add or ()), _ids(remove or ())
    if agents is not None and (joining or leaving):
        raise typer.BadParameter("cannot stand beside --add or --remove", param_hint="--agents")
    with connected(target, also_reads=True) as service:

        def update() -> None:
            found = whole_roster(service, workspace)
            before = [each for each in found.roster.teams if each.id == team]
            after = Team(id=team)
            for each in before:
                after.CopyFrom(each)
            if name is not None:
                after.name = name
            members = list(after.agent_ids) if agents is None else _ids([agents])
            _refuse_strangers(team, leaving, members)
            members = [each for each in members if each not in leaving]
            after.agent_ids[:] = members + [each for each in joining if each not in members]
            changes = roster_changes(Roster(teams=before), Roster(teams=[after]))
            request = UpdateTeamsRequest(
                workspace_id=workspace,
                teams=[after] if changes else before,
                etag=found.etag,
                validate_only=dry_run or not changes,
            )
            response = service.roster.UpdateTeams(request, timeout=service.timeout)
            show_changes("teams", workspace, changes, dry_run=dry_run)
            show_warnings(workspace, response.warnings)

        until_unchanged(update)


@teams.command("remove")
@calls_service
def remove_teams(
    teams: Annotated[list[str], typer.Argument(metavar="ID...", help="Ids of teams of the roster.")],
    *,
    workspace: Workspace,
    dry_run: DryRun = False,
    target: Target,
) -> None:
    """Remove teams from the roster; their agents stay in it."""
    with connected(target) as service:
        request = UpdateTeamsRequest(workspace_id=workspace, remove_team_ids=teams, validate_only=dry_run)
        response = service.roster.UpdateTeams(request, timeout=service.timeout)
    show_removed("teams", workspace, teams, dry_run=dry_run)
    show_warnings(workspace, response.warnings)


def _ids(given: Sequence[str]) -> list[str]:
    """Take lists of ids apart."""
    return [each.strip() for text in given for each in text.split(",") if each.strip()]


def _refuse_strangers(team: str, leaving: Sequence[str], members: Sequence[str]) -> None:
    """End the command if somebody is to leave the team who is not in it."""
    strangers = [each for each in leaving if each not in members]
    if strangers:
        say(f"evenhand: not in team {team}: {', '.join(strangers)}", err=True)
        raise typer.Exit(EXIT_PROBLEMS)
