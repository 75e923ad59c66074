"""Replacing rules and rosters: read what is in force, check the new against it, and put it in force if it still is."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from evenhand.v1.rules_pb2 import RuleSet

from service.decisions.errors import InvalidError, StaleEtagError
from service.decisions.putting_in_force import is_confirmed, put_in_force, tell_nobody
from service.decisions.roster_warnings import about_contacts, about_rules
from service.decisions.rosters_in_force import restored
from service.rules import (
    choices_of,
    compiling_once,
    dump,
    layout_of,
    plan_change,
    prepare,
    validate_roster,
    validate_rule_set,
    warnings_of,
)
from service.store.values import NewRules, StateLostError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evenhand.v1.assignment_service_pb2 import Warning as ConfigurationWarning
    from evenhand.v1.roster_service_pb2 import Roster

    from service.call import Call
    from service.decisions.putting_in_force import Configured
    from service.rules import Layout
    from service.store.port import Store, WorkspaceStore
    from service.store.values import Configuration


class Configurator:
    """The two calls that configure a workspace.

    Args:
        store: where configurations are kept.
        configured: is told what is newly in force.
    """

    def __init__(self, store: Store, configured: Configured = tell_nobody) -> None:
        self._store = store
        self._configured = configured

    def replace_rules(
        self, call: Call, rule_set: RuleSet, etag: str, *, validate_only: bool
    ) -> tuple[str, Sequence[ConfigurationWarning]]:
        """Replace the rule set. Return its version (with validate_only: the one in force) and warnings.

        Raises:
            InvalidError: something is wrong with it.
            StaleEtagError: the etag is not that of the rule set in force.
            StateLostError: a part of the roster is lost, which is to be configured first.
        """
        workspace = self._store.workspace(call.workspace_id, call.deadline)
        with compiling_once():
            return self._replace_rules(call, rule_set, etag, workspace, validate_only=validate_only)

    def _replace_rules(
        self, call: Call, rule_set: RuleSet, etag: str, workspace: WorkspaceStore, *, validate_only: bool
    ) -> tuple[str, Sequence[ConfigurationWarning]]:
        while True:
            found = restored(workspace, validate_only=validate_only)
            if found.torn:
                raise StateLostError  # nobody knows whom rules are to take
            before, roster = found.configuration, found.roster
            violations = validate_rule_set(rule_set, roster.agents, roster.teams)
            if violations:
                raise InvalidError(violations)
            if etag and etag != before.rules_version:
                raise StaleEtagError("rule set")
            warnings = warnings_of(rule_set, roster.agents, roster.teams, empty_teams=_empty_teams(roster))
            in_force_already = RuleSet.FromString(before.rules)
            if validate_only:
                if rule_set == in_force_already and not _stays(workspace, before):
                    continue
                return before.rules_version, warnings
            configure = partial(
                workspace.configure,
                before,
                plan_change(rule_set, roster, in_force_already, found.planned),
                rules=NewRules(
                    rule_set.SerializeToString(deterministic=True),
                    dump(prepare(rule_set)),
                    {choice.ref: choice.text for choice in choices_of(rule_set)},
                ),
                unassign_on_close=rule_set.unassign_on_close,
            )
            version = put_in_force(self._configured, call, "rules", before.rules_version, configure)
            if version:
                return version, warnings

    def replace_roster(
        self, call: Call, roster: Roster, etag: str, *, validate_only: bool
    ) -> tuple[str, Sequence[ConfigurationWarning]]:
        """Replace the roster. Return its version (with validate_only: the one in force) and warnings.

        Raises:
            InvalidError: something is wrong with it.
            StaleEtagError: the etag is not that of the roster in force.
        """
        workspace = self._store.workspace(call.workspace_id, call.deadline)
        violations = validate_roster(roster)
        if violations:
            raise InvalidError(violations)
        while True:
            found = restored(workspace, validate_only=validate_only)
            before, layout_before = found.configuration, found.roster
            if etag and etag != before.roster_version:
                raise StaleEtagError("roster")
            layout = layout_of(roster, layout_before)
            rule_set = RuleSet.FromString(before.rules)
            gone = [agent_id for agent_id in layout_before.agents if agent_id not in layout.agents]
            warnings = [
                *about_rules(rule_set, layout.agents, layout.teams, _empty_teams(layout)),
                *about_contacts(workspace, gone, "roster.agents"),
            ]
            if validate_only:
                if layout == layout_before and not _stays(workspace, before):
                    continue
                return before.roster_version, warnings
            change, writes = found.to_roster(layout)
            configure = partial(workspace.configure, before, change, roster=writes)
            version = put_in_force(self._configured, call, "roster", before.roster_version, configure)
            if version:
                return version, warnings


def _stays(workspace: WorkspaceStore, before: Configuration) -> bool:
    return is_confirmed(workspace, before.rules_version, before.roster_version)


def _empty_teams(roster: Layout) -> set[str]:
    return {team_id for team_id, placed in roster.teams.items() if not placed.members}
