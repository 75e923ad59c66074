"""`evenhand agents`: add, change or remove some agents of a workspace."""

from __future__ import annotations

from typing import Annotated

import typer
from evenhand.v1.roster_service_pb2 import Agent, RemoveAgentsRequest, Roster, UpdateAgentsRequest

from service.cli.changes import roster_changes
from service.cli.client import connected
from service.cli.options import GROUP, DryRun, Workspace, calls_service
from service.cli.pages import until_unchanged, whole_roster
from service.cli.reaching import Target  # noqa: TC001 (typer reads it)
from service.cli.roster_edits import show_changes, show_removed, show_warnings

agents = typer.Typer(help="Add, change or remove some agents; all others stay as they are.", **GROUP)

Name = Annotated[str | None, typer.Option("--name", help="For people; empty for none.")]
Weight = Annotated[int | None, typer.Option("--weight", help="Share relative to the others, 1 to 1000.")]
Limit = Annotated[int | None, typer.Option("--limit", help="Open contacts at most; 0 for no limit.")]
Disabled = Annotated[bool | None, typer.Option("--disabled/--enabled", help="Whether never to assign anything to it.")]


@agents.command("set")
@calls_service
def set_agent(
    agent: Annotated[str, typer.Argument(metavar="ID", help="The agent's id.")],
    *,
    workspace: Workspace,
    name: Name = None,
    weight: Weight = None,
    limit: Limit = None,
    disabled: Disabled = None,
    dry_run: DryRun = False,
    target: Target,
) -> None:
    """Change an agent, or add it at the end of the roster; what no option names stays as it is."""
    given = {"name": name, "weight": weight, "max_open_contacts": limit, "disabled": disabled}
    with connected(target, also_reads=True) as service:

        def update() -> None:
            found = whole_roster(service, workspace)
            before = [each for each in found.roster.agents if each.id == agent]
            after = Agent(id=agent)
            for each in before:
                after.CopyFrom(each)
            for field, value in given.items():
                if value is not None:
                    setattr(after, field, value)
            changes = roster_changes(Roster(agents=before), Roster(agents=[after]))
            request = UpdateAgentsRequest(
                workspace_id=workspace,
                agents=[after] if changes else before,
                etag=found.etag,
                validate_only=dry_run or not changes,
            )
            response = service.roster.UpdateAgents(request, timeout=service.timeout)
            show_changes("agents", workspace, changes, dry_run=dry_run)
            show_warnings(workspace, response.warnings)

        until_unchanged(update)


@agents.command("remove")
@calls_service
def remove_agents(
    agents: Annotated[list[str], typer.Argument(metavar="ID...", help="Ids of agents of the roster.")],
    *,
    workspace: Workspace,
    dry_run: DryRun = False,
    target: Target,
) -> None:
    """Remove agents from the roster and from its teams; they stay owners of their contacts."""
    with connected(target) as service:
        request = RemoveAgentsRequest(workspace_id=workspace, agent_ids=agents, validate_only=dry_run)
        response = service.roster.RemoveAgents(request, timeout=service.timeout)
    show_removed("agents", workspace, agents, dry_run=dry_run)
    show_warnings(workspace, response.warnings)
