"""What Evenhand remembers: the contract that a store keeps, whatever it is made of.

A workspace's state changes only here, each method in atomic steps, whatever number of replicas call it. Every method
may raise ConnectionError (the state is unavailable; what was asked may or may not have happened) and
`service.call.DeadlineError` (the deadline is over; a change of many parts is then complete in none or some of them).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from service.store.roster_values import RosterSize, RosterWrites, StoredAgent, StoredTeam
    from service.store.values import (
        Case,
        Change,
        Configuration,
        ContactRecord,
        Decided,
        ListedContact,
        Merged,
        NewRules,
        PresenceReport,
        Standing,
        StoredRules,
        WalkPlace,
    )


CONTACTS_A_RUN: Final = 50
"""Contacts of a workspace that are decided about in one go: some milliseconds in which the store serves nobody else."""


class Store(Protocol):
    """The state of all workspaces. Nothing is shared between two of them."""

    def decide(
        self, groups: Sequence[tuple[str, str, Sequence[Case]]], deadline: float, *, slow: bool = False
    ) -> list[Decided]:
        """Decide about contacts of several workspaces in one go, each contact in one atomic step.

        One result a group; what became of one group says nothing about another. `slow`: whether others are to be let
        past.
        """

    def rules(self, workspace_ids: Sequence[str], deadline: float) -> list[StoredRules]:
        """The rules in force in each of these workspaces, as prepared for the matcher."""

    def workspace(self, workspace_id: str, deadline: float) -> WorkspaceStore:
        """One workspace, for work that has to be done by the deadline."""


class WorkspaceStore(Protocol):
    """The state of one workspace."""

    def contact(self, contact_id: str) -> ContactRecord | None:
        """What is on record about a contact; None if nothing is."""

    def assign(self, contact_id: str, agent_id: str) -> str | None:
        """Make an agent the owner, whatever its limits, and the contact open.

        The previous owner, '' for nobody; None: no such agent. NotDurableError: made, but not durable yet; its `reply`
        is what is returned else.
        """

    def unassign(self, contact_id: str) -> str:
        """Take the owner away and return who it was; '' for nobody. NotDurableError: see `assign`."""

    def close(self, contact_id: str, owner_after: int = 0) -> tuple[str, bool]:
        """Close the contact: who owns it now, and whether it was open until now.

        `owner_after`: what becomes of the owner, a value of the contract's enum; 0: as the rule set says.
        """

    def contacts(self) -> ContactStore:
        """Its contacts, for what is done to more than one id."""

    def set_presence(self, reports: Sequence[PresenceReport]) -> list[str]:
        """Report presences; return who is not in the roster, in the order of the reports. All others are noted."""

    def standings(self, agent_ids: Sequence[str]) -> Iterable[tuple[str, Standing | None]]:
        """Each agent's presence and open count, as of now."""

    def note_choices(self, choices: Mapping[str, str]) -> int:
        """Note what rules ask for, by the names that cases call it by, before it is used; how many there are then."""

    def keep_prepared(self, version: str, prepared: bytes) -> None:
        """Keep rules as prepared for the matcher, if they are still in force."""

    def configuration(self) -> Configuration:
        """The rule set in force, and which roster is."""

    def roster(self) -> RosterStore:
        """The roster."""

    def restore(self, *, unassign_on_close: bool) -> bool:
        """Put back what told about rules and roster, and was lost alone.

        They are in force again, if they are there. Whether it was lost. `unassign_on_close`: see `configure`.
        """

    def confirmed(self) -> RosterSize:
        """Which rules and which roster are in force, once they are as durable as changes have to be."""

    def configure(
        self,
        before: Configuration,
        change: Change,
        *,
        rules: NewRules | None = None,
        roster: RosterWrites | None = None,
        unassign_on_close: bool = False,
    ) -> str:
        """Put a rule set or a roster in force, and what follows from it.

        Its version; '': no longer what it was `before`. NotDurableError: it is in force, but not durable yet; its
        `reply` is the version.
        """


class ContactStore(Protocol):
    """The contacts of one workspace."""

    def merge(self, from_id: str, into_id: str) -> Merged:
        """Have the first id stand for the second one's contact, to which goes what is on record of its own.

        NotDurableError: made, but not durable yet; its `reply` is what is returned else.
        """

    def forget(self, contact_id: str) -> bool:
        """Forget a contact and all ids that stand for it; whether anything was known of it.

        NotDurableError: see `merge`.
        """

    def page(
        self, owner_id: str, is_open: bool | None, most: int, start: WalkPlace
    ) -> tuple[list[ListedContact], WalkPlace | None]:
        """Some contacts ('', None: of all owners, open or not), and where to go on; None: those were the last."""


class RosterStore(Protocol):
    """The roster of one workspace, read in parts. What is read after its size must be of the same version.

    Methods that are given one raise RosterChangedError if it is not.
    """

    def size(self) -> RosterSize:
        """How large it is."""

    def agents(self, ids: Collection[str], version: str) -> dict[str, StoredAgent]:
        """Those of these agents that are in it."""

    def teams(self, ids: Collection[str], version: str) -> dict[str, StoredTeam]:
        """Those of these teams that are in it, with all their agents."""

    def known_agents(self, ids: Collection[str], version: str) -> set[str]:
        """Which of these agents are in it."""

    def team_sizes(self, ids: Collection[str], version: str) -> dict[str, int]:
        """How many agents those of these teams have that are in it."""

    def known_ids(self, version: str) -> tuple[Collection[str], Collection[str]]:
        """The ids of all agents and all teams of which anything is left, if a part of it is lost."""

    def walk_agents(self, after: int, version: str) -> Iterator[StoredAgent]:
        """Agents in order, from behind a position on."""

    def walk_teams(self, first: int, after: int, version: str) -> Iterator[StoredTeam]:
        """Teams in order, from one on, and in that one from behind a position on; each perhaps several times."""
