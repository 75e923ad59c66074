"""Pods that are deleted one after another, as by draining nodes, where DNS says late who is there.

Times are those of deploy/kubernetes by a little less than half. Run with `-s` to see what came of the calls.
"""

from __future__ import annotations

import sys
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.support.builders import rule
from tests.support.client import Service, Workspace
from tests.support.cluster import Callers
from tests.support.pods import Pods

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.support.cluster import Call

PRE_STOP, ENDPOINT_WAIT = 2.0, "2s"
APART = 2.0  # seconds from one deletion to the next
CALLERS, PACE = 12, 12.5  # 150 calls a second


def calls_through_a_drain(lag: float, **options: int) -> Sequence[Call]:
    """Delete three pods of three, while callers connect as the README says, or with other options; return the calls."""
    with Pods(3, lag, PRE_STOP, ["--endpoint-wait", ENDPOINT_WAIT, "--drain", "5s"]) as pods:
        with closing(Service(pods.some_address)) as service:
            team = Workspace("drained", service)
            team.roster("ann", "ben")
            team.rules(rule("everyone"))
        with Callers(pods.target, team.id, CALLERS, PACE, **options) as callers:
            time.sleep(0.5)
            pods.delete_each(APART)
            time.sleep(1.0)
    sys.stdout.write(f"\nlag {lag} s, {options or 'as documented'}: {callers.figures()}\n")
    assert len(callers.calls) > 500
    return callers.calls


@pytest.mark.parametrize("lag", [PRE_STOP / 2, PRE_STOP + 1.5], ids=["in time", "too late"])
def test_a_drain_loses_nothing(lag: float) -> None:
    """Each call is answered while all pods are replaced, also where DNS still names a pod after it got SIGTERM."""
    assert [call for call in calls_through_a_drain(lag) if call.error] == []


def test_a_client_that_seldom_asks_dns_loses_calls() -> None:
    """With gRPC's own 30 s between two questions a client knows none but pods that are gone: so it is set to less."""
    calls = calls_through_a_drain(PRE_STOP / 2, dns_min_time_between_resolutions_ms=30_000)
    assert [call for call in calls if call.error]
