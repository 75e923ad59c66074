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

from service import errors
from service.rpc.validation import check_batch, check_evaluation, check_ids, is_plain
from service.rules import Violation
from service.store.store import CONTACTS_A_RUN
from service.store.values import NO_CHOICE, Answer, Case, StaleRulesError, reason_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evenhand.v1.decision_pb2 import Decision, Outcome
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
        workspace_id = request.workspace_id
        if not is_plain(workspace_id, request):
            wrong: list[Violation] = []
            check_ids(wrong, workspace_id=workspace_id)
            check_evaluation(wrong, request)
            if wrong:
                raise errors.invalid(wrong)
        response = EvaluateContactResponse()
        fill(response.decision, self._decide(workspace_id, (request,), timeout_s)[0])
        return response

    def evaluate_batch(
        self, request: BatchEvaluateContactsRequest, timeout_s: float | None
    ) -> BatchEvaluateContactsResponse:
        """Decide about many contacts of a workspace in the order given; a wrong one only spoils its own result."""
        wrong: list[Violation] = []
        check_batch(wrong, request)
        if wrong:
            raise errors.invalid(wrong)
        workspace_id = request.workspace_id
        response = BatchEvaluateContactsResponse()
        accepted: list[EvaluateContactRequest] = []
        results: list[BatchEvaluateContactsResponse.Result] = []
        for one in request.requests:
            result = response.results.add()
            wrong = []
            if one.workspace_id not in ("", workspace_id):
                wrong.append(Violation("workspace_id", "must be empty or the batch's own"))
            if not is_plain(workspace_id, one):
                check_evaluation(wrong, one)
            if wrong:
                result.error.CopyFrom(errors.invalid(wrong).status)
            else:
                accepted.append(one)
                results.append(result)
        if accepted:
            for result, answer in zip(results, self._decide(workspace_id, accepted, timeout_s), strict=True):
                fill(result.decision, answer)
        return response

    def _decide(
        self, workspace_id: str, requests: Sequence[EvaluateContactRequest], timeout_s: float | None
    ) -> list[Answer]:
        """Decide under the rules in force, however often they change meanwhile."""
        store = self._store.within(timeout_s)
        answers: list[Answer] = []
        rules = self._rules.of(workspace_id)
        while len(answers) < len(requests):
            # A piece at a time, so that single calls come in between here as they do in Redis.
            piece = requests[len(answers) : len(answers) + CONTACTS_A_RUN]
            cases = [_case(rules, request) for request in piece]
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
    event = request.event_type
    opened = event == EVENT_TYPE_CONVERSATION_OPENED
    owner_id = contact.owner_id
    selection = None if owner_id else rules.compiled.match(event, contact, request.updated_keys)
    if selection is None:
        return Case(contact.id, owner_id, opened, request.request_id, NO_CHOICE, "")
    reply = selection.reply.render(contact) if selection.reply is not None else ""
    return Case(contact.id, "", opened, request.request_id, rules.choice_of(selection), reply)


def fill(decision: Decision, answer: Answer) -> None:
    """Write an answer into the contract's message."""
    outcome, agent, reason, revision, sequence, time_ms, replayed, reply = answer
    strategy, fallback, rule_id, team_id = reason_of(reason)
    decision.outcome = cast("Outcome.ValueType", outcome)
    decision.agent_id = agent.decode()
    decision.strategy = cast("Strategy.ValueType", strategy)
    decision.fallback = fallback
    decision.rule_id = rule_id
    decision.team_id = team_id
    decision.rules_revision = revision
    decision.sequence = sequence
    decision.replayed = bool(replayed)
    decision.reply = reply.decode()
    time = decision.decide_time
    time.seconds, milliseconds = divmod(time_ms, 1000)
    time.nanos = milliseconds * 1_000_000
