"""Two short runs of `make chaos`, one of each system: whatever is attacked, no promise is broken."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.chaos import page
from tests.chaos.history import Decided
from tests.chaos.pair_attacks import PAIR_HEAVY
from tests.chaos.run import run
from tests.support.builders import ALREADY_ASSIGNED, ASSIGNED, NO_AGENT_AVAILABLE, NO_RULE_MATCHED

if TYPE_CHECKING:
    from tests.chaos.history import History

SECONDS = 15.0


def held(seed: int) -> History:
    """Return what happened in a run that broke no promise.

    The attacks did take something away, and what was called went on beside them.
    """
    outcome = run(seed, SECONDS)
    shown = "\n".join(f"{each.promise}: {each.text}" for each in outcome.violations)
    assert not outcome.violations, f"{page.verdict(outcome)}\n{shown}"
    history = outcome.history
    assert {each.kind for each in history.attacks} & set(PAIR_HEAVY)
    assert [each.code for each in history.calls].count("UNAVAILABLE") > 10
    assert any(not each.known for each in history.operations)
    assert len(history.final_counts) == len(history.audits) == len(history.final_rules) == 2
    return history


def test_no_promise_is_broken_under_attack() -> None:
    """Eight callers, three replicas, and faults of all kinds by chance: nothing is lost, nobody lies, nobody fails."""
    history = held(1)
    assert [each.code for each in history.calls].count("OK") > 1000
    outcomes = {each.result[0] for each in history.operations if isinstance(each.result, Decided)}
    assert outcomes == {ASSIGNED, ALREADY_ASSIGNED, NO_AGENT_AVAILABLE, NO_RULE_MATCHED}


def test_no_promise_is_broken_by_a_promotion() -> None:
    """A Redis dies under load and its replica, which is behind, takes over: with `replicated` nothing told is lost.

    Some calls were told that nothing had confirmed them.
    """
    history = held(2)
    assert history.replicated
    assert history.promotions
    assert {each.reason for each in history.calls} >= {"NOT_DURABLE", "REDIS_UNAVAILABLE"}
    assert sum(isinstance(each.result, Decided) for each in history.operations) > 200
