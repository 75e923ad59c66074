"""Two short runs of `make chaos`: whatever is attacked, no promise is broken."""

from __future__ import annotations

import pytest

from tests.chaos import page
from tests.chaos.attacks import HEAVY
from tests.chaos.history import Decided
from tests.chaos.run import run
from tests.support.builders import ALREADY_ASSIGNED, ASSIGNED, NO_AGENT_AVAILABLE, NO_RULE_MATCHED

SECONDS = 15.0


@pytest.mark.parametrize("seed", [1, 4])
def test_no_promise_is_broken_under_attack(seed: int) -> None:
    """Eight callers, three replicas, and faults of all kinds by chance: nothing is lost, nobody lies, nobody fails.

    The attacks did take something away, and what was called went on beside them.
    """
    outcome = run(seed, SECONDS)
    shown = "\n".join(f"{each.promise}: {each.text}" for each in outcome.violations)
    assert not outcome.violations, f"{page.verdict(outcome)}\n{shown}"
    history = outcome.history
    assert {each.kind for each in history.attacks} & set(HEAVY)
    codes = [each.code for each in history.calls]
    assert codes.count("OK") > 1000
    assert codes.count("UNAVAILABLE") > 10
    assert any(not each.known for each in history.operations)
    outcomes = {each.result[0] for each in history.operations if isinstance(each.result, Decided)}
    assert outcomes == {ASSIGNED, ALREADY_ASSIGNED, NO_AGENT_AVAILABLE, NO_RULE_MATCHED}
    assert len(history.final_counts) == len(history.audits) == 2
