"""The one observer of decisions: metrics, spans and the debug log hang on it."""

from __future__ import annotations

import logging
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, Protocol, cast

from evenhand.v1.decision_pb2 import Outcome

from service.telemetry import logs, trail
from service.telemetry.unknown_owners import UnknownOwners

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from contextlib import AbstractContextManager

    from evenhand.v1.assignment_service_pb2 import EvaluateContactRequest

    from service.call import Call
    from service.telemetry.metrics import DecisionMetrics
    from service.telemetry.tracing import Tracing


_log = logging.getLogger(__name__)


class Why(Protocol):
    """Why a decision came out as it did: `service.store.values.Reason`."""

    @property
    def strategy(self) -> int:
        """Value of the contract's enum Strategy."""

    @property
    def fallback(self) -> bool:
        """Whether the fallback decided."""

    @property
    def rule_id(self) -> str:
        """The rule that matched; empty for none."""


class Decision(Protocol):
    """What the observer looks at in a decision: `service.store.values.Decision`."""

    @property
    def outcome(self) -> int:
        """Value of the contract's enum Outcome."""

    @property
    def agent(self) -> bytes:
        """Id of the owner; empty if there is none."""

    @property
    def revision(self) -> int:
        """Revision of the rules."""

    @property
    def sequence(self) -> int:
        """Its place among all that happened in the workspace."""

    @property
    def replayed(self) -> int:
        """1 if it was made by an earlier call."""

    @property
    def owner_unknown(self) -> int:
        """1 if the contact was owned already, by nobody of the roster."""

    @property
    def why(self) -> Why:
        """Why it came out as it did."""


class DecisionObserver:
    """Tells metrics, traces and the log what the decision path does.

    Args:
        metrics: counts decisions.
        tracing: makes spans; None: there are none.
    """

    def __init__(self, metrics: DecisionMetrics, tracing: Tracing | None = None) -> None:
        self._metrics = metrics
        self._tracing = tracing
        self._unknown_owners = UnknownOwners()
        self._collects: Callable[[], None] | None = None

    def on_configured(self, listener: Callable[[], None]) -> None:
        """Have `listener` called whenever something new is in force in any workspace."""
        self._collects = listener

    def configured(self, call: Call, what: str, before: int, after: int, /, *, confirmed: bool) -> None:
        """Note that something new is in force, so that its counters are there before they count. Never fails.

        Args:
            call: the call that put it in force.
            what: "rules" or "roster".
            before: its revision until then; 0 if there was none.
            after: its revision since then.
            confirmed: whether it is as durable as changes have to be.
        """
        trail.changed(call, what, confirmed=confirmed, before=before, after=after)
        try:
            self._metrics.of(call.workspace_id)
            if self._collects is not None:
                self._collects()
        except Exception:  # noqa: BLE001 - whatever it is, the configuration is in force
            _log.exception("a configuration could not be noted")

    def group(self, spans: Sequence[Any]) -> AbstractContextManager[None]:
        """Have what is done meanwhile noted in the spans of all calls of a group."""
        return self._tracing.together(spans) if self._tracing is not None else nullcontext()

    def prepared(self, seconds: float) -> None:
        """Note how long rules took for a group."""
        self._metrics.evaluated(seconds)
        if self._tracing is not None:
            self._tracing.took("rules", seconds)

    def decided(self, workspace_id: str, decided: Iterable[tuple[EvaluateContactRequest, Decision]]) -> None:
        """Note decisions about contacts of one workspace."""
        logged = _log.isEnabledFor(logging.DEBUG)
        counters = self._metrics.of(workspace_id)
        for request, decision in decided:
            why = decision.why
            counters[decision.outcome, why.strategy, why.fallback, decision.replayed].inc()
            if decision.owner_unknown:
                counters.owner_unknown()
                self._unknown_owners.note(workspace_id, decision.agent.decode())
            if logged:
                _log_decision(workspace_id, request, decision)


def _log_decision(workspace_id: str, request: EvaluateContactRequest, decision: Decision) -> None:
    logs.event(
        _log,
        logging.DEBUG,
        "decided",
        workspace=workspace_id,
        contact=request.contact.id,
        request_id=request.request_id,
        outcome=Outcome.Name(cast("Outcome.ValueType", decision.outcome)),
        agent=decision.agent.decode(),
        rule=decision.why.rule_id,
        revision=decision.revision,
        sequence=decision.sequence,
        replayed=decision.replayed,
    )
