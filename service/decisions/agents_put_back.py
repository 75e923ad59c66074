"""Agents whose state was lost, put back by what the roster and the rules say of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evenhand.v1.rules_pb2 import RuleSet

from service.decisions.rosters_in_force import in_force
from service.rules import Layout, plan_change, writes_between

if TYPE_CHECKING:
    from collections.abc import Collection

    from service.store.port import WorkspaceStore


def put_back(workspace: WorkspaceStore, agent_ids: Collection[str]) -> None:
    """Put those of these agents who are in the roster into their pools, as if they were new there.

    They are OFFLINE until their presence is reported.
    """
    while True:
        before, layout = in_force(workspace)
        if not layout.agents.keys() & set(agent_ids):
            return
        rule_set = RuleSet.FromString(before.rules)
        change = plan_change(rule_set, layout, rule_set, _without(layout, agent_ids))
        if workspace.configure(before, change, roster=writes_between(layout, layout)):
            return


def _without(layout: Layout, agent_ids: Collection[str]) -> Layout:
    """Return the layout without these agents."""
    agents = {each: placed for each, placed in layout.agents.items() if each not in agent_ids}
    teams = {
        team_id: placed._replace(members={each: at for each, at in placed.members.items() if each not in agent_ids})
        for team_id, placed in layout.teams.items()
    }
    return Layout(agents, teams)
