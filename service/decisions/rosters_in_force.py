"""The rule set and the roster in force, as one consistent pair, and what there is of them where a part is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from evenhand.v1.roster_service_pb2 import Agent, Team
from evenhand.v1.rules_pb2 import RuleSet

from service.decisions.roster_reader import RosterReader
from service.rules import EMPTY, Layout, PlacedAgent, PlacedTeam, plan_change, writes_between
from service.store.roster_values import RosterChangedError
from service.store.values import Configuration, StateLostError

if TYPE_CHECKING:
    from service.rules import Change, RosterWrites
    from service.store.port import WorkspaceStore


class InForce(NamedTuple):
    """What is in force.

    Attributes:
        configuration: the rule set, and which roster it is.
        roster: the roster; of a torn one the ids of whom anything is left, each at no position.
        torn: whether a part of the roster is lost, so that it is to be written anew, as a whole.
    """

    configuration: Configuration
    roster: Layout
    torn: bool = False

    @property
    def planned(self) -> Layout:
        """What a new configuration may be planned on: nobody, where nobody knows in which places agents are."""
        return EMPTY if self.torn or self.configuration.rules_lost else self.roster

    def to_roster(self, layout: Layout) -> tuple[Change, RosterWrites]:
        """Return what is to be done, and what is to be written, so that a roster takes the place of this one."""
        rule_set = RuleSet.FromString(self.configuration.rules)
        change = plan_change(rule_set, layout, rule_set, self.planned)
        writes = writes_between(layout, self.roster)
        if self.torn:
            writes = writes._replace(
                teams_gone=list(self.roster.teams)
            )  # emptied first, as nobody knows who is in them
        return change._replace(gone=writes.agents_gone), writes


def in_force(workspace: WorkspaceStore) -> tuple[Configuration, Layout]:
    """Return the rule set and the whole roster in force.

    Raises:
        StateLostError: a part of the roster is lost, or what tells about both.
    """
    found = what_is_left(workspace)
    if found.torn:
        raise StateLostError
    return found.configuration, found.roster


def what_is_left(workspace: WorkspaceStore) -> InForce:
    """Return the rule set and the roster in force, also where a part of the roster is lost.

    Raises:
        StateLostError: what tells about both is lost.
    """
    reader = RosterReader(workspace)
    while True:
        size = reader.stored.size()
        try:
            roster = _halves(reader, size.version) if size.torn else reader.whole(size.version)
        except RosterChangedError:
            continue
        configuration = workspace.configuration()
        if configuration.roster_version == size.version:
            return InForce(configuration, roster, size.torn)


def _halves(reader: RosterReader, version: str) -> Layout:
    agents, teams = reader.stored.known_ids(version)
    return Layout(
        {each: PlacedAgent(0, Agent(id=each)) for each in agents},
        {each: PlacedTeam(0, Team(id=each), {}) for each in teams},
    )


def restored(workspace: WorkspaceStore, *, validate_only: bool) -> InForce:
    """Return what is left, after what tells about rules and roster is put back if it was lost alone.

    With validate_only nothing is changed, and where that was lost nothing is in force.
    """
    while True:
        try:
            return what_is_left(workspace)
        except StateLostError:
            if validate_only:
                return InForce(Configuration("0", b"", "0"), EMPTY)
        restore(workspace)


def restore(workspace: WorkspaceStore) -> bool:
    """Put back what tells about rules and roster, if it was lost alone. Return whether it was."""
    rule_set = RuleSet.FromString(workspace.configuration().rules)
    return workspace.restore(unassign_on_close=rule_set.unassign_on_close)
