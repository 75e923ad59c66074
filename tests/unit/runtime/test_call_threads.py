"""Calls are refused so that nobody waits for that but those who are refused."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

import pytest

from service.rpc.received import Refusal
from service.runtime import call_threads
from service.runtime.call_threads import CallThreads
from service.runtime.quotas import Quotas
from tests.support.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

PAUSE_S = 0.001


class Made:
    """A call of a workspace; each notes in the same list that it was refused."""

    stranger, size, slow = False, 0, False

    def __init__(self, workspace: str, refused: list[str], *, waited_for: bool = True) -> None:
        self.workspace = self.turn = workspace
        self._refused = refused
        self._waited_for = waited_for

    def run(self) -> None:
        """Be answered."""

    def let_go(self) -> None:
        """Let go of no request."""

    def refuse(self, refusal: Refusal, wait_s: float) -> bool:
        """Note it."""
        assert refusal is Refusal.QUOTA
        assert wait_s
        self._refused.append(self.workspace)
        return self._waited_for


@pytest.fixture
def threads() -> Iterator[CallThreads]:
    """Threads that refuse all but the first call of a workspace."""
    made = CallThreads(1, 100, quotas=Quotas(0.001))
    for workspace in ("loud", "quiet"):
        made.submit(Made(workspace, []))
    yield made
    made.refuse_all()
    made.close()


def test_who_hands_calls_over_never_waits_for_refusals(threads: CallThreads, monkeypatch: pytest.MonkeyPatch):
    """Of 3000 calls over the quota so many wait as may, the others are refused at once, and all are in the end."""
    monkeypatch.setattr(call_threads, "_HELD", 2000)
    refused: list[str] = []
    began = monotonic()
    for _ in range(3000):
        threads.submit(Made("loud", refused))
    assert monotonic() - began < 3000 * PAUSE_S / 2
    assert 900 < len(refused) < 2000
    wait_until(lambda: len(refused) == 3000, "all are refused", 30)


def test_a_refusal_waits_for_no_flood_of_others(threads: CallThreads):
    """A call of another workspace is refused third at the latest, however many were to be refused before."""
    refused: list[str] = []
    threads.hold()
    for workspace in ["loud"] * 1000 + ["quiet"]:
        threads.submit(Made(workspace, refused))
    threads.release()
    wait_until(lambda: len(refused) == 1001, "all are refused", 30)
    assert refused.index("quiet") < 3


def test_calls_that_nobody_waits_for_take_no_time(threads: CallThreads):
    """A thousand calls that were cancelled by their callers do not hold up the refusals behind them."""
    refused: list[str] = []
    threads.hold()
    for _ in range(1000):
        threads.submit(Made("loud", refused, waited_for=False))
    began = monotonic()
    threads.release()
    wait_until(lambda: len(refused) == 1000, "all are looked at", 30)
    assert monotonic() - began < 1000 * PAUSE_S / 2
