"""One story as a table: who got how many contacts, and why."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from demo_stories import NOBODY
from evenhand.v1.decision_pb2 import Decision, Outcome
from evenhand.v1.roster_service_pb2 import Agent, Presence
from rich.table import Table
from rich.text import Text

from service.cli.explanation import label

if TYPE_CHECKING:
    from demo_stories import Story
    from demo_workspace import Event, Workspace
    from rich.console import Console

_WIDEST = 20  # characters of the longest bar


def print_story(console: Console, story: Story, workspace: Workspace) -> bool:
    """Print a story's outcome.

    Returns:
        Whether every agent got what the story says.
    """
    assigned = workspace.assigned()
    counts = {who: len(events) for who, events in assigned.items()}
    as_told = counts == dict(story.expected)
    mark = ("as expected", "green") if as_told else (f"NOT as expected: {dict(story.expected)}", "bold red")
    console.print(Text.assemble((story.title, "bold"), f"  {story.files[-1]}  ", mark))
    console.print(Text(story.told, "dim"))
    console.print(_table(workspace, assigned))
    reply = next((event.decision.reply for event in workspace.events if event.decision.reply), "")
    if reply:
        console.print(Text(f'First reply: "{reply}"', "dim"))
    console.print()
    return as_told


def _table(workspace: Workspace, assigned: dict[str, list[Event]]) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column("who", width=20, no_wrap=True)
    table.add_column("contacts", width=_WIDEST + 4, no_wrap=True)
    table.add_column("why")
    most = max(len(events) for events in assigned.values())
    agents = workspace.roster().agents
    presence_matters = any(agent.presence != Presence.PRESENCE_OFFLINE for agent in agents)
    for agent in agents:
        label = _label(agent) if presence_matters else Text(agent.name)
        table.add_row(label, _bar(len(assigned.get(agent.id, [])), most, "cyan"), _why(assigned, agent.id))
    if NOBODY in assigned:
        table.add_row("(nobody)", _bar(len(assigned[NOBODY]), most, "dim"), _why(assigned, NOBODY))
    return table


def _label(agent: Agent) -> Text:
    """Name an agent with what decides about eligibility."""
    presence = Presence.Name(agent.presence).removeprefix("PRESENCE_").lower()
    return Text.assemble(agent.name, (f" {presence}, {agent.open_contact_count} open", "dim"))


def _bar(count: int, most: int, style: str) -> Text:
    """Draw a bar, to the scale of the longest of the story."""
    length = round(count * _WIDEST / most) if count else 0
    return Text.assemble(("█" * length, style), " " if count else "", str(count))


def _why(assigned: dict[str, list[Event]], who: str) -> str:
    """Name what assigned an agent's contacts, each with its number if there are several."""
    reasons = Counter(_reason(event.decision) for event in assigned.get(who, []))
    if len(reasons) == 1:
        return next(iter(reasons))
    return "\n".join(f"{count} {reason}" for reason, count in reasons.items())


def _reason(decision: Decision) -> str:
    if decision.outcome == Outcome.OUTCOME_NO_RULE_MATCHED:
        return "no rule matched"
    if decision.outcome == Outcome.OUTCOME_LEFT_UNASSIGNED:
        return f"{decision.rule_id}, nobody"
    pool = f", team {decision.team_id}" if decision.team_id else ""
    return f"{'fallback' if decision.fallback else decision.rule_id}{pool}, {label(decision.strategy)}"
