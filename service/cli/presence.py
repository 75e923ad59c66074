"""`evenhand presence`: report who is there."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Annotated

import typer
from evenhand.v1.roster_service_pb2 import AgentPresence, Presence, SetPresenceRequest

from service.cli.client import connected
from service.cli.options import Workspace, calls_service, parse_duration
from service.cli.reaching import EXIT_PROBLEMS, Target
from service.cli.saying import say
from service.config.durations import format_duration


class PresenceName(StrEnum):
    """A presence as it is typed."""

    ONLINE = "online"
    BUSY = "busy"
    OFFLINE = "offline"


Agents = Annotated[list[str], typer.Argument(metavar="AGENT", help="Ids of agents of the roster.")]
Wanted = Annotated[PresenceName, typer.Option("--set", help="Only online is online.")]
Lease = Annotated[
    float | None,
    typer.Option(
        parser=parse_duration,
        metavar="DURATION",
        help="How long this holds unless reported again, such as 30s or 8h; then offline. None: until the next report.",
    ),
]


@calls_service
def presence(
    agents: Agents,
    *,
    wanted: Wanted,
    workspace: Workspace,
    lease: Lease = None,
    target: Target,
) -> None:
    """Report that agents are online, busy or offline.

    Exit code 1 if somebody is not in the roster: each is named, and all others are reported nevertheless.
    """
    value = Presence.Value(f"PRESENCE_{wanted.name}")
    reports = [AgentPresence(agent_id=agent, presence=value) for agent in agents]
    if lease is not None:
        for report in reports:
            report.lease_duration.FromTimedelta(timedelta(seconds=lease))
    with connected(target) as service:
        request = SetPresenceRequest(workspace_id=workspace, presences=reports)
        unknown = service.roster.SetPresence(request, timeout=service.timeout).unknown_agent_ids[:]
    until = f" for {format_duration(lease)}" if lease is not None else ""
    known = [agent for agent in agents if agent not in set(unknown)]
    if known:
        say(f"{', '.join(known)}: {wanted.value}{until}")
    if unknown:
        missing = ", no ".join(f'agent "{agent}"' for agent in unknown)
        say(f"evenhand: there is no {missing} in this workspace", err=True)
        raise typer.Exit(EXIT_PROBLEMS)
