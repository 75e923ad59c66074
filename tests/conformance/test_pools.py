"""deploy/adr/0006, "pool": what rules share, and what outlives a change of rules or people."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.builders import (
    ASSIGNED,
    EVERYONE,
    LEAST_OPEN_CONTACTS,
    OFFLINE,
    ON_OPENED,
    ON_UPDATE,
    ONLINE,
    agent,
    agents,
    fallback,
    rule,
    tag,
    team,
)

if TYPE_CHECKING:
    from tests.support.client import Workspace

pytestmark = pytest.mark.every_redis


# Pools.


def test_rules_of_one_target_share_one_rotation(workspace: Workspace):
    """Two rules with the same team, everyone, or the same list in the same order take turns together."""
    workspace.roster("ann", "bob", sales=["ann", "bob"])
    for number, target in enumerate((team("sales"), agents("ann", "bob"), EVERYONE)):
        workspace.rules(rule("one", on=ON_OPENED, to=target), rule("two", to=target))
        got = [workspace.opened(f"a{number}"), workspace.created(f"b{number}"), workspace.opened(f"c{number}")]
        assert [one.agent_id for one in got] == ["ann", "bob", "ann"]


def test_different_targets_have_rotations_of_their_own(workspace: Workspace):
    """A team, everyone, and a list with the very same people do not share turns."""
    workspace.roster("ann", "bob", sales=["ann", "bob"], support=["ann", "bob"])
    workspace.rules(
        rule("sales", when=tag(any_of=["sales"]), to=team("sales")),
        rule("support", when=tag(any_of=["support"]), to=team("support")),
        rule("list", when=tag(any_of=["list"]), to=agents("ann", "bob")),
        rule("other", when=tag(any_of=["other"]), to=agents("bob", "ann")),
        rule("everyone"),
    )
    tags = ["sales", "support", "list", "other", "none"]
    first = [workspace.created(f"1{one}", tags=[one]).agent_id for one in tags]
    assert first == ["ann", "ann", "ann", "bob", "ann"]


def test_the_fallback_shares_everyone_s_rotation(workspace: Workspace):
    """The fallback for everyone and a rule for everyone take turns together."""
    workspace.roster("ann", "bob")
    workspace.rules(rule("vip", when=tag(any_of=["vip"])), fallback=fallback())
    assert workspace.created("a", tags=["vip"]).agent_id == "ann"
    assert workspace.created("b").agent_id == "bob"
    assert workspace.created("c", tags=["vip"]).agent_id == "ann"


def test_strategies_share_a_pool_s_last_assignments(workspace: Workspace):
    """An assignment by open counts is one of the pool: it breaks round robin's next tie."""
    workspace.roster("ann", "bob")
    workspace.rules(rule("least", on=ON_OPENED, strategy=LEAST_OPEN_CONTACTS), rule("turns"))
    assert workspace.opened("o").agent_id == "ann"
    assert workspace.takes("a") == ["bob"]


def test_an_assignment_by_open_counts_is_a_turn(workspace: Workspace):
    """Whatever the strategy of the rule, an assignment counts in the rotation of the pool, and lifts nobody else."""
    workspace.roster("ann", agent("bob", weight=10))
    workspace.rules(rule("least", on=ON_OPENED, strategy=LEAST_OPEN_CONTACTS, online_only=True), rule("turns"))
    workspace.online("ann")
    assert workspace.takes("a") == ["ann"]
    assert workspace.opened("o").agent_id == "ann"
    assert workspace.takes(*(f"b{number}" for number in range(22))) == ["bob"] * 20 + ["ann", "bob"]


def test_the_rotation_outlives_a_change_of_rules_and_people(workspace: Workspace):
    """Configuring rules or roster anew keeps every turn that was taken."""
    workspace.roster("ann", "bob", "cy", sales=["ann", "bob", "cy"])
    workspace.rules(rule("r", to=team("sales")))
    assert workspace.takes("a") == ["ann"]
    workspace.rules(rule("new", to=team("sales")), rule("more", on=ON_UPDATE))
    assert workspace.takes("b") == ["bob"]
    workspace.roster("cy", "bob", "ann", sales=["ann", "bob", "cy"])
    assert workspace.takes(*"cd") == ["cy", "ann"]


def test_editing_a_rule_s_list_keeps_its_rotation(workspace: Workspace):
    """A rule whose list gets one more agent goes on where it was, and the new one starts level."""
    workspace.roster("ann", "bob", "cy", "di")
    workspace.rules(rule("r", to=agents("ann", "bob", "cy")))
    assert workspace.takes(*"ab") == ["ann", "bob"]
    workspace.rules(rule("r", to=agents("ann", "bob", "cy", "di")))
    assert workspace.takes(*"cdefgh") == ["cy", "di", "ann", "bob", "cy", "di"]


def test_a_strategy_change_keeps_the_rotation(workspace: Workspace):
    """Switching to another strategy and back keeps every turn."""
    workspace.roster("ann", "bob", "cy")
    workspace.rules(rule("r"))
    assert workspace.takes("a") == ["ann"]
    workspace.rules(rule("r", strategy=LEAST_OPEN_CONTACTS))
    assert workspace.takes("b") == ["bob"]
    workspace.rules(rule("r"))
    assert workspace.takes("c") == ["cy"]


def test_who_leaves_a_team_starts_anew(workspace: Workspace):
    """An agent who left a team and joins it again starts level, like anybody who joins."""
    workspace.roster("ann", "bob", "cy", sales=["ann", "bob", "cy"])
    workspace.rules(rule("r", to=team("sales")))
    assert workspace.takes(*"abc") == ["ann", "bob", "cy"]
    workspace.roster("ann", "bob", "cy", sales=["ann", "bob"])
    assert workspace.takes(*"de") == ["ann", "bob"]
    workspace.roster("ann", "bob", "cy", sales=["ann", "bob", "cy"])
    assert workspace.takes(*"fgh") == ["cy", "ann", "bob"]


def test_who_is_removed_keeps_contacts_and_loses_presence(workspace: Workspace):
    """An agent taken off the roster keeps its contacts; back again it counts them, and is OFFLINE."""
    workspace.roster("ann", "bob")
    workspace.rules(rule("r", online_only=True))
    workspace.online("ann", "bob")
    workspace.takes(*"abc")
    workspace.roster("bob")
    assert workspace.owner("a") == "ann"
    assert workspace.created("d").agent_id == "bob"
    workspace.roster("ann", "bob")
    assert workspace.open_counts() == {"ann": 2, "bob": 2}
    assert workspace.presences() == {"ann": OFFLINE, "bob": ONLINE}
    workspace.online("ann")
    assert workspace.created("e").outcome == ASSIGNED
