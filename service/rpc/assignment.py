"""AssignmentService: what the contract says, in terms of the domain and the store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evenhand.v1 import assignment_service_pb2 as pb

from service.decisions.errors import NotFoundError
from service.decisions.evaluation import Evaluation, fill
from service.decisions.request_checks import require, require_ids
from service.store import keys

if TYPE_CHECKING:
    from collections.abc import Callable

    from service.decisions.configuration import Configurator
    from service.store.store import Store


class Assignment:
    """The calls of AssignmentService. Each takes a request and how long to wait for Redis, in seconds."""

    def __init__(self, store: Store, evaluation: Evaluation, configurator: Configurator) -> None:
        self._store = store
        self._configurator = configurator
        self.methods: dict[str, Callable[[Any, float | None], Any]] = {
            "EvaluateContact": evaluation.evaluate,
            "BatchEvaluateContacts": evaluation.evaluate_batch,
            "ConfigureRules": self.configure_rules,
            "GetRules": self.get_rules,
            "GetContact": self.get_contact,
            "AssignContact": self.assign_contact,
            "UnassignContact": self.unassign_contact,
            "CloseContact": self.close_contact,
        }

    def configure_rules(self, request: pb.ConfigureRulesRequest, timeout_s: float | None) -> pb.ConfigureRulesResponse:
        """Replace the rule set."""
        require(request, "rule_set")
        revision, warnings = self._configurator.within(timeout_s).replace_rules(
            request.workspace_id, request.rule_set, request.etag, validate_only=request.validate_only
        )
        return pb.ConfigureRulesResponse(
            rule_set=request.rule_set, revision=revision, etag=str(revision), warnings=warnings
        )

    def get_rules(self, request: pb.GetRulesRequest, timeout_s: float | None) -> pb.GetRulesResponse:
        """Return the rule set in force."""
        require_ids(workspace_id=request.workspace_id)
        configuration = self._store.within(timeout_s).configuration(keys.root(request.workspace_id))
        response = pb.GetRulesResponse(revision=configuration.rules_revision, etag=str(configuration.rules_revision))
        response.rule_set.ParseFromString(configuration.rules)
        return response

    def get_contact(self, request: pb.GetContactRequest, timeout_s: float | None) -> pb.GetContactResponse:
        """Return what is on record about a contact."""
        require_ids(workspace_id=request.workspace_id, contact_id=request.contact_id)
        record = self._store.within(timeout_s).contact(keys.root(request.workspace_id), request.contact_id)
        if record is None:
            raise NotFoundError("contact", [request.contact_id])
        response = pb.GetContactResponse(contact_id=request.contact_id, owner_id=record.owner_id, open=record.open)
        if record.decision:
            fill(response.decision, record.decision)
        return response

    def assign_contact(self, request: pb.AssignContactRequest, timeout_s: float | None) -> pb.AssignContactResponse:
        """Let a person decide who owns a contact."""
        require_ids(workspace_id=request.workspace_id, contact_id=request.contact_id, agent_id=request.agent_id)
        assigned = self._store.within(timeout_s).assign(
            keys.root(request.workspace_id), request.contact_id, request.agent_id
        )
        if assigned is None:
            raise NotFoundError("agent", [request.agent_id])
        previous, is_open = assigned
        return pb.AssignContactResponse(owner_id=request.agent_id, previous_owner_id=previous, open=is_open)

    def unassign_contact(
        self, request: pb.UnassignContactRequest, timeout_s: float | None
    ) -> pb.UnassignContactResponse:
        """Take a contact's owner away."""
        require_ids(workspace_id=request.workspace_id, contact_id=request.contact_id)
        previous = self._store.within(timeout_s).unassign(keys.root(request.workspace_id), request.contact_id)
        return pb.UnassignContactResponse(previous_owner_id=previous)

    def close_contact(self, request: pb.CloseContactRequest, timeout_s: float | None) -> pb.CloseContactResponse:
        """Give the agent's place back."""
        require_ids(workspace_id=request.workspace_id, contact_id=request.contact_id)
        owner, closed = self._store.within(timeout_s).close(keys.root(request.workspace_id), request.contact_id)
        return pb.CloseContactResponse(owner_id=owner, closed=closed)
