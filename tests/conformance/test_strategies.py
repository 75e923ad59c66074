"""deploy/adr/0006, "Strategies": who comes first among the eligible."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from tests.support.builders import (
    LEAST_OPEN_CONTACTS,
    LONGEST_IDLE,
    ON_OPENED,
    agent,
    agents,
    rule,
    team,
)

if TYPE_CHECKING:
    from tests.support.client import Workspace

pytestmark = pytest.mark.every_redis


# Round robin.


def test_round_robin_goes_in_order(workspace: Workspace):
    """Equal agents take turns in the order in which the pool names them."""
    workspace.roster("ann", "bob", "cy")
    workspace.rules(rule("r", to=agents("bob", "cy", "ann")))
    assert workspace.takes(*"abcdef") == ["bob", "cy", "ann"] * 2


def test_weights_share_in_proportion(workspace: Workspace):
    """Weights 3, 2, 1 share any 6 contacts as 3, 2, 1, spread out rather than in a row."""
    workspace.roster(agent("ann", weight=3), agent("bob", weight=2), agent("cy", weight=1))
    workspace.rules(rule("r"))
    got = workspace.takes(*"abcdefghijkl")
    assert got == ["ann", "bob", "cy", "ann", "bob", "ann", "cy", "bob", "ann", "ann", "bob", "ann"]


def test_weight_zero_is_one(workspace: Workspace):
    """An agent without weight has weight 1."""
    workspace.roster(agent("ann", weight=0), agent("bob", weight=1), agent("cy", weight=2))
    workspace.rules(rule("r"))
    got = workspace.takes(*"abcdefgh")
    assert {one: got.count(one) for one in ("ann", "bob", "cy")} == {"ann": 2, "bob": 2, "cy": 4}


def test_a_tie_goes_to_whoever_waited_longest(workspace: Workspace):
    """At equal virtual time the agent whose last assignment in this pool is longest ago comes first."""
    workspace.roster("ann", "bob", "cy")
    workspace.rules(rule("r", online_only=True))
    workspace.online("cy", "bob")
    assert workspace.takes(*"ab") == ["bob", "cy"]
    workspace.online("ann")
    assert workspace.takes(*"cde") == ["ann", "bob", "cy"], "never is longest ago"
    workspace.roster("cy", "bob", "ann")
    assert workspace.takes(*"fgh") == ["ann", "bob", "cy"], "order decides only among those who never had one"


def test_an_absent_agent_does_not_stop_the_rotation(workspace: Workspace):
    """Where the next in turn is away, the one after takes it, and the others keep their turns."""
    workspace.roster("ann", "bob", "cy")
    workspace.rules(rule("r", online_only=True))
    workspace.online("ann", "bob", "cy")
    assert workspace.takes("a") == ["ann"]
    workspace.offline("bob")
    assert workspace.takes(*"bcde") == ["cy", "ann", "cy", "ann"]


def test_who_returns_starts_level(workspace: Workspace):
    """An agent who was away for 20 contacts returns to an even share: no burst, no end of the line."""
    workspace.roster("ann", "bob", "cy")
    workspace.rules(rule("r", online_only=True))
    workspace.online("ann", "bob")
    assert set(workspace.takes(*(f"w{number}" for number in range(20)))) == {"ann", "bob"}
    workspace.online("cy")
    after = workspace.takes(*(f"x{number}" for number in range(9)))
    for end in range(10):
        counts = [after[:end].count(one) for one in ("ann", "bob", "cy")]
        assert max(counts) - min(counts) <= 1, after


def test_who_joins_starts_level(workspace: Workspace):
    """A new member of a team starts level with the others."""
    workspace.roster("ann", "bob", sales=["ann", "bob"])
    workspace.rules(rule("r", to=team("sales")))
    workspace.takes(*(f"w{number}" for number in range(20)))
    workspace.roster("ann", "bob", "cy", sales=["cy", "ann", "bob"])
    after = workspace.takes(*(f"x{number}" for number in range(6)))
    assert sorted(after[:3]) == sorted(after[3:]) == ["ann", "bob", "cy"]


def test_a_place_given_back_is_no_burst(workspace: Workspace):
    """Who was full while others were served returns level once a contact closes."""
    workspace.roster(agent("ann", max_open_contacts=1), "bob")
    workspace.rules(rule("r"))
    assert workspace.takes(*"abcdef") == ["ann", "bob", "bob", "bob", "bob", "bob"]
    workspace.roster(agent("ann", max_open_contacts=10), "bob")
    after = workspace.takes(*"ghijkl")
    assert after.count("ann") == 3
    assert all(one != other for one, other in pairwise(after))


def test_a_turn_taken_is_not_forgotten_by_a_blink(workspace: Workspace):
    """Going away and coming back between two contacts changes nothing in the order."""
    workspace.roster("ann", "bob")
    workspace.rules(rule("r", online_only=True))
    workspace.online("ann", "bob")
    got = []
    for number in range(8):
        got += workspace.takes(f"c{number}")
        workspace.offline("ann")
        workspace.online("ann")
    assert got == ["ann", "bob"] * 4


def test_nobody_is_owed_a_turn(workspace: Workspace):
    """Contacts that found nobody move no rotation."""
    workspace.roster("ann", "bob")
    workspace.rules(rule("r", online_only=True))
    workspace.online("ann", "bob")
    assert workspace.takes("a") == ["ann"]
    workspace.offline("ann", "bob")
    assert workspace.takes(*"bcd") == ["", "", ""]
    workspace.online("ann", "bob")
    assert workspace.takes(*"bcd") == ["bob", "ann", "bob"]


def test_a_hand_assignment_takes_no_turn(workspace: Workspace):
    """A person's assignment moves no rotation."""
    workspace.roster("ann", "bob")
    workspace.rules(rule("r"))
    for one in "xyz":
        workspace.assign(one, "ann")
    assert workspace.takes(*"abcd") == ["ann", "bob", "ann", "bob"]


# Least open contacts.


def test_fewest_open_contacts_first(workspace: Workspace):
    """The agent with the fewest open contacts takes the next one, whoever had the last."""
    workspace.roster("ann", "bob", "cy")
    workspace.rules(rule("r", strategy=LEAST_OPEN_CONTACTS))
    assert workspace.takes(*"abcdef") == ["ann", "bob", "cy"] * 2
    workspace.close("b")
    workspace.close("e")
    assert workspace.takes(*"gh") == ["bob", "bob"]
    assert workspace.open_counts() == {"ann": 2, "bob": 2, "cy": 2}


def test_open_contacts_count_wherever_they_come_from(workspace: Workspace):
    """Hand assignments, other rules' assignments, reopened contacts and owners in the CRM all count as open."""
    workspace.roster("ann", "bob", "cy", "di")
    workspace.rules(rule("r", strategy=LEAST_OPEN_CONTACTS), rule("other", on=ON_OPENED, to=agents("bob")))
    workspace.assign("m", "ann")
    workspace.opened("o")
    workspace.created("crm", owner="cy")
    assert workspace.takes("a") == ["di"]
    assert workspace.takes(*"bcde") == ["ann", "bob", "cy", "di"]


def test_fewest_for_the_weight(workspace: Workspace):
    """An agent of weight 2 carries twice as many open contacts."""
    workspace.roster(agent("ann", weight=2), "bob")
    workspace.rules(rule("r", strategy=LEAST_OPEN_CONTACTS))
    workspace.takes(*"abcdef")
    assert workspace.open_counts() == {"ann": 4, "bob": 2}


def test_equal_open_counts_go_to_whoever_waited_longest(workspace: Workspace):
    """Ties go to the agent whose last assignment in this pool is longest ago, then by order."""
    workspace.roster("ann", "bob", "cy")
    workspace.rules(rule("r", strategy=LEAST_OPEN_CONTACTS), unassign_on_close=True)
    got = []
    for number in range(6):
        got += workspace.takes(f"c{number}")
        workspace.close(f"c{number}")
    assert got == ["ann", "bob", "cy"] * 2


def test_who_returns_with_few_takes_until_level(workspace: Workspace):
    """By open counts a returning agent is filled up to the others' level and no further."""
    workspace.roster("ann", "bob")
    workspace.rules(rule("r", strategy=LEAST_OPEN_CONTACTS, online_only=True))
    workspace.online("ann")
    workspace.takes(*"abc")
    workspace.online("bob")
    assert workspace.takes(*"defghi") == ["bob", "bob", "bob", "ann", "bob", "ann"]


# Longest idle.


def test_longest_idle_first_whatever_pool_the_last_one_was_from(workspace: Workspace):
    """Who was assigned longest ago, in any pool and by any strategy, comes first; never assigned first of all."""
    workspace.roster("ann", "bob", "cy", sales=["ann", "bob", "cy"], support=["ann", "cy"])
    workspace.rules(
        rule("sales", on=ON_OPENED, to=team("sales"), strategy=LONGEST_IDLE), rule("support", to=team("support"))
    )
    assert workspace.takes("a") == ["ann"]
    assert [workspace.opened(one).agent_id for one in "bc"] == ["bob", "cy"], "ann has just had one from support"
    assert workspace.takes("d") == ["cy"]
    assert [workspace.opened(one).agent_id for one in "efg"] == ["ann", "bob", "cy"]


def test_who_is_in_two_teams_gets_no_double_share(workspace: Workspace):
    """Between two teams, the agent in both gets as many contacts as each of the others."""
    workspace.roster("ann", "bob", "cy", sales=["ann", "bob"], support=["ann", "cy"])
    workspace.rules(
        rule("sales", on=ON_OPENED, to=team("sales"), strategy=LONGEST_IDLE),
        rule("support", to=team("support"), strategy=LONGEST_IDLE),
    )
    got = []
    for number in range(30):
        got += [workspace.opened(f"o{number}").agent_id, *workspace.takes(f"c{number}")]
    assert {one: got.count(one) for one in ("ann", "bob", "cy")} == {"ann": 20, "bob": 20, "cy": 20}


def test_a_change_to_longest_idle_knows_who_was_assigned_before(workspace: Workspace):
    """Assignments made before any rule went by idleness count too, also those in a team that the agent has left."""
    workspace.roster("ann", "bob", sales=["ann"])
    workspace.rules(rule("r", to=team("sales")))
    assert workspace.takes("a") == ["ann"]
    workspace.roster("ann", "bob", sales=["bob"])
    workspace.rules(rule("r", strategy=LONGEST_IDLE))
    assert workspace.takes(*"bcd") == ["bob", "ann", "bob"]
