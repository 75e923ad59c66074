"""A workspace's roster as messages and layouts, read from the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evenhand.v1.roster_service_pb2 import Agent, Team

from service.decisions.errors import StaleEtagError
from service.decisions.pages import RosterPage
from service.rules import Layout, PlacedAgent, PlacedTeam
from service.store.roster_values import RosterChangedError
from service.store.values import StateLostError

if TYPE_CHECKING:
    from collections.abc import Collection

    from service.decisions.pages import PageRequest
    from service.store.port import WorkspaceStore
    from service.store.roster_values import StoredTeam


class RosterReader:
    """Reads one workspace's roster. Begin with its size; what is read then must be of the same version.

    Args:
        workspace: which.

    Attributes:
        stored: the roster as it is kept.
    """

    def __init__(self, workspace: WorkspaceStore) -> None:
        self.stored = workspace.roster()

    def agents(self, ids: Collection[str], version: str) -> Layout:
        """Return those of these agents that are in the roster.

        Raises:
            RosterChangedError: the roster has another version.
        """
        found = self.stored.agents(ids, version)
        return Layout({each: PlacedAgent(at, Agent.FromString(message)) for each, (at, message) in found.items()}, {})

    def teams(self, ids: Collection[str], version: str) -> Layout:
        """Return those of these teams that are in the roster, with their agents; raises what `agents` does."""
        return Layout({}, {each: _placed(team) for each, team in self.stored.teams(ids, version).items()})

    def whole(self, version: str) -> Layout:
        """Return the whole roster; raises what `agents` does."""
        agents = [PlacedAgent(at, Agent.FromString(message)) for at, message in self.stored.walk_agents(0, version)]
        teams: dict[str, PlacedTeam] = {}
        for stored in self.stored.walk_teams(0, 0, version):
            team = _placed(stored)
            begun = teams.get(team.team.id)
            teams[team.team.id] = begun._replace(members={**begun.members, **team.members}) if begun else team
        return Layout({placed.agent.id: placed for placed in agents}, teams)

    def page(self, wanted: PageRequest, etag: str) -> tuple[str, RosterPage]:
        """Return a page of the roster, and which version it is of.

        Raises:
            InvalidError: everything is wanted at once, but does not fit.
            StaleEtagError: the roster has another etag.
            StateLostError: a part of the roster is lost.
        """
        while True:
            size = self.stored.size()
            if size.torn:
                raise StateLostError
            version = size.version
            if etag and etag != version:
                raise StaleEtagError("roster")
            page = RosterPage(wanted)
            try:
                page.fill(self.stored, version)
            except RosterChangedError:
                continue
            wanted.refuse_if_cut("roster", page.following)
            return version, page


def _placed(stored: StoredTeam) -> PlacedTeam:
    return PlacedTeam(stored.position, Team.FromString(stored.message), dict(stored.members))
