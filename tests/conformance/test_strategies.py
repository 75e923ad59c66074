"""Section 2 of the design: who is eligible, who comes first, and what pools share."""

from __future__ import annotations

import time
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from tests.support.builders import (
    ASSIGNED,
    BUSY,
    EVERYONE,
    LEAST_OPEN_CONTACTS,
    NO_AGENT_AVAILABLE,
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


def takes(workspace: Workspace, *contact_ids: str) -> list[str]:
    """Who gets these new contacts, one after another; empty for nobody."""
    return [workspace.created(one).agent_id for one in contact_ids]


# Who is eligible.


def test_online_only(workspace: Workspace):
    """Under online_only only ONLINE agents are eligible: neither BUSY, nor OFFLINE, nor unreported ones."""
    workspace.roster("on", "busy", "off", "unreported")
    workspace.rules(rule("r", online_only=True))
    workspace.online("on")
    workspace.presence(BUSY, "busy")
    workspace.offline("off")
    assert workspace.presences() == {"on": ONLINE, "busy": BUSY, "off": OFFLINE, "unreported": OFFLINE}
    assert takes(workspace, *"abcd") == ["on"] * 4
    workspace.offline("on")
    assert workspace.created("e").outcome == NO_AGENT_AVAILABLE


def test_presence_is_no_matter_otherwise(workspace: Workspace):
    """Without online_only presence plays no part."""
    workspace.roster("on", "busy", "off")
    workspace.rules(rule("r"))
    workspace.online("on")
    workspace.presence(BUSY, "busy")
    assert takes(workspace, *"abc") == ["on", "busy", "off"]


def test_a_lease_ends(workspace: Workspace):
    """An agent whose lease is over is OFFLINE; a longer lease and a later report hold."""
    workspace.roster("brief", "long", "renewed")
    workspace.rules(rule("r", online_only=True))
    workspace.online("brief", "renewed", lease_ms=1)
    workspace.online("long", lease_ms=3_600_000)
    workspace.online("renewed")
    time.sleep(0.01)
    assert workspace.presences() == {"brief": OFFLINE, "long": ONLINE, "renewed": ONLINE}
    assert takes(workspace, *"abcd") == ["long", "renewed", "long", "renewed"]
    workspace.online("brief")
    assert workspace.presences()["brief"] == ONLINE


def test_a_lease_of_busy_ends_too(workspace: Workspace):
    """BUSY with a lease that is over is OFFLINE."""
    workspace.roster("ann")
    workspace.presence(BUSY, "ann", lease_ms=1)
    time.sleep(0.01)
    assert workspace.presences() == {"ann": OFFLINE}


def test_many_leases_that_end_at_once(workspace: Workspace):
    """When a thousand leases end together, the next decision already knows of each of them."""
    many = [f"a{number}" for number in range(1000)]
    workspace.roster(*many, "stays")
    workspace.rules(rule("r", online_only=True))
    workspace.online("stays")
    workspace.online(*many, lease_ms=1)
    time.sleep(0.01)
    assert takes(workspace, "c", "d", "e") == ["stays"] * 3
    assert set(workspace.presences().values()) == {ONLINE, OFFLINE}
    workspace.offline("stays")
    assert workspace.created("f").outcome == NO_AGENT_AVAILABLE


def test_a_disabled_agent_gets_nothing(workspace: Workspace):
    """A disabled agent is not eligible under any rule; enabled again it is."""
    workspace.roster("ann", agent("bob", disabled=True))
    workspace.rules(rule("r"))
    assert takes(workspace, "a", "b") == ["ann", "ann"]
    workspace.roster("ann", "bob")
    assert "bob" in takes(workspace, "c", "d")


def test_an_agent_s_limit(workspace: Workspace):
    """An agent with max_open_contacts open contacts is passed over until one closes; 0 is no limit."""
    workspace.roster(agent("ann", max_open_contacts=1), agent("bob", max_open_contacts=2), "cy")
    workspace.rules(rule("r"))
    assert takes(workspace, *"abcdefg") == ["ann", "bob", "cy", "bob", "cy", "cy", "cy"]
    workspace.close("a")
    assert "ann" in takes(workspace, "h", "i")
    assert workspace.open_counts()["ann"] == 1


def test_a_rule_s_limit(workspace: Workspace):
    """A rule's limit holds for its own decisions alone; the smaller of the two limits counts."""
    workspace.roster("ann", agent("bob", max_open_contacts=1))
    workspace.rules(rule("two", max_open_contacts=2), rule("any", on=ON_OPENED))
    assert takes(workspace, *"abcd") == ["ann", "bob", "ann", ""]
    assert workspace.opened("e").agent_id == "ann", "the other rule knows no such limit"
    assert workspace.created("f").outcome == NO_AGENT_AVAILABLE


def test_the_fallback_knows_no_rule_limit(workspace: Workspace):
    """The fallback has no limit of its own, but agents keep theirs."""
    workspace.roster("ann", agent("bob", max_open_contacts=1))
    workspace.rules(rule("r", on=ON_OPENED, max_open_contacts=1), fallback=fallback())
    assert takes(workspace, *"abcd") == ["ann", "bob", "ann", "ann"]


def test_only_members_of_the_pool(workspace: Workspace):
    """A team's rule assigns its members alone, a list's rule those it names, everyone's rule everybody."""
    workspace.roster("ann", "bob", "cy", sales=["cy", "ann"])
    workspace.rules(
        rule("team", on=ON_UPDATE, to=team("sales")), rule("list", on=ON_OPENED, to=agents("bob")), rule("everyone")
    )
    assert [workspace.updated(one).agent_id for one in ("t1", "t2", "t3")] == ["cy", "ann", "cy"]
    assert [workspace.opened(one).agent_id for one in ("l1", "l2")] == ["bob", "bob"]
    assert takes(workspace, *"abc") == ["ann", "bob", "cy"]


def test_settings_hold_from_the_next_decision_on(workspace: Workspace):
    """Limits lowered, agents disabled, and members taken out of a team are seen by the very next decision."""
    workspace.roster("ann", "bob", sales=["ann", "bob"])
    workspace.rules(rule("r", to=team("sales")))
    assert takes(workspace, "a", "b") == ["ann", "bob"]
    workspace.roster(agent("ann", max_open_contacts=1), "bob", sales=["ann", "bob"])
    assert takes(workspace, "c", "d") == ["bob", "bob"]
    workspace.roster("ann", agent("bob", disabled=True), sales=["ann", "bob"])
    assert takes(workspace, "e", "f") == ["ann", "ann"]
    workspace.roster("ann", "bob", sales=["bob"])
    assert takes(workspace, "g", "h") == ["bob", "bob"]


# Round robin.


def test_round_robin_goes_in_order(workspace: Workspace):
    """Equal agents take turns in the order in which the pool names them."""
    workspace.roster("ann", "bob", "cy")
    workspace.rules(rule("r", to=agents("bob", "cy", "ann")))
    assert takes(workspace, *"abcdef") == ["bob", "cy", "ann"] * 2


def test_weights_share_in_proportion(workspace: Workspace):
    """Weights 3, 2, 1 share any 6 contacts as 3, 2, 1, spread out rather than in a row."""
    workspace.roster(agent("ann", weight=3), agent("bob", weight=2), agent("cy", weight=1))
    workspace.rules(rule("r"))
    got = takes(workspace, *"abcdefghijkl")
    assert got == ["ann", "bob", "cy", "ann", "bob", "ann", "cy", "bob", "ann", "ann", "bob", "ann"]


def test_weight_zero_is_one(workspace: Workspace):
    """An agent without weight has weight 1."""
    workspace.roster(agent("ann", weight=0), agent("bob", weight=1), agent("cy", weight=2))
    workspace.rules(rule("r"))
    got = takes(workspace, *"abcdefgh")
    assert {one: got.count(one) for one in ("ann", "bob", "cy")} == {"ann": 2, "bob": 2, "cy": 4}


def test_a_tie_goes_to_whoever_waited_longest(workspace: Workspace):
    """At equal virtual time the agent whose last assignment in this pool is longest ago comes first."""
    workspace.roster("ann", "bob", "cy")
    workspace.rules(rule("r", online_only=True))
    workspace.online("cy", "bob")
    assert takes(workspace, *"ab") == ["bob", "cy"]
    workspace.online("ann")
    assert takes(workspace, *"cde") == ["ann", "bob", "cy"], "never is longest ago"
    workspace.roster("cy", "bob", "ann")
    assert takes(workspace, *"fgh") == ["ann", "bob", "cy"], "order decides only among those who never had one"


def test_an_absent_agent_does_not_stop_the_rotation(workspace: Workspace):
    """Where the next in turn is away, the one after takes it, and the others keep their turns."""
    workspace.roster("ann", "bob", "cy")
    workspace.rules(rule("r", online_only=True))
    workspace.online("ann", "bob", "cy")
    assert takes(workspace, "a") == ["ann"]
    workspace.offline("bob")
    assert takes(workspace, *"bcde") == ["cy", "ann", "cy", "ann"]


def test_who_returns_starts_level(workspace: Workspace):
    """An agent who was away for 20 contacts returns to an even share: no burst, no end of the line."""
    workspace.roster("ann", "bob", "cy")
    workspace.rules(rule("r", online_only=True))
    workspace.online("ann", "bob")
    assert set(takes(workspace, *(f"w{number}" for number in range(20)))) == {"ann", "bob"}
    workspace.online("cy")
    after = takes(workspace, *(f"x{number}" for number in range(9)))
    for end in range(10):
        counts = [after[:end].count(one) for one in ("ann", "bob", "cy")]
        assert max(counts) - min(counts) <= 1, after


def test_who_joins_starts_level(workspace: Workspace):
    """A new member of a team starts level with the others."""
    workspace.roster("ann", "bob", sales=["ann", "bob"])
    workspace.rules(rule("r", to=team("sales")))
    takes(workspace, *(f"w{number}" for number in range(20)))
    workspace.roster("ann", "bob", "cy", sales=["cy", "ann", "bob"])
    after = takes(workspace, *(f"x{number}" for number in range(6)))
    assert sorted(after[:3]) == sorted(after[3:]) == ["ann", "bob", "cy"]


def test_a_place_given_back_is_no_burst(workspace: Workspace):
    """Who was full while others were served returns level once a contact closes."""
    workspace.roster(agent("ann", max_open_contacts=1), "bob")
    workspace.rules(rule("r"))
    assert takes(workspace, *"abcdef") == ["ann", "bob", "bob", "bob", "bob", "bob"]
    workspace.roster(agent("ann", max_open_contacts=10), "bob")
    after = takes(workspace, *"ghijkl")
    assert after.count("ann") == 3
    assert all(one != other for one, other in pairwise(after))


def test_a_turn_taken_is_not_forgotten_by_a_blink(workspace: Workspace):
    """Going away and coming back between two contacts changes nothing in the order."""
    workspace.roster("ann", "bob")
    workspace.rules(rule("r", online_only=True))
    workspace.online("ann", "bob")
    got = []
    for number in range(8):
        got += takes(workspace, f"c{number}")
        workspace.offline("ann")
        workspace.online("ann")
    assert got == ["ann", "bob"] * 4


def test_nobody_is_owed_a_turn(workspace: Workspace):
    """Contacts that found nobody move no rotation."""
    workspace.roster("ann", "bob")
    workspace.rules(rule("r", online_only=True))
    workspace.online("ann", "bob")
    assert takes(workspace, "a") == ["ann"]
    workspace.offline("ann", "bob")
    assert takes(workspace, *"bcd") == ["", "", ""]
    workspace.online("ann", "bob")
    assert takes(workspace, *"bcd") == ["bob", "ann", "bob"]


def test_a_hand_assignment_takes_no_turn(workspace: Workspace):
    """A person's assignment moves no rotation."""
    workspace.roster("ann", "bob")
    workspace.rules(rule("r"))
    for one in "xyz":
        workspace.assign(one, "ann")
    assert takes(workspace, *"abcd") == ["ann", "bob", "ann", "bob"]


# Least open contacts.


def test_fewest_open_contacts_first(workspace: Workspace):
    """The agent with the fewest open contacts takes the next one, whoever had the last."""
    workspace.roster("ann", "bob", "cy")
    workspace.rules(rule("r", strategy=LEAST_OPEN_CONTACTS))
    assert takes(workspace, *"abcdef") == ["ann", "bob", "cy"] * 2
    workspace.close("b")
    workspace.close("e")
    assert takes(workspace, *"gh") == ["bob", "bob"]
    assert workspace.open_counts() == {"ann": 2, "bob": 2, "cy": 2}


def test_open_contacts_count_wherever_they_come_from(workspace: Workspace):
    """Hand assignments, other rules' assignments, reopened contacts and owners in the CRM all count as open."""
    workspace.roster("ann", "bob", "cy", "di")
    workspace.rules(rule("r", strategy=LEAST_OPEN_CONTACTS), rule("other", on=ON_OPENED, to=agents("bob")))
    workspace.assign("m", "ann")
    workspace.opened("o")
    workspace.created("crm", owner="cy")
    assert takes(workspace, "a") == ["di"]
    assert takes(workspace, *"bcde") == ["ann", "bob", "cy", "di"]


def test_fewest_for_the_weight(workspace: Workspace):
    """An agent of weight 2 carries twice as many open contacts."""
    workspace.roster(agent("ann", weight=2), "bob")
    workspace.rules(rule("r", strategy=LEAST_OPEN_CONTACTS))
    takes(workspace, *"abcdef")
    assert workspace.open_counts() == {"ann": 4, "bob": 2}


def test_equal_open_counts_go_to_whoever_waited_longest(workspace: Workspace):
    """Ties go to the agent whose last assignment in this pool is longest ago, then by order."""
    workspace.roster("ann", "bob", "cy")
    workspace.rules(rule("r", strategy=LEAST_OPEN_CONTACTS), unassign_on_close=True)
    got = []
    for number in range(6):
        got += takes(workspace, f"c{number}")
        workspace.close(f"c{number}")
    assert got == ["ann", "bob", "cy"] * 2


def test_who_returns_with_few_takes_until_level(workspace: Workspace):
    """By open counts a returning agent is filled up to the others' level and no further."""
    workspace.roster("ann", "bob")
    workspace.rules(rule("r", strategy=LEAST_OPEN_CONTACTS, online_only=True))
    workspace.online("ann")
    takes(workspace, *"abc")
    workspace.online("bob")
    assert takes(workspace, *"defghi") == ["bob", "bob", "bob", "ann", "bob", "ann"]


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
    assert takes(workspace, "a") == ["bob"]


def test_the_rotation_outlives_a_change_of_rules_and_people(workspace: Workspace):
    """Configuring rules or roster anew keeps every turn that was taken."""
    workspace.roster("ann", "bob", "cy", sales=["ann", "bob", "cy"])
    workspace.rules(rule("r", to=team("sales")))
    assert takes(workspace, "a") == ["ann"]
    workspace.rules(rule("new", to=team("sales")), rule("more", on=ON_UPDATE))
    assert takes(workspace, "b") == ["bob"]
    workspace.roster("cy", "bob", "ann", sales=["ann", "bob", "cy"])
    assert takes(workspace, *"cd") == ["cy", "ann"]


def test_editing_a_rule_s_list_keeps_its_rotation(workspace: Workspace):
    """A rule whose list gets one more agent goes on where it was, and the new one starts level."""
    workspace.roster("ann", "bob", "cy", "di")
    workspace.rules(rule("r", to=agents("ann", "bob", "cy")))
    assert takes(workspace, *"ab") == ["ann", "bob"]
    workspace.rules(rule("r", to=agents("ann", "bob", "cy", "di")))
    assert takes(workspace, *"cdefgh") == ["cy", "di", "ann", "bob", "cy", "di"]


def test_a_strategy_change_keeps_the_rotation(workspace: Workspace):
    """Switching to another strategy and back keeps every turn."""
    workspace.roster("ann", "bob", "cy")
    workspace.rules(rule("r"))
    assert takes(workspace, "a") == ["ann"]
    workspace.rules(rule("r", strategy=LEAST_OPEN_CONTACTS))
    assert takes(workspace, "b") == ["bob"]
    workspace.rules(rule("r"))
    assert takes(workspace, "c") == ["cy"]


def test_who_is_removed_keeps_contacts_and_loses_presence(workspace: Workspace):
    """An agent taken off the roster keeps its contacts; back again it counts them, and is OFFLINE."""
    workspace.roster("ann", "bob")
    workspace.rules(rule("r", online_only=True))
    workspace.online("ann", "bob")
    takes(workspace, *"abc")
    workspace.roster("bob")
    assert workspace.owner("a") == "ann"
    assert workspace.created("d").agent_id == "bob"
    workspace.roster("ann", "bob")
    assert workspace.open_counts() == {"ann": 2, "bob": 2}
    assert workspace.presences() == {"ann": OFFLINE, "bob": ONLINE}
    workspace.online("ann")
    assert workspace.created("e").outcome == ASSIGNED
