"""A decision in words."""

from __future__ import annotations

from evenhand.v1.decision_pb2 import Decision, Outcome

from strategies import STRATEGIES


def explanation(contact_id: str, decision: Decision) -> list[str]:
    """Say who owns a contact now, why, and when that was decided; a few short lines."""
    headline = f"{contact_id} {_headline(decision)}"
    if decision.replayed:
        headline += " (the earlier answer to this request id, given again)"
    lines = [headline, f"  why      {why(decision)}"]
    if decision.reply:
        lines.append(f"  reply    {decision.reply.strip()}")
    when = decision.decide_time.ToJsonString()
    lines.append(f"  decided  rules revision {decision.rules_revision}, sequence {decision.sequence}, {when}")
    return lines


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
