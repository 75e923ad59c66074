"""RosterService: proto in, proto out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evenhand.v1 import roster_service_pb2 as pb

from service.decisions.errors import InvalidError, NotFoundError
from service.decisions.request_checks import check_presence, require, require_ids
from service.store.values import PresenceReport

if TYPE_CHECKING:
    from collections.abc import Callable

    from service.call import Call
    from service.decisions.configuration import Configurator
    from service.rules import Violation
    from service.store.port import Store


class RosterCalls:
    """The calls of RosterService."""

    def __init__(self, store: Store, configurator: Configurator) -> None:
        self._store = store
        self._configurator = configurator
        self.methods: dict[str, Callable[[Any, Call], Any]] = {
            "ConfigureRoster": self.configure_roster,
            "GetRoster": self.get_roster,
            "SetPresence": self.set_presence,
        }

    def configure_roster(self, request: pb.ConfigureRosterRequest, call: Call) -> pb.ConfigureRosterResponse:
        """Replace agents and teams."""
        require(request, "roster")
        revision, warnings = self._configurator.replace_roster(
            call, request.roster, request.etag, validate_only=request.validate_only
        )
        response = pb.ConfigureRosterResponse(roster=request.roster, etag=str(revision), warnings=warnings)
        self._fill_in(response.roster, call)
        return response

    def get_roster(self, request: pb.GetRosterRequest, call: Call) -> pb.GetRosterResponse:
        """Return agents and teams, with presence and open counts."""
        require_ids(workspace_id=request.workspace_id)
        configuration = self._store.workspace(call.workspace_id, call.deadline).configuration()
        response = pb.GetRosterResponse(etag=str(configuration.roster_revision))
        response.roster.ParseFromString(configuration.roster)
        self._fill_in(response.roster, call)
        return response

    def set_presence(self, request: pb.SetPresenceRequest, call: Call) -> pb.SetPresenceResponse:
        """Report presences."""
        wrong: list[Violation] = []
        check_presence(wrong, request)
        if wrong:
            raise InvalidError(wrong)
        unknown = self._store.workspace(call.workspace_id, call.deadline).set_presence(
            [
                PresenceReport(report.agent_id, report.presence, report.lease_duration.ToMilliseconds())
                for report in request.presences
            ],
        )
        if unknown:
            raise NotFoundError("agent", unknown)
        return pb.SetPresenceResponse()

    def _fill_in(self, roster: pb.Roster, call: Call) -> None:
        """Set the output-only fields, as of now."""
        workspace = self._store.workspace(call.workspace_id, call.deadline)
        standings = workspace.standings([agent.id for agent in roster.agents])
        for agent, (_, standing) in zip(roster.agents, standings, strict=True):
            agent.presence, agent.open_contact_count = standing or (pb.PRESENCE_OFFLINE, 0)  # type: ignore[assignment]
