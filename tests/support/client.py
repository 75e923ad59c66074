"""A workspace as a test sees it: calls through the real stubs of one or several replicas, in few words."""

from __future__ import annotations

import itertools
import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from evenhand.v1 import assignment_service_pb2 as api
from evenhand.v1 import assignment_service_pb2_grpc, roster_service_pb2, roster_service_pb2_grpc, rules_pb2
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from tests.support import builders

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from evenhand.v1 import contact_pb2, decision_pb2
    from google.rpc.status_pb2 import Status

CALL_TIMEOUT_S = 30.0


class Service:
    """The two stubs of one replica; `authorization` is what each call shows, if anything."""

    def __init__(self, address: str, *options: tuple[str, object], authorization: str = "") -> None:
        self._metadata = [("authorization", authorization)] if authorization else None
        # Without a subchannel pool of its own, two channels to one address share one connection.
        options = (("grpc.use_local_subchannel_pool", 1), *options)
        self.channel = grpc.insecure_channel(address, options=options)
        self.assignment = assignment_service_pb2_grpc.AssignmentServiceStub(self.channel)
        self.roster = roster_service_pb2_grpc.RosterServiceStub(self.channel)

    def call(self, method: str, request: Any) -> Any:
        """Send a request to the method of this name, of whichever service has it; return the response."""
        stub = self.assignment if hasattr(self.assignment, method) else self.roster
        return getattr(stub, method)(request, timeout=CALL_TIMEOUT_S, metadata=self._metadata)

    def close(self) -> None:
        """Close the connection."""
        self.channel.close()


class Workspace:
    """One tenant; calls go to the replicas in turn."""

    def __init__(self, workspace_id: str, *replicas: Service) -> None:
        self.id = workspace_id
        self._replicas = itertools.cycle(replicas)

    def call(self, method: str, request: Any) -> Any:
        """Send a request of this workspace to the next replica."""
        request.workspace_id = self.id
        return next(self._replicas).call(method, request)

    # What is configured.

    def roster(
        self,
        *agents: str | roster_service_pb2.Agent,
        etag: str = "",
        validate_only: bool = False,
        **teams: Iterable[str],
    ) -> roster_service_pb2.ConfigureRosterResponse:
        """Replace the roster."""
        people = builders.roster(*agents, **teams)
        return self.call(
            "ConfigureRoster",
            roster_service_pb2.ConfigureRosterRequest(roster=people, etag=etag, validate_only=validate_only),
        )

    def rules(
        self,
        *rules: rules_pb2.Rule,
        fallback: rules_pb2.Fallback | None = None,
        unassign_on_close: bool = False,
        etag: str = "",
        validate_only: bool = False,
    ) -> api.ConfigureRulesResponse:
        """Replace the rule set."""
        rule_set = rules_pb2.RuleSet(rules=rules, fallback=fallback, unassign_on_close=unassign_on_close)
        return self.call(
            "ConfigureRules", api.ConfigureRulesRequest(rule_set=rule_set, etag=etag, validate_only=validate_only)
        )

    def get_rules(self) -> api.GetRulesResponse:
        """The rules in force."""
        return self.call("GetRules", api.GetRulesRequest())

    def get_roster(self) -> roster_service_pb2.GetRosterResponse:
        """The people."""
        return self.call("GetRoster", roster_service_pb2.GetRosterRequest())

    def presence(self, presence: int, *agents: str, lease_ms: int | None = None) -> list[str]:
        """Report the presence of these agents, for a lease of some milliseconds or until the next report.

        Give those who are not in the roster.
        """
        lease = None if lease_ms is None else Duration(seconds=lease_ms // 1000, nanos=lease_ms % 1000 * 1_000_000)
        reports = [
            roster_service_pb2.AgentPresence(agent_id=one, presence=presence, lease_duration=lease) for one in agents
        ]
        response = self.call("SetPresence", roster_service_pb2.SetPresenceRequest(presences=reports))
        return list(response.unknown_agent_ids)

    def online(self, *agents: str, lease_ms: int | None = None) -> list[str]:
        """Report these agents ONLINE; give those who are not in the roster."""
        return self.presence(builders.ONLINE, *agents, lease_ms=lease_ms)

    def offline(self, *agents: str) -> list[str]:
        """Report these agents OFFLINE; give those who are not in the roster."""
        return self.presence(builders.OFFLINE, *agents)

    # What happens to contacts.

    def evaluate(
        self,
        event: int,
        contact: contact_pb2.Contact,
        updated_keys: Iterable[str] = (),
        request_id: str = "",
        exclude_agent_ids: Iterable[str] = (),
        *,
        opened_by: int = 0,
    ) -> decision_pb2.Decision:
        """Report an event of a contact and return the decision."""
        request = api.EvaluateContactRequest(
            event_type=event,
            contact=contact,
            updated_keys=updated_keys,
            request_id=request_id,
            exclude_agent_ids=exclude_agent_ids,
            opened_by=opened_by,
        )
        return self.call("EvaluateContact", request).decision

    def created(
        self, contact_id: str, *, request_id: str = "", without: Iterable[str] = (), **fields: Any
    ) -> decision_pb2.Decision:
        """The contact has just come into being, from WhatsApp unless told otherwise; not to go to some agents."""
        return self.evaluate(builders.CREATED, builders.contact(contact_id, **fields), (), request_id, without)

    def takes(self, *contact_ids: str) -> list[str]:
        """Who gets these new contacts, one after another; empty for nobody."""
        return [self.created(one).agent_id for one in contact_ids]

    def updated(
        self, contact_id: str, *updated_keys: str, request_id: str = "", **fields: Any
    ) -> decision_pb2.Decision:
        """Traits or tags of the contact were set; without names, all of the given traits and tags."""
        keys = updated_keys or (*fields.get("traits", ()), *fields.get("tags", ()))
        return self.evaluate(builders.UPDATED, builders.contact(contact_id, **fields), keys, request_id)

    def opened(
        self, contact_id: str, *, request_id: str = "", opened_by: int = 0, **fields: Any
    ) -> decision_pb2.Decision:
        """A conversation with the contact was opened, by the contact unless told otherwise."""
        contact = builders.contact(contact_id, **fields)
        return self.evaluate(builders.OPENED, contact, request_id=request_id, opened_by=opened_by)

    def batch(self, requests: Iterable[api.EvaluateContactRequest]) -> list[decision_pb2.Decision]:
        """Evaluate in one call; every request must come out as a decision."""
        response = self.call("BatchEvaluateContacts", api.BatchEvaluateContactsRequest(requests=requests))
        assert all(result.WhichOneof("result") == "decision" for result in response.results), response
        return [result.decision for result in response.results]

    def created_in_batch(self, contact_ids: Iterable[str], **fields: Any) -> list[decision_pb2.Decision]:
        """Create these contacts in one call."""
        return self.batch(
            api.EvaluateContactRequest(event_type=builders.CREATED, contact=builders.contact(one, **fields))
            for one in contact_ids
        )

    def assign(self, contact_id: str, agent_id: str) -> api.AssignContactResponse:
        """A person decides."""
        return self.call("AssignContact", api.AssignContactRequest(contact_id=contact_id, agent_id=agent_id))

    def unassign(self, contact_id: str) -> api.UnassignContactResponse:
        """A person takes the owner away."""
        return self.call("UnassignContact", api.UnassignContactRequest(contact_id=contact_id))

    def close(self, contact_id: str, owner_after: int = 0) -> api.CloseContactResponse:
        """The conversation ended; without a word about the owner, as the rule set says."""
        request = api.CloseContactRequest(contact_id=contact_id, owner_after=owner_after)
        return self.call("CloseContact", request)

    def merge(self, from_id: str, into_id: str) -> api.MergeContactsResponse:
        """Two ids are one customer."""
        return self.call("MergeContacts", api.MergeContactsRequest(from_contact_id=from_id, into_contact_id=into_id))

    def forget(self, contact_id: str) -> bool:
        """Forget a contact; whether anything was known of it."""
        return self.call("ForgetContact", api.ForgetContactRequest(contact_id=contact_id)).forgotten

    # What is on record.

    def pages(
        self, *, owner: str = "", is_open: bool | None = None, size: int = 0
    ) -> Iterator[list[api.ListContactsResponse.Contact]]:
        """The contacts on record, page by page."""
        token = None
        while token != "":
            which = {None: 0, True: api.OPEN_FILTER_OPEN, False: api.OPEN_FILTER_NOT_OPEN}[is_open]
            request = api.ListContactsRequest(owner_id=owner, open=which, page_size=size, page_token=token or "")
            page = self.call("ListContacts", request)
            yield list(page.contacts)
            token = page.next_page_token

    def contact(self, contact_id: str) -> api.GetContactResponse | None:
        """What is on record; None if nothing is."""
        try:
            return self.call("GetContact", api.GetContactRequest(contact_id=contact_id))
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                return None
            raise

    def owner(self, contact_id: str) -> str:
        """The owner; empty if nobody."""
        record = self.contact(contact_id)
        return record.owner_id if record else ""

    def open_counts(self) -> dict[str, int]:
        """Open contacts of each agent of the roster."""
        return {one.id: one.open_contact_count for one in self.get_roster().roster.agents}

    def presences(self) -> dict[str, int]:
        """Presence of each agent of the roster."""
        return {one.id: one.presence for one in self.get_roster().roster.agents}


@dataclass
class Refusal:
    """What a refused call said."""

    code: str = ""
    message: str = ""
    reason: str = ""
    json_fields: list[str] = field(default_factory=list)
    violations: dict[str, str] = field(default_factory=dict)
    resources: list[tuple[str, str]] = field(default_factory=list)
    retry_after_s: float | None = None

    @property
    def fields(self) -> set[str]:
        """Paths of the bad fields."""
        return set(self.violations)


def read_status(status: Status) -> Refusal:
    """Read a google.rpc.Status; it must carry exactly one ErrorInfo of this service and no internal text."""
    refusal = Refusal(code=grpc_code(status.code), message=status.message)
    infos = []
    for detail in status.details:
        if detail.Is(error_details_pb2.ErrorInfo.DESCRIPTOR):
            infos.append(_unpack(detail, error_details_pb2.ErrorInfo()))
        elif detail.Is(error_details_pb2.BadRequest.DESCRIPTOR):
            bad = _unpack(detail, error_details_pb2.BadRequest())
            refusal.violations |= {one.field: one.description for one in bad.field_violations}
            assert len(refusal.violations) == len(bad.field_violations), f"a field is named twice: {bad}"
            assert all(refusal.violations.values()), f"a violation without description: {bad}"
        elif detail.Is(error_details_pb2.ResourceInfo.DESCRIPTOR):
            resource = _unpack(detail, error_details_pb2.ResourceInfo())
            refusal.resources.append((resource.resource_type, resource.resource_name))
        elif detail.Is(error_details_pb2.RetryInfo.DESCRIPTOR):
            refusal.retry_after_s = (
                _unpack(detail, error_details_pb2.RetryInfo()).retry_delay.ToTimedelta().total_seconds()
            )
    assert len(infos) == 1, status
    assert infos[0].domain == "evenhand.v1", status
    assert infos[0].reason, status
    assert status.message, status
    assert "Traceback" not in str(status), status
    refusal.reason = infos[0].reason
    refusal.json_fields = json.loads(infos[0].metadata.get("jsonFields", "[]"))
    return refusal


def grpc_code(number: int) -> str:
    """The name of a status code's number."""
    return next(code.name for code in grpc.StatusCode if code.value[0] == number)


def _unpack(detail: Any, message: Any) -> Any:
    detail.Unpack(message)
    return message


@contextmanager
def refused(code: str) -> Iterator[Refusal]:
    """The calls inside are refused with this code; what was said can be read afterwards."""
    said = Refusal()
    with pytest.raises(grpc.RpcError) as caught:
        yield said
    error = caught.value
    assert error.code().name == code, f"{error.code()}: {error.details()}"
    status = rpc_status.from_call(error)
    assert status is not None, f"no google.rpc.Status: {error.details()}"
    said.__dict__.update(read_status(status).__dict__)


def decides(workspace: Workspace, contact: str) -> bool:
    """Whether the contact is decided about, and not UNAVAILABLE; nothing else is to be expected."""
    try:
        workspace.created(contact)
    except grpc.RpcError as error:
        if error.code() == grpc.StatusCode.UNAVAILABLE:
            return False
        raise
    return True


def calling(address: str) -> Workspace:
    """A workspace in which contacts are assigned."""
    team = Workspace("w", Service(address))
    team.roster("a", "b")
    team.rules(builders.rule("everyone"))
    return team
