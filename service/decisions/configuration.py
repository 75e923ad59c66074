"""Replacing rules and rosters: read what is in force, check the new against it, and put it in force if it still is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evenhand.v1.assignment_service_pb2 import Warning as ConfigurationWarning
from evenhand.v1.roster_service_pb2 import Roster
from evenhand.v1.rules_pb2 import RuleSet

from service.decisions.errors import InvalidError, StaleEtagError
from service.rules import (
    choices_of,
    dump,
    listed,
    plan_change,
    prepare,
    validate_roster,
    validate_rule_set,
    warnings_of,
)
from service.rules.checks.warnings import EMPTY_TEAM, UNKNOWN_AGENT, UNKNOWN_TEAM
from service.store.values import NewRules

if TYPE_CHECKING:
    from collections.abc import Sequence

    from service.call import Call
    from service.store.port import Store, WorkspaceStore


_ABOUT_ROSTER = frozenset({UNKNOWN_AGENT, UNKNOWN_TEAM, EMPTY_TEAM})


class Configurator:
    """The two calls that configure a workspace."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def replace_rules(
        self, call: Call, rule_set: RuleSet, etag: str, *, validate_only: bool
    ) -> tuple[int, Sequence[ConfigurationWarning]]:
        """Replace the rule set. Return its revision (with validate_only: the one in force) and warnings.

        Raises:
            InvalidError: something is wrong with it.
            StaleEtagError: the etag is not that of the rule set in force.
        """
        workspace = self._store.workspace(call.workspace_id, call.deadline)
        while True:
            before = workspace.configuration()
            roster = Roster.FromString(before.roster)
            agents, teams = {agent.id for agent in roster.agents}, {team.id for team in roster.teams}
            violations = validate_rule_set(rule_set, agents, teams)
            if violations:
                raise InvalidError(violations)
            if etag and etag != str(before.rules_revision):
                raise StaleEtagError("rule set")
            warnings = warnings_of(rule_set, agents, teams, empty_teams=_empty_teams(roster))
            if validate_only:
                return before.rules_revision, warnings
            revision = workspace.configure(
                before,
                plan_change(rule_set, roster, RuleSet.FromString(before.rules), roster),
                rules=NewRules(
                    rule_set.SerializeToString(deterministic=True),
                    dump(prepare(rule_set)),
                    {choice.ref: choice.text for choice in choices_of(rule_set)},
                ),
                unassign_on_close=rule_set.unassign_on_close,
            )
            if revision:
                return revision, warnings

    def replace_roster(
        self, call: Call, roster: Roster, etag: str, *, validate_only: bool
    ) -> tuple[int, Sequence[ConfigurationWarning]]:
        """Replace the roster. Return its revision (with validate_only: the one in force) and warnings.

        Raises:
            InvalidError: something is wrong with it.
            StaleEtagError: the etag is not that of the roster in force.
        """
        workspace = self._store.workspace(call.workspace_id, call.deadline)
        violations = validate_roster(roster)
        if violations:
            raise InvalidError(violations)
        for agent in roster.agents:
            agent.ClearField("presence")
            agent.ClearField("open_contact_count")
        agents, teams = {agent.id for agent in roster.agents}, {team.id for team in roster.teams}
        while True:
            before = workspace.configuration()
            if etag and etag != str(before.roster_revision):
                raise StaleEtagError("roster")
            rule_set = RuleSet.FromString(before.rules)
            # What else the rules are warned of was said when they were configured.
            warnings = [
                warning
                for warning in warnings_of(rule_set, agents, teams, empty_teams=_empty_teams(roster))
                if warning.reason in _ABOUT_ROSTER
            ]
            warnings += _left_behind(workspace, Roster.FromString(before.roster), agents)
            if validate_only:
                return before.roster_revision, warnings
            revision = workspace.configure(
                before,
                plan_change(rule_set, roster, rule_set, Roster.FromString(before.roster)),
                roster=roster.SerializeToString(deterministic=True),
                unassign_on_close=rule_set.unassign_on_close,
            )
            if revision:
                return revision, warnings


def _left_behind(workspace: WorkspaceStore, before: Roster, agents: set[str]) -> list[ConfigurationWarning]:
    """Warn of agents who leave the roster with open contacts, which then have an owner whom nobody sees."""
    gone = [agent.id for agent in before.agents if agent.id not in agents]
    owners = [
        (who, standing.open_contacts)
        for who, standing in workspace.standings(gone)
        if standing and standing.open_contacts
    ]
    if not owners:
        return []
    names = listed([f"{who} ({count})" for who, count in owners])
    message = f"No longer in the roster, but still owner of open contacts: {names}."
    return [ConfigurationWarning(field="roster.agents", reason="OPEN_CONTACTS_LEFT_BEHIND", message=message)]


def _empty_teams(roster: Roster) -> set[str]:
    return {team.id for team in roster.teams if not team.agent_ids}
