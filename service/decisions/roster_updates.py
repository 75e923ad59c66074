"""Changing some of a roster while the rest stays: read what the change touches, plan that alone, put it in force."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from evenhand.v1.assignment_service_pb2 import Warning as ConfigurationWarning
from evenhand.v1.rules_pb2 import RuleSet

from service.decisions.errors import InvalidError, NotFoundError, StaleEtagError
from service.decisions.putting_in_force import is_confirmed, put_in_force, tell_nobody
from service.decisions.request_checks import check_listed
from service.decisions.roster_reader import RosterReader
from service.decisions.roster_warnings import about_contacts, about_rules
from service.rules import (
    EMPTY,
    Layout,
    Violation,
    Violations,
    plan_agents,
    plan_teams,
    validate_agents,
    validate_teams,
    with_agents,
    with_teams,
    writes_between,
)
from service.rules.fields.limits import MAX_AGENTS, MAX_TEAMS
from service.rules.plan import Change
from service.store.roster_values import RosterChangedError
from service.store.values import Configuration, StateLostError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from evenhand.v1 import roster_service_pb2 as pb

    from service.call import Call
    from service.decisions.putting_in_force import Configured
    from service.store.port import Store, WorkspaceStore

Warnings: TypeAlias = Sequence[ConfigurationWarning]

_NO_SIZES: Final[Mapping[str, int | None]] = MappingProxyType({})


class _Plan(NamedTuple):
    """What an update comes to, planned on one version of rules and roster.

    Attributes:
        before: what is in force.
        change: what changes for decisions.
        layout: what the update touches, as it is to be.
        layout_before: the same as it is.
        warnings: what is probably not meant.
    """

    before: Configuration
    change: Change
    layout: Layout
    layout_before: Layout
    warnings: Warnings


class RosterUpdater:
    """The calls that change some of a roster.

    Each returns the roster's new version (with validate_only: the one in force) and warnings, and raises InvalidError
    where something is wrong with the request, NotFoundError where somebody is to be removed who is not there, and
    StaleEtagError where the roster has another etag, and StateLostError where a part of it is lost, or
    the rules that bear on it.
    """

    def __init__(self, store: Store, configured: Configured = tell_nobody) -> None:
        self._store = store
        self._configured = configured

    def update_agents(self, call: Call, request: pb.UpdateAgentsRequest) -> tuple[str, Warnings]:
        """Add agents, or change those who are there."""
        agents = request.agents

        def plan(attempt: _Attempt) -> _Plan:
            size = attempt.size
            before = attempt.agents({agent.id for agent in agents[:MAX_AGENTS]})
            attempt.refuse_if(validate_agents(agents, size.agents - len(before.agents)))
            after = with_agents(agents, before, size.last_agent)
            if len(before.agents) == len(after.agents):
                # Nobody is added, so it makes no difference what the rules say.
                unread = Configuration(size.rules_version, b"", size.version)
                return _Plan(unread, plan_agents(RuleSet(), after, before), after, before, ())
            configuration, rule_set = attempt.rules()
            warnings = attempt.about_rules(rule_set, added=after.agents)
            return _Plan(configuration, plan_agents(rule_set, after, before), after, before, warnings)

        return self._run(call, request, plan)

    def remove_agents(self, call: Call, request: pb.RemoveAgentsRequest) -> tuple[str, Warnings]:
        """Remove agents from the roster and its teams."""
        wrong = Violations()
        check_listed(wrong, "agent_ids", request.agent_ids, MAX_AGENTS)
        if not request.agent_ids:
            wrong.add("agent_ids", "is empty; name at least one agent")
        if wrong:
            raise InvalidError(wrong)
        agent_ids = list(request.agent_ids)

        def plan(attempt: _Attempt) -> _Plan:
            before = attempt.agents(agent_ids)
            attempt.refuse_if_missing("agent", agent_ids, before.agents)
            configuration, rule_set = attempt.rules()
            warnings = attempt.about_rules(rule_set, removed=before.agents)
            warnings += about_contacts(attempt.workspace, agent_ids, "agent_ids")
            return _Plan(configuration, Change(gone=agent_ids), EMPTY, before, warnings)

        return self._run(call, request, plan)

    def update_teams(self, call: Call, request: pb.UpdateTeamsRequest) -> tuple[str, Warnings]:
        """Add, change or remove teams."""
        teams, remove = request.teams, list(request.remove_team_ids)
        wrong = Violations()
        check_listed(wrong, "remove_team_ids", remove, MAX_TEAMS, {team.id for team in teams})
        if not teams and not remove:
            wrong.add("teams", "is empty, and so is remove_team_ids; give at least one team")

        def plan(attempt: _Attempt) -> _Plan:
            size, some = attempt.size, teams[:MAX_TEAMS]
            before = attempt.teams({team.id for team in some} | set(remove[:MAX_TEAMS]))
            places = size.places - sum(len(placed.members) for placed in before.teams.values())
            named = {agent_id for team in some for agent_id in team.agent_ids[:MAX_AGENTS]}
            known = attempt.known_agents(named)
            attempt.refuse_if([*validate_teams(teams, known, size.teams - len(before.teams), places), *wrong])
            attempt.refuse_if_missing("team", remove, before.teams)
            after = with_teams(teams, before, size.last_team)
            configuration, rule_set = attempt.rules()
            sizes = dict.fromkeys(remove) | {team_id: len(placed.members) for team_id, placed in after.teams.items()}
            warnings = attempt.about_rules(rule_set, team_sizes=sizes)
            return _Plan(configuration, plan_teams(rule_set, after, before), after, before, warnings)

        return self._run(call, request, plan)

    def _run(
        self,
        call: Call,
        request: pb.UpdateAgentsRequest | pb.RemoveAgentsRequest | pb.UpdateTeamsRequest,
        plan: Callable[[_Attempt], _Plan],
    ) -> tuple[str, Warnings]:
        """Plan and put in force, anew whenever the roster or the rules change meanwhile."""
        workspace = self._store.workspace(call.workspace_id, call.deadline)
        while True:
            attempt = _Attempt(workspace, request.etag)
            try:
                before, change, layout, layout_before, warnings = plan(attempt)
                if request.validate_only and layout == layout_before:
                    attempt.confirm()
            except RosterChangedError:
                continue
            if request.validate_only:
                return attempt.size.version, warnings
            configure = partial(workspace.configure, before, change, roster=writes_between(layout, layout_before))
            version = put_in_force(self._configured, call, "roster", attempt.size.version, configure)
            if version:
                return version, warnings


class _Attempt:
    """One attempt at an update: what it reads is all of one version.

    Args:
        workspace: which.
        etag: which the roster must have; empty: any.

    Attributes:
        workspace: the workspace.
        size: how large the roster is.
        agents, teams, known_agents: read those of these ids that are in the roster.
    """

    def __init__(self, workspace: WorkspaceStore, etag: str) -> None:
        self.workspace = workspace
        self._etag = etag
        reader = RosterReader(workspace)
        self._stored = reader.stored
        self.size = reader.stored.size()
        if self.size.torn:
            raise StateLostError  # what is read of it is not what was configured
        version = self.size.version
        self.agents = partial(reader.agents, version=version)
        self.teams = partial(reader.teams, version=version)
        self.known_agents = partial(reader.stored.known_agents, version=version)

    def refuse_if(self, violations: Sequence[Violation]) -> None:
        """Refuse the call if there are violations, or the roster has another etag.

        Raises:
            InvalidError: there are violations.
            StaleEtagError: the roster has another etag.
        """
        if violations:
            raise InvalidError(violations)
        if self._etag and self._etag != self.size.version:
            raise StaleEtagError("roster")

    def refuse_if_missing(self, kind: str, ids: Sequence[str], found: Collection[str]) -> None:
        """Refuse the call if some of these ids were not found, or the roster has another etag.

        Raises:
            StaleEtagError: the roster has another etag.
            NotFoundError: some were not found, and that is durable.
            RosterChangedError, NotDurableError: see `confirm`.
        """
        self.refuse_if([])
        missing = [each for each in ids if each not in found]
        if missing:
            self.confirm()  # whoever repeats a call is not to take for done what may be lost
            raise NotFoundError(kind, missing)

    def confirm(self) -> None:
        """Wait until what is in force is durable.

        Raises:
            RosterChangedError: rules or roster have another version than was read.
            NotDurableError: it did not become durable in time.
        """
        if not is_confirmed(self.workspace, self.size.rules_version, self.size.version):
            raise RosterChangedError

    def rules(self) -> tuple[Configuration, RuleSet]:
        """Return what is in force.

        Raises:
            RosterChangedError: the roster has another version than its size was read of.
            StateLostError: the rule set is lost.
        """
        configuration = self.workspace.configuration()
        if configuration.roster_version != self.size.version:
            raise RosterChangedError
        if configuration.rules_lost:
            raise StateLostError
        return configuration, RuleSet.FromString(configuration.rules)

    def about_rules(
        self,
        rule_set: RuleSet,
        *,
        added: Collection[str] = (),
        removed: Collection[str] = (),
        team_sizes: Mapping[str, int | None] = _NO_SIZES,
    ) -> list[ConfigurationWarning]:
        """Warn of rules that will name agents or teams who are not there, or empty teams.

        Only agents and teams that rules name are looked up.

        Args:
            rule_set: the rules.
            added: agents who will be there.
            removed: agents who will not.
            team_sizes: how many agents teams will have; None: the team is removed.
        """
        targets = [*(rule.target for rule in rule_set.rules), rule_set.fallback.target]
        listed = {agent_id for target in targets for agent_id in target.agents.agent_ids}
        named = {target.team_id for target in targets if target.team_id}
        agents = (self.known_agents(listed) | set(added)) - set(removed)
        sizes: dict[str, int | None] = {**self._stored.team_sizes(named, self.size.version), **team_sizes}
        # Only a team of no more agents than leave can lose all of them.
        doubtful = [each for each, size in sizes.items() if size and size <= len(removed)]
        for team_id, placed in self.teams(doubtful).teams.items():
            sizes[team_id] = len(placed.members.keys() - set(removed))
        teams = {each for each, size in sizes.items() if size is not None}
        return about_rules(rule_set, agents, teams, {each for each in teams if not sizes[each]})
