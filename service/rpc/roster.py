"""RosterService: what the contract says, in terms of the domain and the store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evenhand.v1 import roster_service_pb2 as pb

from service.decisions.errors import InvalidError, NotFoundError
from service.decisions.request_checks import check_presence, require, require_ids
from service.store import keys

if TYPE_CHECKING:
    from collections.abc import Callable

    from service.decisions.configuration import Configurator
    from service.rules import Violation
    from service.store.store import Store


class RosterCalls:
    """The calls of RosterService. Each takes a request and how long to wait for Redis, in seconds."""

    def __init__(self, store: Store, configurator: Configurator) -> None:
        self._store = store
        self._configurator = configurator
        self.methods: dict[str, Callable[[Any, float | None], Any]] = {
            "ConfigureRoster": self.configure_roster,
            "GetRoster": self.get_roster,
            "SetPresence": self.set_presence,
        }

    def configure_roster(
        self, request: pb.ConfigureRosterRequest, timeout_s: float | None
    ) -> pb.ConfigureRosterResponse:
        """Replace agents and teams."""
        require(request, "roster")
        revision, warnings = self._configurator.within(timeout_s).replace_roster(
            request.workspace_id, request.roster, request.etag, validate_only=request.validate_only
        )
        response = pb.ConfigureRosterResponse(roster=request.roster, etag=str(revision), warnings=warnings)
        self._fill_in(request.workspace_id, response.roster, timeout_s)
        return response

    def get_roster(self, request: pb.GetRosterRequest, timeout_s: float | None) -> pb.GetRosterResponse:
        """Return agents and teams, with presence and open counts."""
        require_ids(workspace_id=request.workspace_id)
        configuration = self._store.within(timeout_s).configuration(keys.root(request.workspace_id))
        response = pb.GetRosterResponse(etag=str(configuration.roster_revision))
        response.roster.ParseFromString(configuration.roster)
        self._fill_in(request.workspace_id, response.roster, timeout_s)
        return response

    def set_presence(self, request: pb.SetPresenceRequest, timeout_s: float | None) -> pb.SetPresenceResponse:
        """Report presences."""
        wrong: list[Violation] = []
        check_presence(wrong, request)
        if wrong:
            raise InvalidError(wrong)
        unknown = self._store.within(timeout_s).set_presence(
            keys.root(request.workspace_id),
            [
                (report.agent_id, report.presence, report.lease_duration.ToMilliseconds())
                for report in request.presences
            ],
        )
        if unknown:
            raise NotFoundError("agent", unknown)
        return pb.SetPresenceResponse()

    def _fill_in(self, workspace_id: str, roster: pb.Roster, timeout_s: float | None) -> None:
        """Set the output-only fields, as of now."""
        standings = self._store.within(timeout_s).standings(
            keys.root(workspace_id), [agent.id for agent in roster.agents]
        )
        for agent, (_, standing) in zip(roster.agents, standings, strict=True):
            agent.presence, agent.open_contact_count = standing or (pb.PRESENCE_OFFLINE, 0)  # type: ignore[assignment]
