"""What a change of the roster is warned of: rules that it leaves without agents, and contacts that it leaves behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evenhand.v1.assignment_service_pb2 import Warning as ConfigurationWarning

from service.rules import listed, warnings_of
from service.rules.checks.warnings import EMPTY_TEAM, UNKNOWN_AGENT, UNKNOWN_TEAM

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from evenhand.v1.rules_pb2 import RuleSet

    from service.store.port import WorkspaceStore

_ABOUT_ROSTER = frozenset({UNKNOWN_AGENT, UNKNOWN_TEAM, EMPTY_TEAM})


def about_rules(
    rule_set: RuleSet, agents: Collection[str], teams: Collection[str], empty_teams: Collection[str]
) -> list[ConfigurationWarning]:
    """Warn of rules that name agents or teams who are not there; of all else they were warned when configured."""
    found = warnings_of(rule_set, agents, teams, empty_teams=empty_teams)
    return [warning for warning in found if warning.reason in _ABOUT_ROSTER]


def about_contacts(workspace: WorkspaceStore, gone: Sequence[str], field: str) -> list[ConfigurationWarning]:
    """Warn of agents who leave the roster with open contacts, which then have an owner whom nobody sees.

    Args:
        workspace: where the open contacts are counted.
        gone: ids of those who leave.
        field: path of what makes them leave.
    """
    owners = [
        (who, standing.open_contacts)
        for who, standing in workspace.standings(gone)
        if standing and standing.open_contacts
    ]
    if not owners:
        return []
    names = listed([f"{who} ({count})" for who, count in owners])
    message = f"No longer in the roster, but still owner of open contacts: {names}."
    return [ConfigurationWarning(field=field, reason="OPEN_CONTACTS_LEFT_BEHIND", message=message)]
