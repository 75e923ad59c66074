"""What goes into the store and comes out of it: plain values, without a word of Redis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, Protocol

from service.store import keys


class StaleRulesError(Exception):
    """The rules changed since decisions were prepared; those were not made."""


class Choice(NamedTuple):
    """Whom the rules chose for a contact, as the decision script takes it."""

    pool: bytes
    view: bytes
    strategy: int
    reason: bytes

    @classmethod
    def of(
        cls, pool: str, strategy: int, limit: int, rule_id: str, team_id: str, *, online_only: bool, fallback: bool
    ) -> Choice:
        """Return the choice that a rule or the fallback stands for."""
        reason = f"{strategy}:{int(fallback)}:{rule_id}{keys.SEPARATOR}{team_id}"
        view = keys.view(pool, strategy, limit, online_only=online_only)
        return cls(pool.encode(), view.encode(), strategy, reason.encode())


NO_CHOICE = Choice(b"", b"", 0, b"")
"""No rule matched."""


class Reason(NamedTuple):
    """Why a decision came out as it did."""

    strategy: int
    fallback: bool
    rule_id: str
    team_id: str


@lru_cache(maxsize=65536)
def reason_of(text: bytes) -> Reason:
    """Read back what `Choice.of` wrote. Empty: no rule."""
    if not text:
        return Reason(0, False, "", "")
    strategy, fallback, ids = text.decode().split(":", 2)
    rule_id, team_id = ids.split(keys.SEPARATOR)
    return Reason(int(strategy), fallback == "1", rule_id, team_id)


class Decision(NamedTuple):
    """A decision, as scripts return it.

    Attributes:
        outcome: value of the contract's enum Outcome; 0 where there is no decision.
        agent: id of the owner; empty if there is none.
        reason: see `reason_of`.
        revision: of the rules it was made under.
        sequence: its place among all that happened in the workspace.
        time_ms: when it was made, by the clock of Redis, in milliseconds since 1970.
        replayed: 1 if it was made by an earlier call.
        reply: what the caller is to send; empty for nothing.
    """

    outcome: int
    agent: bytes
    reason: bytes
    revision: int
    sequence: int
    time_ms: int
    replayed: int
    reply: bytes

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


class Case(NamedTuple):
    """A contact to decide about.

    Attributes:
        contact_id: the contact.
        owner_id: who owns it as far as the caller knows; empty for nobody.
        opened: whether its conversation was opened.
        request_id: what identifies the call among repeats; empty for nothing.
        choice: whom the rules chose.
        reply: what the caller is to send, with `keys.SEPARATOR` for the agent's name.
    """

    contact_id: str
    owner_id: str
    opened: bool
    request_id: str
    choice: Choice
    reply: str


@dataclass(frozen=True, slots=True)
class ContactRecord:
    """What is on record about a contact: its owner ('' for none), whether it is open, the decision about it."""

    owner_id: str
    open: bool
    decision: Decision | None


class StoredRules(NamedTuple):
    """The rules in force: their revision (0: none are), and as prepared for the matcher (empty: by another version)."""

    revision: int
    prepared: bytes


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
    """The rule set and the roster in force, serialized, with their revisions; 0 and empty where none is."""

    rules_revision: int
    rules: bytes
    roster_revision: int
    roster: bytes


class NewRules(NamedTuple):
    """A rule set to put in force: serialized, and as it was prepared for the matcher."""

    rule_set: bytes
    prepared: bytes


PlannedView = tuple[int, bool, int]
"""How rules look at a pool: strategy, online only, limit."""

PlannedPlace = tuple[str, int, str, Sequence[PlannedView]]
"""Where an agent stands: pool, position from 1, the pool whose rotation it carries on ('' = none), views."""

PlannedAgent = tuple[str, str, int, int, bool, Sequence[PlannedPlace]]
"""An agent to be: id, name, weight, limit of open contacts, enabled, places."""


class Change(Protocol):
    """What is to be done to get from one configuration to another: see `service.rules.plan.Change`."""

    @property
    def carried(self) -> Sequence[tuple[str, str]]:
        """New pools, each with the pool whose rotation it carries on."""

    @property
    def agents(self) -> Sequence[PlannedAgent]:
        """Agents who are new, or whose settings or places change."""

    @property
    def gone(self) -> Sequence[str]:
        """Ids of agents who are no longer in the roster."""

    @property
    def dropped(self) -> Sequence[str]:
        """Pools that are no more."""
