"""What goes into the store of a roster and comes out of it: plain values, with messages serialized."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class RosterChangedError(Exception):
    """The roster has another version than what was read of it before."""


class RosterSize(NamedTuple):
    """How large the roster is.

    Attributes:
        rules_version: of the rules in force meanwhile.
        version: of the roster.
        agents: how many there are.
        last_agent: the last position that an agent has.
        teams: how many there are.
        last_team: the last position that a team has.
        places: agents of all teams together.
        torn: whether a part of the roster is lost, so that what is read of it is not what was configured.
    """

    rules_version: str
    version: str
    agents: int
    last_agent: int
    teams: int
    last_team: int
    places: int
    torn: bool


class StoredAgent(NamedTuple):
    """An agent's position, and its message, serialized."""

    position: int
    message: bytes


class StoredTeam(NamedTuple):
    """A team's position, its message without its agents, serialized, and some of its agents with their positions."""

    position: int
    message: bytes
    members: list[tuple[str, int]]


PlacedMessage = tuple[int, bytes]
"""A position, and a serialized message."""


class RosterWrites(Protocol):
    """What is to be written: see `service.rules.layout.RosterWrites`."""

    @property
    def agents(self) -> Mapping[str, PlacedMessage]:
        """Agents who are new, moved or changed."""

    @property
    def agents_gone(self) -> Sequence[str]:
        """Ids of agents who are no more."""

    @property
    def teams(self) -> Mapping[str, PlacedMessage]:
        """Teams that are new, moved or changed."""

    @property
    def teams_gone(self) -> Sequence[str]:
        """Ids of teams that are no more."""

    @property
    def members(self) -> Mapping[str, Mapping[str, int]]:
        """For each team, the positions of agents who are new in it or moved."""

    @property
    def members_gone(self) -> Mapping[str, Sequence[str]]:
        """For each team, its agents who are no more in it."""
