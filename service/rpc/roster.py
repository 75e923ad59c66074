"""RosterService: proto in, proto out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evenhand.v1 import roster_service_pb2 as pb

from service.decisions.errors import InvalidError
from service.decisions.pages import page_request, token_of
from service.decisions.request_checks import check_ids, check_presence, require, require_ids
from service.decisions.roster_reader import RosterReader
from service.rpc.response_size import leave_out_if_too_large
from service.rules import Violations
from service.store.values import PresenceReport

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from service.call import Call
    from service.decisions.configuration import Configurator
    from service.decisions.roster_updates import RosterUpdater
    from service.store.port import Store


class RosterCalls:
    """The calls of RosterService.

    Args:
        store: the state.
        configurator: puts whole rosters in force.
        updater: changes some of a roster.
        refuse_if_lost: is asked, with workspace and deadline, before a call is told that there is nobody; raises
            StateLostError.
    """

    def __init__(
        self,
        store: Store,
        configurator: Configurator,
        updater: RosterUpdater,
        refuse_if_lost: Callable[[str, float], None],
    ) -> None:
        self._store = store
        self._refuse_if_lost = refuse_if_lost
        self._configurator = configurator
        self._updater = updater
        self.methods: dict[str, Callable[[Any, Call], Any]] = {
            "ConfigureRoster": self.configure_roster,
            "UpdateAgents": self.update_agents,
            "RemoveAgents": self.remove_agents,
            "UpdateTeams": self.update_teams,
            "GetRoster": self.get_roster,
            "SetPresence": self.set_presence,
        }

    def configure_roster(self, request: pb.ConfigureRosterRequest, call: Call) -> pb.ConfigureRosterResponse:
        """Replace agents and teams."""
        require(request, "roster")
        version, warnings = self._configurator.replace_roster(
            call, request.roster, request.etag, validate_only=request.validate_only
        )
        response = pb.ConfigureRosterResponse(roster=request.roster, etag=version, warnings=warnings)
        self._fill_in(response.roster.agents, call)
        leave_out_if_too_large(response, "roster")
        return response

    def update_agents(self, request: pb.UpdateAgentsRequest, call: Call) -> pb.UpdateAgentsResponse:
        """Add or change agents."""
        require_ids(workspace_id=request.workspace_id)
        version, warnings = self._updater.update_agents(call, request)
        response = pb.UpdateAgentsResponse(agents=request.agents, etag=version, warnings=warnings)
        self._fill_in(response.agents, call)
        leave_out_if_too_large(response, "agents")
        return response

    def remove_agents(self, request: pb.RemoveAgentsRequest, call: Call) -> pb.RemoveAgentsResponse:
        """Remove agents."""
        require_ids(workspace_id=request.workspace_id)
        version, warnings = self._updater.remove_agents(call, request)
        return pb.RemoveAgentsResponse(etag=version, warnings=warnings)

    def update_teams(self, request: pb.UpdateTeamsRequest, call: Call) -> pb.UpdateTeamsResponse:
        """Add, change or remove teams."""
        require_ids(workspace_id=request.workspace_id)
        version, warnings = self._updater.update_teams(call, request)
        response = pb.UpdateTeamsResponse(teams=request.teams, etag=version, warnings=warnings)
        leave_out_if_too_large(response, "teams")
        return response

    def get_roster(self, request: pb.GetRosterRequest, call: Call) -> pb.GetRosterResponse:
        """Return agents and teams, or a page of them, with presence and open counts."""
        wrong = Violations()
        check_ids(wrong, workspace_id=request.workspace_id)
        wanted = page_request(request.page_size, request.page_token, wrong)
        if wrong:
            raise InvalidError(wrong)
        reader = RosterReader(self._store.workspace(call.workspace_id, call.deadline))
        version, page = reader.page(wanted, request.etag)
        if not page.roster.agents and not page.roster.teams:
            self._refuse_if_lost(call.workspace_id, call.deadline)
        response = pb.GetRosterResponse(roster=page.roster, etag=version, next_page_token=token_of(page.following))
        self._fill_in(response.roster.agents, call)
        return response

    def set_presence(self, request: pb.SetPresenceRequest, call: Call) -> pb.SetPresenceResponse:
        """Report presences, and name those who are not in the roster."""
        wrong = Violations()
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
            self._refuse_if_lost(call.workspace_id, call.deadline)
        return pb.SetPresenceResponse(unknown_agent_ids=unknown)

    def _fill_in(self, agents: Sequence[pb.Agent], call: Call) -> None:
        """Set the output-only fields, as of now."""
        standings = self._store.workspace(call.workspace_id, call.deadline).standings([agent.id for agent in agents])
        for agent, (_, standing) in zip(agents, standings, strict=True):
            agent.presence, agent.open_contact_count = standing or (pb.PRESENCE_OFFLINE, 0)  # type: ignore[assignment]
