"""The whole roster, or the whole rule set, from a service that gives them in pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

import grpc
from evenhand.v1.assignment_service_pb2 import GetRulesRequest, GetRulesResponse
from evenhand.v1.roster_service_pb2 import GetRosterRequest, GetRosterResponse

if TYPE_CHECKING:
    from collections.abc import Callable

    from service.cli.client import Service

Whole = TypeVar("Whole")

# As many as there may be: pages end where they get too large.
_PAGE_SIZE: Final = 11_000
# How often reading begins anew because somebody changes what is read.
_ATTEMPTS: Final = 5


def whole_roster(service: Service, workspace: str) -> GetRosterResponse:
    """Read the roster, all of one etag."""
    return until_unchanged(lambda: _roster(service, workspace))


def whole_rule_set(service: Service, workspace: str) -> GetRulesResponse:
    """Read the rule set, all of one revision."""
    return until_unchanged(lambda: _rule_set(service, workspace))


def until_unchanged(attempt: Callable[[], Whole]) -> Whole:
    """Return what an attempt does; it is made again if it is ABORTED, as what it is about was changed meanwhile."""
    for _ in range(_ATTEMPTS - 1):
        try:
            return attempt()
        except grpc.RpcError as error:
            if error.code() != grpc.StatusCode.ABORTED:
                raise
    return attempt()


def _roster(service: Service, workspace: str) -> GetRosterResponse:
    whole = GetRosterResponse()
    while True:
        request = GetRosterRequest(
            workspace_id=workspace, page_size=_PAGE_SIZE, page_token=whole.next_page_token, etag=whole.etag
        )
        page = service.roster.GetRoster(request, timeout=service.timeout)
        teams = list(page.roster.teams)
        if whole.roster.teams and teams and whole.roster.teams[-1].id == teams[0].id:  # it goes on
            whole.roster.teams[-1].agent_ids.extend(teams.pop(0).agent_ids)
        whole.roster.agents.extend(page.roster.agents)
        whole.roster.teams.extend(teams)
        whole.etag, whole.next_page_token = page.etag, page.next_page_token
        if not page.next_page_token:
            return whole


def _rule_set(service: Service, workspace: str) -> GetRulesResponse:
    whole = GetRulesResponse()
    while True:
        request = GetRulesRequest(workspace_id=workspace, page_size=_PAGE_SIZE, page_token=whole.next_page_token)
        page = service.assignment.GetRules(request, timeout=service.timeout)
        whole.MergeFrom(page)
        whole.next_page_token = page.next_page_token
        if not page.next_page_token:
            return whole
