"""Checks of a roster: all that `roster_service.proto` promises about Roster, Agent and Team."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from service.rules.fields.limits import MAX_AGENTS, MAX_TEAM_PLACES, MAX_TEAMS, MAX_WEIGHT
from service.rules.fields.problems import check_agent_ids, check_own_id, count_problem, name_problem
from service.rules.fields.violations import Violation, Violations

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from evenhand.v1.roster_service_pb2 import Agent, Roster, Team


def validate_roster(roster: Roster, prefix: str = "roster") -> list[Violation]:
    """Find everything that is wrong with a roster. Presence and open counts are output only and not looked at.

    Args:
        roster: as given.
        prefix: path of the roster in its request.
    """
    found = Violations()
    agents = _check_agents(roster.agents, f"{prefix}.agents", found)
    if len(roster.teams) > MAX_TEAMS:
        found.add(f"{prefix}.teams", f"has {len(roster.teams)} teams; at most {MAX_TEAMS} are allowed")
    # Teams beyond the limit are not looked at, so that refusing too much costs no more than taking the most.
    known = agents if len(roster.agents) <= MAX_AGENTS else None
    _check_teams(roster.teams, f"{prefix}.teams", known, 0, found)
    return found


def validate_agents(agents: Sequence[Agent], others: int, prefix: str = "agents") -> list[Violation]:
    """Find everything that is wrong with agents to add or change.

    Args:
        agents: As given.
        others: How many agents the roster has beside them.
        prefix: Their path in the request.
    """
    found = Violations()
    if not agents:
        found.add(prefix, "is empty; give at least one agent")
    seen = _check_agents(agents, prefix, found)
    total = others + len(seen)
    if len(agents) <= MAX_AGENTS < total:
        found.add(prefix, f"brings the roster to {total} agents; at most {MAX_AGENTS} are allowed")
    return found


def validate_teams(
    teams: Sequence[Team], known: Collection[str], others: int, other_places: int, prefix: str = "teams"
) -> list[Violation]:
    """Find everything that is wrong with teams to add or change.

    Args:
        teams: As given.
        known: Those of their agents that are in the roster.
        others: How many teams the roster keeps beside them.
        other_places: How many places those have.
        prefix: Path of the teams in the request.
    """
    found = Violations()
    if len(teams) > MAX_TEAMS:
        found.add(prefix, f"has {len(teams)} teams; at most {MAX_TEAMS} are allowed")
    elif others + len(teams) > MAX_TEAMS:
        found.add(prefix, f"brings the roster to {others + len(teams)} teams; at most {MAX_TEAMS} are allowed")
    _check_teams(teams, prefix, known, other_places, found)
    return found


def _check_agents(agents: Sequence[Agent], prefix: str, found: Violations) -> dict[str, str]:
    """Check agents; return the path of each good id."""
    if len(agents) > MAX_AGENTS:
        found.add(prefix, f"has {len(agents)} agents; at most {MAX_AGENTS} are allowed")
    seen: dict[str, str] = {}
    for index, agent in enumerate(islice(agents, MAX_AGENTS)):
        path = f"{prefix}[{index}]"
        check_own_id(agent.id, path, seen, found)
        _check_agent(agent, path, found)
    return seen


def _check_agent(agent: Agent, path: str, found: Violations) -> None:
    found.add_if(f"{path}.name", name_problem(agent.name))
    if not 0 <= agent.weight <= MAX_WEIGHT:
        found.add(f"{path}.weight", f"is {agent.weight}; give 1 to {MAX_WEIGHT}, or leave it out for 1")
    found.add_if(f"{path}.max_open_contacts", count_problem(agent.max_open_contacts))


def _check_teams(
    teams: Sequence[Team], prefix: str, agents: Collection[str] | None, places: int, found: Violations
) -> None:
    """Check teams; `places` is how many others have already."""
    seen: dict[str, str] = {}
    for index, team in enumerate(islice(teams, MAX_TEAMS)):
        path = f"{prefix}[{index}]"
        check_own_id(team.id, path, seen, found)
        found.add_if(f"{path}.name", name_problem(team.name))
        before, places = places, places + len(team.agent_ids)
        if places > MAX_TEAM_PLACES:
            if before <= MAX_TEAM_PLACES:
                limit = f"at most {MAX_TEAM_PLACES} are allowed"
                found.add(f"{path}.agent_ids", f"brings all teams together to {places} places; {limit}")
            continue
        check_agent_ids(team.agent_ids, f"{path}.agent_ids", agents, found)
