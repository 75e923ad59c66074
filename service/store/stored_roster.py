"""A workspace's roster in Redis, read in bounded runs: its size, some of it by id, or all of it in order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from service.store.roster_values import RosterChangedError, RosterSize, StoredAgent, StoredTeam
from service.store.scripts import load

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from service.redis_client.script import Script

_SIZE = load("roster_size")
_SOME = load("roster_some")
_AGENTS = load("roster_agents")
_TEAMS = load("roster_teams")
_HALVES = load("roster_halves")

# How many agents are read, and places in teams looked at, in one run: about a millisecond.
_AGENTS_A_RUN = 200
_PLACES_A_RUN = 1000


class Run(Protocol):
    """Runs a script that reads, for one workspace."""

    def __call__(self, script: Script, /, *words: bytes | str | int) -> Any:
        """Return its reply."""


class StoredRoster:
    """One workspace's roster. See `service.store.port.RosterStore`.

    Args:
        run: runs a script for the workspace.
    """

    def __init__(self, run: Run) -> None:
        self._run = run

    def size(self) -> RosterSize:
        """Return how large the roster is."""
        rules_version, version, agents, last_agent, teams, last_team, places, torn = self._run(_SIZE)
        return RosterSize(
            rules_version.decode(), version.decode(), agents, int(last_agent), teams, int(last_team), places, bool(torn)
        )

    def agents(self, ids: Collection[str], version: str) -> dict[str, StoredAgent]:
        """Return those of these agents that are in the roster.

        Raises:
            RosterChangedError: the roster has another version.
        """
        return {each: StoredAgent(at, message) for each, at, message in self._some("agents", ids, 1, version)}

    def teams(self, ids: Collection[str], version: str) -> dict[str, StoredTeam]:
        """Return those of these teams that are in the roster, with all their agents.

        Raises:
            RosterChangedError: the roster has another version.
        """
        return {
            each: StoredTeam(at, message, self._members(at, version))
            for each, at, message in self._some("teams", ids, 1, version)
        }

    def team_messages(self, ids: Collection[str], version: str) -> dict[str, bytes]:
        """Return those of these teams that are in the roster, without their agents; raises what `teams` does."""
        return {each: message for each, _, message in self._some("teams", ids, 1, version)}

    def known_agents(self, ids: Collection[str], version: str) -> set[str]:
        """Return which of these agents are in the roster; raises what `agents` does."""
        return {each for each, *_ in self._some("agents", ids, 0, version)}

    def team_sizes(self, ids: Collection[str], version: str) -> dict[str, int]:
        """Return how many agents those of these teams have that are in the roster; raises what `teams` does."""
        return {each: size for each, _, size in self._some("teams", ids, 0, version)}

    def known_ids(self, version: str) -> tuple[set[str], set[str]]:
        """Return the ids of all agents and all teams of which anything is left; raises what `agents` does."""
        return self._known("agents", version), self._known("teams", version)

    def _known(self, kind: str, version: str) -> set[str]:
        found: set[str] = set()
        place, cursor = b"0", b"0"
        while place or cursor:
            place, cursor, *ids = self._read(_HALVES, kind, place, cursor, _PLACES_A_RUN, version=version)
            found.update(each.decode() for each in ids)
        return found

    def walk_agents(self, after: int, version: str) -> Iterator[StoredAgent]:
        """Yield agents in the roster's order, from behind a position on; raises what `agents` does."""
        while True:
            flat = self._read(_AGENTS, after, _AGENTS_A_RUN, version=version)
            for position, message in _pairs(flat):
                after = int(position)
                yield StoredAgent(after, message)
            if len(flat) < 2 * _AGENTS_A_RUN:
                return

    def walk_teams(self, first: int, after: int, version: str, *, most: int = _PLACES_A_RUN) -> Iterator[StoredTeam]:
        """Yield teams in the roster's order; one with many agents several times, with the next of them each time.

        Args:
            first: the position of the team to begin with.
            after: the position in that team after which to begin.
            version: of the roster.
            most: how many teams at most are read in one run.

        Raises:
            RosterChangedError: the roster has another version.
        """
        looked = _PLACES_A_RUN
        while looked >= _PLACES_A_RUN:
            looked = 0
            for position, message, flat in self._read(_TEAMS, first, after, _PLACES_A_RUN, most, version=version):
                members = [(agent_id.decode(), int(at)) for agent_id, at in _pairs(flat)]
                if int(position) != first:
                    first, after = int(position), 0
                if members:
                    after = members[-1][1]
                looked += 1 + len(members)
                yield StoredTeam(first, message, members)

    def _members(self, position: int, version: str) -> list[tuple[str, int]]:
        return [member for team in self.walk_teams(position, 0, version, most=1) for member in team.members]

    def _some(self, kind: str, ids: Collection[str], wanted: int, version: str) -> Iterator[tuple[str, int, Any]]:
        every, size = list(ids), _AGENTS_A_RUN if wanted else _PLACES_A_RUN
        for at in range(0, len(every), size):
            asked = every[at : at + size]
            positions, messages = self._read(_SOME, kind, wanted, *asked, version=version)
            for each, position, message in zip(asked, positions, messages or positions, strict=True):
                if position is not None and message is not None:  # of a torn roster one may be there alone
                    yield each, int(position), message

    def _read(self, script: Script, *words: bytes | str | int, version: str) -> list[Any]:
        found: Any
        rest: list[Any]
        found, *rest = self._run(script, *words)
        if found.decode() != version:
            raise RosterChangedError
        return rest


def _pairs(flat: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
    return zip(flat[::2], flat[1::2], strict=True)
