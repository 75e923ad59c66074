"""A decision in words."""

from __future__ import annotations

import pytest
from evenhand.v1.decision_pb2 import Decision, Outcome
from evenhand.v1.rules_pb2 import Strategy

from service.cli.explanation import explanation, why

ROUND_ROBIN = Strategy.STRATEGY_ROUND_ROBIN
LEAST_OPEN = Strategy.STRATEGY_LEAST_OPEN_CONTACTS


@pytest.mark.parametrize(
    ("decision", "words"),
    [
        (
            Decision(outcome=Outcome.OUTCOME_ASSIGNED, agent_id="A", rule_id="r", team_id="t", strategy=ROUND_ROBIN),
            "rule r, team t; round robin: it was A's turn",
        ),
        (
            Decision(outcome=Outcome.OUTCOME_ASSIGNED, agent_id="A", fallback=True, strategy=LEAST_OPEN),
            "no rule matched; fallback; least open contacts: A had the fewest for their weight",
        ),
        (
            Decision(outcome=Outcome.OUTCOME_NO_AGENT_AVAILABLE, rule_id="r", team_id="t", strategy=ROUND_ROBIN),
            "rule r, team t, round robin: nobody there is eligible now (offline, disabled, full or excluded)",
        ),
        (Decision(outcome=Outcome.OUTCOME_ALREADY_ASSIGNED, agent_id="A"), "owned already; no rule was tried"),
        (
            Decision(outcome=Outcome.OUTCOME_ALREADY_ASSIGNED, agent_id="A", owner_unknown=True),
            "owned already, by somebody whom the roster does not know; no rule was tried",
        ),
        (Decision(outcome=Outcome.OUTCOME_LEFT_UNASSIGNED, rule_id="r"), "rule r; it leaves the contact to nobody"),
        (Decision(outcome=Outcome.OUTCOME_NO_RULE_MATCHED), "no rule matched, and the fallback does not apply"),
    ],
)
def test_each_outcome_says_why(decision, words):
    """The reason names the rule or the fallback, the team, the strategy, and what it came to."""
    assert why(decision) == words


def test_the_whole_explanation():
    """The lines say who, why, what to send, and under which revision, in which place and when."""
    decision = Decision(
        outcome=Outcome.OUTCOME_ASSIGNED,
        agent_id="A",
        rule_id="r",
        strategy=ROUND_ROBIN,
        rules_revision=3,
        sequence=17,
        replayed=True,
        reply="Welcome!",
    )
    decision.decide_time.FromJsonString("2026-01-31T10:00:00.250Z")
    assert explanation("c-1", decision) == [
        "c-1 is assigned to A (the earlier answer to this request id, given again)",
        "  why      rule r; round robin: it was A's turn",
        "  reply    Welcome!",
        "  decided  rules revision 3, sequence 17, 2026-01-31T10:00:00.250Z",
    ]
