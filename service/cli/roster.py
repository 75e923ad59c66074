"""`evenhand roster`: who is in a workspace, who is there, and what they have open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from evenhand.v1.roster_service_pb2 import Agent, Presence, Roster
from rich.table import Table
from rich.text import Text

from service.cli.client import connected
from service.cli.options import Workspace, calls_service, count
from service.cli.pages import whole_roster
from service.cli.reaching import Target  # noqa: TC001 (typer reads it)
from service.cli.saying import say
from service.cli.tables import cell, console

if TYPE_CHECKING:
    from collections.abc import Mapping

_STYLES: Final = {"online": "green", "busy": "yellow"}


@calls_service
def roster(workspace: Workspace, target: Target) -> None:
    """Show the agents of a workspace: presence, open contacts, limit, weight, teams."""
    with connected(target) as service:
        found = whole_roster(service, workspace).roster
    if not found.agents:
        say(f"Workspace {workspace} has no agents. Configure some with `evenhand apply`.")
        return
    console().print(_table(found))
    online = sum(agent.presence == Presence.PRESENCE_ONLINE for agent in found.agents)
    open_contacts = sum(agent.open_contact_count for agent in found.agents)
    say(f"{count(len(found.agents), 'agent')}, {online} online, {count(open_contacts, 'open contact')}")


def _table(found: Roster) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("Agent", "Name", "Presence"):
        table.add_column(heading)
    for heading in ("Open", "Limit", "Weight"):
        table.add_column(heading, justify="right")
    table.add_column("Teams")
    teams: dict[str, list[str]] = {}
    for team in found.teams:
        for agent_id in team.agent_ids:
            teams.setdefault(agent_id, []).append(team.id)
    for agent in found.agents:
        table.add_row(*_row(agent, teams))
    return table


def _row(agent: Agent, teams: Mapping[str, list[str]]) -> list[Text]:
    presence = Presence.Name(agent.presence).removeprefix("PRESENCE_").lower()
    shown = Text(presence, style=_STYLES.get(presence, "dim"))
    if agent.disabled:
        shown.append(" (disabled)", style="red")
    full = 0 < agent.max_open_contacts <= agent.open_contact_count
    return [
        cell(agent.id),
        cell(agent.name),
        shown,
        Text(str(agent.open_contact_count), style="red" if full else ""),
        Text(str(agent.max_open_contacts or "-")),
        Text(str(agent.weight or 1)),
        cell(", ".join(teams.get(agent.id, []))),
    ]
