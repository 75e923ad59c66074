"""Section 2 of the design, "view": rules that see one pool differently keep its weights, all of them together."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.support.builders import agent, fallback, rule, tag, team

if TYPE_CHECKING:
    from tests.support.client import Workspace

pytestmark = pytest.mark.every_redis

EACH = 44


def alternate(workspace: Workspace) -> tuple[Counter[str], Counter[str]]:
    """Let VIPs and others come by turns; return who got how many of the VIPs, and of the others."""
    vips, others = Counter(), Counter()
    for number in range(EACH):
        vips[workspace.created(f"vip-{number}", tags=["vip"]).agent_id] += 1
        others[workspace.created(f"other-{number}").agent_id] += 1
    return vips, others


def test_a_narrow_view_takes_no_weight_from_a_wide_one(workspace: Workspace):
    """While VIPs all go to the one who is online, the others are shared 1 to 10 between the two who are not."""
    workspace.roster("a", agent("b", weight=10), "c", t=["a", "b", "c"])
    workspace.rules(rule("vip", when=tag(any_of=["vip"]), to=team("t"), online_only=True), rule("else", to=team("t")))
    workspace.online("c")
    assert alternate(workspace) == ({"c": 44}, {"a": 4, "b": 40})


def test_a_limit_takes_no_weight_from_a_wide_view(workspace: Workspace):
    """The same where a limit of open contacts, instead of presence, leaves one agent to the VIPs."""
    workspace.roster("a", agent("b", weight=10), "c", t=["a", "b", "c"])
    workspace.rules(
        rule("vip", when=tag(any_of=["vip"]), to=team("t"), max_open_contacts=100), rule("else", to=team("t"))
    )
    for number in range(100):
        workspace.assign(f"a-{number}", "a")
        workspace.assign(f"b-{number}", "b")
    assert alternate(workspace) == ({"c": 44}, {"a": 4, "b": 40})


def test_everyone_online_takes_no_weight_from_the_fallback(workspace: Workspace):
    """The same between a rule for everyone who is online and the fallback for everyone."""
    workspace.roster("a", agent("b", weight=10), "c")
    workspace.rules(rule("vip", when=tag(any_of=["vip"]), online_only=True), fallback=fallback())
    workspace.online("c")
    assert alternate(workspace) == ({"c": 44}, {"a": 4, "b": 40})
