"""A decision in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from evenhand.v1.decision_pb2 import Decision, Outcome

from strategies import STRATEGIES

if TYPE_CHECKING:
    from evenhand.v1.assignment_service_pb2 import GetContactResponse


_BY_OTHERS: Final = "named by hand, by a caller or by a merge"
_TAKEN_AWAY: Final = "taken away by hand, or on closing"


def explanation(contact_id: str, decision: Decision) -> list[str]:
    """Say who owns a contact now, why, and when that was decided; a few short lines."""
    headline = f"{contact_id} {_headline(decision)}"
    if decision.replayed:
        headline += " (the earlier answer to this request id, given again)"
    return [headline, *_explained(decision)]


def explanation_of_record(record: GetContactResponse) -> list[str]:
    """Say why a contact on record has the owner that it has: by the latest decision, or else by whom it may be.

    A decision explains no owner but the one that it chose.
    """
    if not record.HasField("decision"):
        return [f"  why      {_BY_OTHERS}"] if record.owner_id else []
    decision = record.decision
    if record.owner_id == decision.agent_id:
        return _explained(decision)
    others = _BY_OTHERS if record.owner_id else _TAKEN_AWAY
    chosen = f"assigned it to {decision.agent_id}" if decision.agent_id else "left it unassigned"
    return [f"  why      {others}; the latest decision {chosen}", _decided(decision)]


def _explained(decision: Decision) -> list[str]:
    lines = [f"  why      {why(decision)}"]
    if decision.reply:
        lines.append(f"  reply    {decision.reply.strip()}")
    return [*lines, _decided(decision)]


def _decided(decision: Decision) -> str:
    when = decision.decide_time.ToJsonString()
    return f"  decided  rules revision {decision.rules_revision}, sequence {decision.sequence}, {when}"


def why(decision: Decision) -> str:
    """Say which rule (or fallback), pool and strategy decided; one line."""
    if decision.outcome == Outcome.OUTCOME_ALREADY_ASSIGNED:
        by = ", by somebody whom the roster does not know" if decision.owner_unknown else ""
        return f"owned already{by}; no rule was tried"
    if decision.outcome == Outcome.OUTCOME_NO_RULE_MATCHED:
        return "no rule matched, and the fallback does not apply"
    source = "no rule matched; fallback" if decision.fallback else f"rule {decision.rule_id}"
    pool = f", team {decision.team_id}" if decision.team_id else ""
    if decision.outcome == Outcome.OUTCOME_LEFT_UNASSIGNED:
        return f"{source}; it leaves the contact to nobody"
    if decision.outcome == Outcome.OUTCOME_ASSIGNED:
        return f"{source}{pool}; {_pick(decision)}"
    nobody = "nobody there is eligible now (offline, disabled, full or excluded)"
    return f"{source}{pool}, {label(decision.strategy)}: {nobody}"


def label(strategy: int) -> str:
    """Name a strategy as people call it."""
    return STRATEGIES[strategy].label if strategy in STRATEGIES else "unknown strategy"


def _pick(decision: Decision) -> str:
    """Say why this agent."""
    strategy = STRATEGIES.get(decision.strategy)
    if strategy is None:
        return f"{decision.agent_id} was chosen"
    return f"{strategy.label}: {strategy.sentence.format(agent=decision.agent_id)}"


def _headline(decision: Decision) -> str:
    if decision.outcome == Outcome.OUTCOME_ASSIGNED:
        return f"is assigned to {decision.agent_id}"
    if decision.outcome == Outcome.OUTCOME_ALREADY_ASSIGNED:
        return f"stays with {decision.agent_id}"
    return "stays unassigned"
