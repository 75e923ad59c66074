"""AssignmentService: proto in, proto out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from evenhand.v1 import assignment_service_pb2 as pb
from evenhand.v1.rules_pb2 import RuleSet

from service.decisions.contact_pages import contacts_wanted
from service.decisions.errors import InvalidError, MergeRefusedError, NotFoundError
from service.decisions.evaluation import Asked
from service.decisions.pages import page_request, rules_page, token_of
from service.decisions.request_checks import (
    check_batch,
    check_ids,
    check_merge,
    require,
    require_closing,
    require_ids,
    trim,
)
from service.redis_client.durability import NotDurableError
from service.rpc import statuses
from service.rpc.response_size import fit_batch, leave_out_if_too_large
from service.rules import Violations
from service.store.values import NO_VERSION, Decision, Merged, Merging, StateLostError, reason_of, revision_of
from service.telemetry import trail

if TYPE_CHECKING:
    from collections.abc import Callable

    from evenhand.v1.decision_pb2 import Decision as DecisionMessage
    from evenhand.v1.decision_pb2 import Outcome
    from evenhand.v1.rules_pb2 import Strategy

    from service.call import Call
    from service.decisions.configuration import Configurator
    from service.decisions.evaluation import Evaluation
    from service.store.port import Store


class Assignment:
    """The calls of AssignmentService.

    Args:
        store: the state.
        evaluation: decides.
        configurator: puts rules in force.
        refuse_if_lost: is asked, with workspace and deadline, before a call is told that there is nothing; raises
            StateLostError.
    """

    def __init__(
        self,
        store: Store,
        evaluation: Evaluation,
        configurator: Configurator,
        refuse_if_lost: Callable[[str, float], None],
    ) -> None:
        self._store = store
        self._refuse_if_lost = refuse_if_lost
        self._evaluation = evaluation
        self._configurator = configurator
        self.methods: dict[str, Callable[[Any, Call], Any]] = {
            "EvaluateContact": self.evaluate_contact,
            "BatchEvaluateContacts": self.batch_evaluate_contacts,
            "ConfigureRules": self.configure_rules,
            "GetRules": self.get_rules,
            "GetContact": self.get_contact,
            "AssignContact": self.assign_contact,
            "UnassignContact": self.unassign_contact,
            "CloseContact": self.close_contact,
            "MergeContacts": self.merge_contacts,
            "ForgetContact": self.forget_contact,
            "ListContacts": self.list_contacts,
        }

    def evaluate_contact(self, request: pb.EvaluateContactRequest, call: Call) -> pb.EvaluateContactResponse:
        """Decide about one contact."""
        response = pb.EvaluateContactResponse()
        decision = self._evaluation.evaluate(Asked(call.workspace_id, request, call))
        write(decision, request.contact.id, response.decision)
        return response

    def batch_evaluate_contacts(
        self, request: pb.BatchEvaluateContactsRequest, call: Call
    ) -> pb.BatchEvaluateContactsResponse:
        """Decide about many contacts of a workspace in the order given; a wrong one only spoils its own result."""
        wrong = Violations()
        check_batch(wrong, request)
        if wrong:
            raise InvalidError(wrong)
        response = pb.BatchEvaluateContactsResponse()
        outcomes = self._evaluation.evaluate_batch(request.requests[:], call)
        for asked, outcome in zip(request.requests, outcomes, strict=True):
            result = response.results.add()
            if isinstance(outcome, Decision):
                write(outcome, asked.contact.id, result.decision)
            else:
                result.error.CopyFrom(statuses.status_of(outcome))
        fit_batch(response)
        return response

    def configure_rules(self, request: pb.ConfigureRulesRequest, call: Call) -> pb.ConfigureRulesResponse:
        """Replace the rule set."""
        require(request, "rule_set")
        version, warnings = self._configurator.replace_rules(
            call, request.rule_set, request.etag, validate_only=request.validate_only
        )
        response = pb.ConfigureRulesResponse(
            rule_set=request.rule_set, revision=revision_of(version), etag=version, warnings=warnings
        )
        leave_out_if_too_large(response, "rule_set")
        return response

    def get_rules(self, request: pb.GetRulesRequest, call: Call) -> pb.GetRulesResponse:
        """Return the rule set in force, or a page of it."""
        wrong = Violations()
        check_ids(wrong, workspace_id=request.workspace_id)
        wanted = page_request(request.page_size, request.page_token, wrong)
        if wrong:
            raise InvalidError(wrong)
        configuration = self._store.workspace(call.workspace_id, call.deadline).configuration()
        if not configuration.rules or configuration.rules_version == NO_VERSION:
            self._refuse_if_lost(call.workspace_id, call.deadline)
        if configuration.rules_lost:
            raise StateLostError
        version = configuration.rules_version
        page, following = rules_page(RuleSet.FromString(configuration.rules), wanted, version)
        wanted.refuse_if_cut("rule set", following)
        return pb.GetRulesResponse(
            rule_set=page, revision=revision_of(version), etag=version, next_page_token=token_of(following)
        )

    def get_contact(self, request: pb.GetContactRequest, call: Call) -> pb.GetContactResponse:
        """Return what is on record about a contact."""
        trim(request, "contact_id")
        require_ids(workspace_id=request.workspace_id, contact_id=request.contact_id)
        record = self._store.workspace(call.workspace_id, call.deadline).contact(request.contact_id)
        if record is None:
            self._refuse_if_lost(call.workspace_id, call.deadline)
            raise NotFoundError("contact", [request.contact_id])
        response = pb.GetContactResponse(contact_id=record.contact_id, owner_id=record.owner_id, open=record.open)
        if record.decision:
            write(record.decision, record.contact_id, response.decision)
        return response

    def assign_contact(self, request: pb.AssignContactRequest, call: Call) -> pb.AssignContactResponse:
        """Let a person decide who owns a contact."""
        trim(request, "contact_id")
        require_ids(workspace_id=request.workspace_id, contact_id=request.contact_id, agent_id=request.agent_id)
        workspace = self._store.workspace(call.workspace_id, call.deadline)
        try:
            previous = workspace.assign(request.contact_id, request.agent_id)
        except NotDurableError as error:
            if error.reply is not None:
                _note_owner(call, request.contact_id, error.reply, request.agent_id, confirmed=False)
            raise
        if previous is None:
            self._refuse_if_lost(call.workspace_id, call.deadline)
            raise NotFoundError("agent", [request.agent_id])
        _note_owner(call, request.contact_id, previous, request.agent_id)
        return pb.AssignContactResponse(owner_id=request.agent_id, previous_owner_id=previous, open=True)

    def unassign_contact(self, request: pb.UnassignContactRequest, call: Call) -> pb.UnassignContactResponse:
        """Take a contact's owner away."""
        trim(request, "contact_id")
        require_ids(workspace_id=request.workspace_id, contact_id=request.contact_id)
        try:
            previous = self._store.workspace(call.workspace_id, call.deadline).unassign(request.contact_id)
        except NotDurableError as error:
            _note_owner(call, request.contact_id, error.reply, "", confirmed=False)
            raise
        _note_owner(call, request.contact_id, previous, "")
        if not previous:
            self._refuse_if_lost(call.workspace_id, call.deadline)
        return pb.UnassignContactResponse(previous_owner_id=previous)

    def close_contact(self, request: pb.CloseContactRequest, call: Call) -> pb.CloseContactResponse:
        """Give the agent's place back."""
        trim(request, "contact_id")
        require_closing(request)
        workspace = self._store.workspace(call.workspace_id, call.deadline)
        owner, closed = workspace.close(request.contact_id, request.owner_after)
        if not owner and not closed:
            self._refuse_if_lost(call.workspace_id, call.deadline)
        return pb.CloseContactResponse(owner_id=owner, closed=closed)

    def merge_contacts(self, request: pb.MergeContactsRequest, call: Call) -> pb.MergeContactsResponse:
        """Have two ids be one contact."""
        trim(request, "from_contact_id", "into_contact_id")
        check_merge(request)
        contacts = self._store.workspace(call.workspace_id, call.deadline).contacts()
        try:
            merged = contacts.merge(request.from_contact_id, request.into_contact_id)
        except NotDurableError as error:
            _note_merged(call, request, error.reply, confirmed=False)
            raise
        if merged.what in {Merging.CIRCLE, Merging.TOO_MANY}:
            raise MergeRefusedError(is_circle=merged.what == Merging.CIRCLE)
        _note_merged(call, request, merged)
        return pb.MergeContactsResponse(
            contact_id=merged.contact_id,
            owner_id=merged.owner_id,
            open=merged.open,
            merged=merged.what == Merging.MERGED,
        )

    def forget_contact(self, request: pb.ForgetContactRequest, call: Call) -> pb.ForgetContactResponse:
        """Remove all that is kept of a contact."""
        trim(request, "contact_id")
        require_ids(workspace_id=request.workspace_id, contact_id=request.contact_id)
        contacts = self._store.workspace(call.workspace_id, call.deadline).contacts()
        try:
            forgotten = contacts.forget(request.contact_id)
        except NotDurableError as error:
            _note_forgotten(call, request.contact_id, forgotten=error.reply, confirmed=False)
            raise
        _note_forgotten(call, request.contact_id, forgotten=forgotten)
        if not forgotten:
            self._refuse_if_lost(call.workspace_id, call.deadline)
        return pb.ForgetContactResponse(forgotten=forgotten)

    def list_contacts(self, request: pb.ListContactsRequest, call: Call) -> pb.ListContactsResponse:
        """Return a page of the contacts on record."""
        wanted = contacts_wanted(request)
        page, following = self._store.workspace(call.workspace_id, call.deadline).contacts().page(*wanted)
        if not page and following is None:
            self._refuse_if_lost(call.workspace_id, call.deadline)
        listed = [pb.ListContactsResponse.Contact(**contact._asdict()) for contact in page]
        return pb.ListContactsResponse(contacts=listed, next_page_token=wanted.token_of(call.workspace_id, following))


def _note_owner(call: Call, contact_id: str, before: str, after: str, *, confirmed: bool = True) -> None:
    """Note another owner, chosen by hand, in the audit trail; "" for nobody."""
    if before != after:
        trail.changed(call, "owner", confirmed=confirmed, contact=contact_id, before=before, after=after)


def _note_merged(call: Call, request: pb.MergeContactsRequest, merged: Merged, *, confirmed: bool = True) -> None:
    """Note in the audit trail that two ids are one contact, if this call did that."""
    if merged.what == Merging.MERGED:
        into = {"into": merged.contact_id, "after": merged.owner_id}
        trail.changed(call, "merge", confirmed=confirmed, contact=request.from_contact_id, **into)


def _note_forgotten(call: Call, contact_id: str, *, forgotten: bool, confirmed: bool = True) -> None:
    """Note in the audit trail that a contact was forgotten, if anything was known of it."""
    if forgotten:
        trail.changed(call, "forget", confirmed=confirmed, contact=contact_id)


def write(decision: Decision, asked_id: str, message: DecisionMessage) -> None:
    """Write a decision into the contract's message; it is about the contact with the id that was asked for, or says."""
    outcome, agent, reason, revision, sequence, time_ms, replayed, reply, owner_unknown, contact = decision
    strategy, fallback, rule_id, team_id = reason_of(reason)
    message.outcome = cast("Outcome.ValueType", outcome)
    message.agent_id = agent.decode()
    message.strategy = cast("Strategy.ValueType", strategy)
    message.fallback = fallback
    message.rule_id = rule_id
    message.team_id = team_id
    message.rules_revision = revision
    message.sequence = sequence
    message.replayed = bool(replayed)
    message.reply = reply.decode()
    message.owner_unknown = bool(owner_unknown)
    message.contact_id = contact.decode() if contact else asked_id
    time = message.decide_time
    time.seconds, milliseconds = divmod(time_ms, 1000)
    time.nanos = milliseconds * 1_000_000
