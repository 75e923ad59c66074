"""The way of a contact through the service: checked, matched against the rules, decided in Redis, answered."""

from __future__ import annotations

import logging
from collections import defaultdict
from contextlib import nullcontext
from functools import partial
from time import perf_counter, sleep
from typing import TYPE_CHECKING, TypeVar, cast

from evenhand.v1.assignment_service_pb2 import (
    BatchEvaluateContactsRequest,
    BatchEvaluateContactsResponse,
    EvaluateContactRequest,
    EvaluateContactResponse,
)
from evenhand.v1.contact_pb2 import EVENT_TYPE_CONVERSATION_OPENED
from evenhand.v1.decision_pb2 import Outcome

from service.combining import Combiner
from service.decisions.errors import InvalidError, RefusedError
from service.decisions.request_checks import check_batch, check_evaluation, check_ids, is_plain, problems
from service.redis_client.client import RedisAwayError
from service.store.store import CONTACTS_A_RUN
from service.store.values import NO_CHOICE, Answer, Case, StaleRulesError, reason_of
from service.telemetry import logs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from evenhand.v1.decision_pb2 import Decision
    from evenhand.v1.rules_pb2 import Strategy
    from google.rpc.status_pb2 import Status
    from opentelemetry.trace import Span

    from service.decisions.rulebook import RuleBook, Rules
    from service.rules import Violation
    from service.store.store import Store
    from service.telemetry.metrics import DecisionMetrics
    from service.telemetry.tracing import Tracing


_log = logging.getLogger(__name__)

# How long a batch lets others have the interpreter: long enough for a thread to wake.
_BREAK_SECONDS = 0.000_02

Item = TypeVar("Item")

_Asked = tuple[EvaluateContactRequest, float | None, "Span | None"]
"""A call: its request, how long to wait for Redis, and its span, if it has one."""


class Evaluation:
    """EvaluateContact and BatchEvaluateContacts."""

    def __init__(
        self,
        store: Store,
        rules: RuleBook,
        metrics: DecisionMetrics,
        status_of: Callable[[RefusedError], Status],
        tracing: Tracing | None = None,
    ) -> None:
        self._store = store
        self._status_of = status_of
        self._tracing = tracing
        self._rules = rules
        self._metrics = metrics
        self._newcomers: Combiner[_Asked, EvaluateContactResponse | None] = Combiner(
            self._evaluate_newcomers, CONTACTS_A_RUN
        )

    def evaluate(self, request: EvaluateContactRequest, timeout_s: float | None) -> EvaluateContactResponse:
        """Decide about one contact, together with those of other calls that wait for the same workspace's rules."""
        workspace_id = request.workspace_id
        rules = self._rules.at_hand(workspace_id)
        if rules is None:
            wrong: list[Violation] = []
            check_ids(wrong, workspace_id=workspace_id)
            if wrong:
                check_evaluation(wrong, request)
                raise InvalidError(wrong)
            decided = self._newcomers.ask((request, timeout_s, self._span()))
            if decided is not None:
                return decided
            rules = self._rules.of(workspace_id)
        together = rules.together
        if together is None:
            # Two threads that do this at once do no harm: they decide apart from each other.
            together = rules.together = Combiner(partial(self._evaluate_together, workspace_id), CONTACTS_A_RUN)
        response: EvaluateContactResponse = together.ask((request, timeout_s, self._span()))
        return response

    def evaluate_batch(
        self, request: BatchEvaluateContactsRequest, timeout_s: float | None
    ) -> BatchEvaluateContactsResponse:
        """Decide about many contacts of a workspace in the order given; a wrong one only spoils its own result."""
        wrong: list[Violation] = []
        check_batch(wrong, request)
        if wrong:
            raise InvalidError(wrong)
        response = BatchEvaluateContactsResponse()
        for answer in _in_bits(self._evaluate(request.workspace_id, request.requests[:], timeout_s, slow=True), 40):
            result = response.results.add()
            if isinstance(answer, RefusedError):
                result.error.CopyFrom(self._status_of(answer))
            else:
                fill(result.decision, answer)
        return response

    def _evaluate_newcomers(self, asked: list[_Asked]) -> list[EvaluateContactResponse | None]:
        """Decide about contacts of workspaces that are not at hand, all at once; None for those that need more."""
        responses: list[EvaluateContactResponse | None] = [None] * len(asked)
        of_workspace: defaultdict[str, list[int]] = defaultdict(list)
        for at, (request, _, _) in enumerate(asked):
            if is_plain(request.workspace_id, request):
                of_workspace[request.workspace_id].append(at)
        try:
            with self._together(asked):
                rules_of_each = self._rules.reload_each(list(of_workspace))
                begun = perf_counter()
                groups = [
                    (rules.root, rules.revision, [_case(rules, asked[at][0]) for at in ats])
                    for rules, ats in zip(rules_of_each, of_workspace.values(), strict=True)
                ]
                self._evaluated(perf_counter() - begun)
                answers_to_each = self._store.within(_patience(asked)).decide_each(groups)
        except RedisAwayError:
            raise
        except Exception:  # noqa: BLE001 - whoever is at fault comes again, alone, and must not spoil the others' calls
            return responses
        for (workspace_id, ats), answers in zip(of_workspace.items(), answers_to_each, strict=True):
            if answers is not None:
                self._metrics.count(workspace_id, map(_counted, answers))
                for at, answer in zip(ats, answers, strict=True):
                    responses[at] = _response(answer)
                    if _log.isEnabledFor(logging.DEBUG):
                        _log_decision(workspace_id, asked[at][0], answer)
        return responses

    def _evaluate_together(self, workspace_id: str, asked: list[_Asked]) -> list[EvaluateContactResponse | Exception]:
        """Decide about contacts of several calls to one workspace."""
        try:
            requests = [request for request, _, _ in asked]
            with self._together(asked):
                answers = self._evaluate(workspace_id, requests, _patience(asked), slow=False)
        except RedisAwayError:
            raise
        except Exception as error:  # noqa: BLE001 - whoever is at fault must not spoil the others' calls
            return [self._evaluate_together(workspace_id, [each])[0] for each in asked] if len(asked) > 1 else [error]
        return [answer if isinstance(answer, RefusedError) else _response(answer) for answer in answers]

    def _evaluated(self, seconds: float) -> None:
        self._metrics.evaluated(seconds)
        if self._tracing is not None:
            self._tracing.took("rules", seconds)

    def _span(self) -> Span | None:
        return self._tracing.current() if self._tracing is not None else None

    def _together(self, asked: list[_Asked]) -> AbstractContextManager[None]:
        """Have what is done meanwhile noted in the spans of all these calls."""
        if self._tracing is None:
            return nullcontext()
        return self._tracing.together([span for _, _, span in asked if span is not None])

    def _evaluate(
        self, workspace_id: str, requests: list[EvaluateContactRequest], timeout_s: float | None, *, slow: bool
    ) -> Sequence[Answer | RefusedError]:
        """Return for each request the decision, or what is wrong with it."""
        refused = {}
        for at, request in enumerate(_in_bits(requests, 40) if slow else requests):
            if not is_plain(workspace_id, request) and (wrong := problems(workspace_id, request)):
                refused[at] = InvalidError(wrong)
        if not refused:
            return self._decide(workspace_id, requests, timeout_s, slow=slow)
        accepted = [request for at, request in enumerate(requests) if at not in refused]
        answers = iter(self._decide(workspace_id, accepted, timeout_s, slow=slow))
        return [refused[at] if at in refused else next(answers) for at in range(len(requests))]

    def _decide(
        self, workspace_id: str, requests: list[EvaluateContactRequest], timeout_s: float | None, *, slow: bool
    ) -> list[Answer]:
        """Decide under the rules in force, however often they change meanwhile."""
        store = self._store.within(timeout_s)
        rules = self._rules.of(workspace_id)
        answers: list[Answer] = []
        while len(answers) < len(requests):
            # A piece at a time, so that other calls come in between here as they do in Redis.
            piece = requests[len(answers) : len(answers) + CONTACTS_A_RUN]
            try:
                begun = perf_counter()
                cases = [_case(rules, request) for request in (_in_bits(piece, 8) if slow else piece)]
                self._evaluated(perf_counter() - begun)
                answers += store.decide(rules.root, rules.revision, cases, slow=slow)
            except StaleRulesError as stale:
                answers += stale.answers
                rules = self._rules.reload(workspace_id, stale=True)
        self._metrics.count(workspace_id, map(_counted, answers))
        if _log.isEnabledFor(logging.DEBUG):
            for request, answer in zip(requests, answers, strict=True):
                _log_decision(workspace_id, request, answer)
        return answers


def _log_decision(workspace_id: str, request: EvaluateContactRequest, answer: Answer) -> None:
    logs.event(
        _log,
        logging.DEBUG,
        "decided",
        workspace=workspace_id,
        contact=request.contact.id,
        request_id=request.request_id,
        outcome=Outcome.Name(cast("Outcome.ValueType", answer.outcome)),
        agent=answer.agent.decode(),
        rule=reason_of(answer.reason).rule_id,
        revision=answer.revision,
        sequence=answer.sequence,
        replayed=answer.replayed,
    )


def _counted(answer: Answer) -> tuple[int, int, bool, int]:
    strategy, fallback, _, _ = reason_of(answer.reason)
    return answer.outcome, strategy, fallback, answer.replayed


def _in_bits(items: Sequence[Item], size: int) -> Iterator[Item]:
    """Yield the items, and after so many of them let other calls have the interpreter.

    They want it some five times each, and Python takes it from nobody in less than 5 ms.
    """
    for at, item in enumerate(items, 1):
        yield item
        if at % size == 0:
            sleep(_BREAK_SECONDS)


def _patience(asked: list[_Asked]) -> float | None:
    """Return how long to wait for Redis for calls that are decided together: as long as the most patient one."""
    patience = [timeout_s for _, timeout_s, _ in asked if timeout_s is not None]
    return max(patience) if len(patience) == len(asked) else None


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


def _response(answer: Answer) -> EvaluateContactResponse:
    response = EvaluateContactResponse()
    fill(response.decision, answer)
    return response


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
