"""What goes into the store and comes out of it: plain values, without a word of Redis."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import Any, NamedTuple, Protocol


class StaleRulesError(Exception):
    """The rules changed since decisions were prepared; those were not made."""


class UnusableStateError(ConnectionError):
    """The state of one workspace is of no use, while that of others may be."""


class StateLostError(UnusableStateError):
    """Rules or a roster of the workspace were in force and are gone from the store, or what tells about them is.

    So no decision would be right, nor would it be to say that something is not there.
    """


class OldStateError(UnusableStateError):
    """A workspace is kept as an older version of the service kept it, which would be misread: nothing was done."""


NO_VERSION = "0"
"""The version of rules, or a roster, where none were ever configured.

Versions are texts that tell a configuration from every other, also after state was lost or set back: a revision, which
counts, and behind a point an incarnation, which is drawn by chance.
"""

NO_CHOICE = ""
"""No rule matched."""


def revision_of(version: str) -> int:
    """Return the revision in a version; 0 for NO_VERSION."""
    return int(version.partition(".")[0])


class Loss(IntEnum):
    """What a workspace had lost, whose loss is accepted: as `accept_loss.lua` returns it."""

    NOTHING = 0
    RULES = 1
    ALL = 2  # or there never was such a workspace


class Reason(NamedTuple):
    """Why a decision came out as it did."""

    strategy: int
    fallback: bool
    rule_id: str
    team_id: str


@lru_cache(maxsize=65536)
def reason_of(choice: bytes) -> Reason:
    """Read a choice, as `service.rules.choices` wrote it. Empty: no rule."""
    if not choice:
        return Reason(0, False, "", "")
    read = json.loads(choice)
    return Reason(read["view"]["strategy"], read["fallback"], read["rule_id"], read["team_id"])


class Decision(NamedTuple):
    """A decision, as scripts return it.

    Attributes:
        outcome: value of the contract's enum Outcome; 0 where there is no decision.
        agent: id of the owner; empty if there is none.
        reason: what the rule asks for, see `reason_of`; empty if no rule was asked.
        revision: of the rules it was made under.
        sequence: its place among all that happened in the workspace.
        time_ms: when it was made, by the clock of Redis, in milliseconds since 1970.
        replayed: 1 if it was made by an earlier call.
        reply: what the caller is to send; empty for nothing.
        owner_unknown: 1 if the contact was owned already, by nobody of the roster.
        contact: id of the contact that was decided about, if the one that was asked for was merged into it; empty if it
            is the one that was asked for.
    """

    outcome: int
    agent: bytes
    reason: bytes
    revision: int
    sequence: int
    time_ms: int
    replayed: int
    reply: bytes
    owner_unknown: int = 0
    contact: bytes = b""

    @property
    def why(self) -> Reason:
        """Why it came out as it did."""
        return reason_of(self.reason)


class Decided(NamedTuple):
    """What became of a group of contacts of one workspace.

    Attributes:
        decisions: about the first of them, in order; about all, if there is no problem.
        problem: why there is none about the others: StaleRulesError, ConnectionError, DeadlineError, or an internal
            error.
    """

    decisions: list[Decision]
    problem: Exception | None


class Opens(IntEnum):
    """Which contacts an event makes open that have an owner, or are given one by it."""

    NONE = 0
    NEW = 1  # one without an owner on record, or that was never open
    ANY = 2


class Case(NamedTuple):
    """A contact to decide about.

    Attributes:
        contact_id: the contact.
        owner_id: who owns it as far as the caller knows; empty for nobody.
        opens: whether the event makes the contact open, if it is owned.
        request: what identifies the call among repeats, so that its decision is given again: its request id, and behind
            that the character whose number is the type of event. Ids hold no control characters, so that none is
            another request, nor the id alone, which earlier versions kept. Empty for nothing.
        choice: the name of what the rule asks for; `NO_CHOICE` if no rule matched.
        reply: what the caller is to send, with `keys.SEPARATOR` for the agent's name.
        excluded: ids of agents who are not to be assigned, in whatever case; those who are not in the roster are
            passed over.
    """

    contact_id: str
    owner_id: str
    opens: Opens
    request: str
    choice: str
    reply: str
    excluded: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class ContactRecord:
    """What is on record about a contact: its owner ('' for none), whether it is open, the decision about it, its id."""

    owner_id: str
    open: bool
    decision: Decision | None
    contact_id: str


class Merging(IntEnum):
    """What becomes of two ids that are to be one contact."""

    MERGED = 1
    ONE_ALREADY = 2
    CIRCLE = 3  # the one that is to hold stands for the other
    TOO_MANY = 4  # too many ids would stand for one contact


class Merged(NamedTuple):
    """What became of two ids, the id of the contact that holds, its owner ('' for none), and whether it is open."""

    what: Merging
    contact_id: str
    owner_id: str
    open: bool


class ListedContact(NamedTuple):
    """A contact in a list: its id, its owner ('' for none), and whether it is open."""

    contact_id: str
    owner_id: str
    open: bool


class WalkPlace(NamedTuple):
    """How far a walk through the contacts of a workspace has come: first those that are open, then all others.

    Attributes:
        bucket: of open contacts, where to go on; `keys.BUCKETS`: all were listed.
        after: the last contact of that bucket that was listed; empty: none of it was.
        cursor: where to go on among the others, as Redis gave it; empty: all were found.
        left: others that were found, and not listed yet.
    """

    bucket: int = 0
    after: str = ""
    cursor: str = "0"
    left: tuple[str, ...] = ()


class StoredRules(NamedTuple):
    """The rules in force.

    Attributes:
        version: theirs.
        prepared: as prepared for the matcher; empty: by another version of the service.
        known: whether the state says anything of rules, be it that there are none.
        gone: whether there are rules, or were until the state lost them, and they are not there.
    """

    version: str
    prepared: bytes
    known: bool
    gone: bool


class PresenceReport(NamedTuple):
    """An agent's presence (value of the enum Presence), and how long it lasts, in milliseconds; 0: until the next."""

    agent_id: str
    presence: int
    lease_ms: int


class Standing(NamedTuple):
    """An agent's presence (value of the enum Presence), and how many open contacts it has."""

    presence: int
    open_contacts: int


@dataclass(frozen=True, slots=True)
class Configuration:
    """The rule set in force, serialized, with its version and the roster's; empty and NO_VERSION where none is.

    `rules_lost`: whether the rule set is gone, while its version is in force. Where the version is gone the rule set is
    the one that was in force last.
    """

    rules_version: str
    rules: bytes
    roster_version: str
    rules_lost: bool = False


class NewRules(NamedTuple):
    """A rule set to put in force.

    Attributes:
        rule_set: serialized.
        prepared: as it was prepared for the matcher.
        choices: what its rules ask for, by the names that decisions call it by.
    """

    rule_set: bytes
    prepared: bytes
    choices: Mapping[str, str]


class PlannedView(Protocol):
    """How rules look at a pool: see `service.rules.choices.View`."""

    @property
    def name(self) -> str:
        """The view's name."""

    def plain(self) -> dict[str, Any]:
        """Return the view as scripts read it."""


PlannedPlace = tuple[str, int, str, Sequence[PlannedView]]
"""Where an agent stands: pool, position from 1, the pool whose rotation it carries on ('' = none), views."""

PlannedAgent = tuple[str, str, int, int, bool, Sequence[PlannedPlace]]
"""An agent to be: id, name, weight, limit of open contacts, enabled, places."""


PlannedSettings = tuple[str, str, int, int, bool]
"""An agent whose places stay: id, name, weight, limit of open contacts, enabled."""

PlannedMoves = tuple[str, Mapping[str, int]]
"""An agent of whom only some places change: id, and for each of these pools the position (0: it leaves the pool)."""


class Change(Protocol):
    """What is to be done to get from one configuration to another: see `service.rules.plan.Change`."""

    @property
    def new_views(self) -> Mapping[str, str]:
        """Names of new views, each with the view whose virtual times it carries on ('' = none)."""

    @property
    def agents(self) -> Sequence[PlannedAgent]:
        """Agents who are new, or whose settings or places change."""

    @property
    def gone(self) -> Sequence[str]:
        """Ids of agents who are no longer in the roster."""

    @property
    def dropped_views(self) -> Sequence[str]:
        """Names of views that are no more."""

    @property
    def settings(self) -> Sequence[PlannedSettings]:
        """Agents of whom only settings change."""

    @property
    def moves(self) -> Sequence[PlannedMoves]:
        """Agents of whom only some places change."""

    @property
    def views(self) -> Mapping[str, Sequence[PlannedView]]:
        """How rules look at the pools of those places."""
