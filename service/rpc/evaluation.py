"""The way of a contact through the service: checked, matched against the rules, decided in Redis, answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from evenhand.v1.assignment_service_pb2 import (
    BatchEvaluateContactsRequest,
    BatchEvaluateContactsResponse,
    EvaluateContactRequest,
    EvaluateContactResponse,
)
from evenhand.v1.contact_pb2 import EVENT_TYPE_CONVERSATION_OPENED
from evenhand.v1.decision_pb2 import Decision, Outcome
from google.protobuf.timestamp_pb2 import Timestamp

from service import errors
from service.rpc.validation import check_batch, check_evaluation, check_ids
from service.rules import Violation
from service.store.values import NO_CHOICE, Answer, Case, StaleRulesError, reason_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evenhand.v1.rules_pb2 import Strategy

    from service.metrics import DecisionMetrics
    from service.rpc.rulebook import RuleBook, Rules
    from service.store.store import Store


class Evaluation:
    """EvaluateContact and BatchEvaluateContacts."""

    def __init__(self, store: Store, rules: RuleBook, metrics: DecisionMetrics) -> None:
        self._store = store
        self._rules = rules
        self._metrics = metrics

    def evaluate(self, request: EvaluateContactRequest, timeout_s: float | None) -> EvaluateContactResponse:
        """Decide about one contact."""
        wrong: list[Violation] = []
        check_ids(wrong, workspace_id=request.workspace_id)
        check_evaluation(wrong, request)
        if wrong:
            raise errors.invalid(wrong)
        (answer,) = self._decide(request.workspace_id, (request,), timeout_s)
        return EvaluateContactResponse(decision=decision_of(answer))

    def evaluate_batch(
        self, request: BatchEvaluateContactsRequest, timeout_s: float | None
    ) -> BatchEvaluateContactsResponse:
        """Decide about many contacts of a workspace in the order given; a wrong one only spoils its own result."""
        wrong: list[Violation] = []
        check_batch(wrong, request)
        if wrong:
            raise errors.invalid(wrong)
        response = BatchEvaluateContactsResponse()
        accepted: list[EvaluateContactRequest] = []
        results: list[BatchEvaluateContactsResponse.Result] = []
        for one in request.requests:
            result = response.results.add()
            wrong = []
            if one.workspace_id not in ("", request.workspace_id):
                wrong.append(Violation("workspace_id", "must be empty or the batch's own"))
            check_evaluation(wrong, one)
            if wrong:
                result.error.CopyFrom(errors.invalid(wrong).status)
            else:
                accepted.append(one)
                results.append(result)
        if accepted:
            for result, answer in zip(results, self._decide(request.workspace_id, accepted, timeout_s), strict=True):
                result.decision.CopyFrom(decision_of(answer))
        return response

    def _decide(
        self, workspace_id: str, requests: Sequence[EvaluateContactRequest], timeout_s: float | None
    ) -> list[Answer]:
        """Decide under the rules in force, however often they change meanwhile."""
        store = self._store.within(timeout_s)
        answers: list[Answer] = []
        rules = self._rules.of(workspace_id)
        while len(answers) < len(requests):
            cases = [_case(rules, request) for request in requests[len(answers) :]]
            try:
                answers += store.decide(rules.root, rules.revision, cases)
            except StaleRulesError as stale:
                answers += stale.answers
                rules = self._rules.reload(workspace_id)
        for answer in answers:
            self._metrics.count(answer.outcome, reason_of(answer.reason).strategy)
        return answers


def _case(rules: Rules, request: EvaluateContactRequest) -> Case:
    """Return what the decision script is to be asked about one contact."""
    contact = request.contact
    opened = request.event_type == EVENT_TYPE_CONVERSATION_OPENED
    selection = None
    if not contact.owner_id:
        selection = rules.compiled.match(request.event_type, contact, request.updated_keys)
    if selection is None:
        return Case(contact.id, contact.owner_id, opened, request.request_id, NO_CHOICE, "")
    reply = selection.reply.render(contact) if selection.reply is not None else ""
    return Case(contact.id, "", opened, request.request_id, rules.choices[selection], reply)


def decision_of(answer: Answer) -> Decision:
    """Return an answer as the contract's message."""
    reason = reason_of(answer.reason)
    return Decision(
        outcome=cast("Outcome.ValueType", answer.outcome),
        agent_id=answer.agent.decode(),
        rule_id=reason.rule_id,
        fallback=reason.fallback,
        team_id=reason.team_id,
        strategy=cast("Strategy.ValueType", reason.strategy),
        rules_revision=answer.revision,
        sequence=answer.sequence,
        decide_time=Timestamp(seconds=answer.time_ms // 1000, nanos=answer.time_ms % 1000 * 1_000_000),
        replayed=bool(answer.replayed),
        reply=answer.reply.decode(),
    )
