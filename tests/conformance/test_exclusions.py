"""Agents who are not to be assigned by a call: never the author, not who had it before."""

from __future__ import annotations

from collections import Counter
from itertools import product
from typing import TYPE_CHECKING

import pytest
from evenhand.v1 import assignment_service_pb2 as api

from tests.support.builders import (
    ALREADY_ASSIGNED,
    ASSIGNED,
    CREATED,
    LEAST_OPEN_CONTACTS,
    LONGEST_IDLE,
    NO_AGENT_AVAILABLE,
    ROUND_ROBIN,
    agent,
    contact,
    fallback,
    rule,
    team,
)
from tests.support.client import refused

if TYPE_CHECKING:
    from tests.support.client import Workspace

pytestmark = pytest.mark.every_redis

STRATEGIES = [ROUND_ROBIN, LEAST_OPEN_CONTACTS, LONGEST_IDLE]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_excluded_are_passed_over(workspace: Workspace, strategy: int):
    """The first in turn who is not excluded takes the contact, whatever the strategy; the excluded keep their turns."""
    workspace.roster("ann", "bob", "cy", "di")
    workspace.rules(rule("r", strategy=strategy))
    assert workspace.created("1", without=["ann", "bob"]).agent_id == "cy"
    assert workspace.created("2", without=["ann"]).agent_id == "bob"
    assert workspace.takes(*"345") == ["ann", "di", "cy"]
    assert workspace.created("6", without=["bob"]).agent_id == "ann"
    assert workspace.takes(*"7") == ["bob"]


def fairest(by_ann: int, by_bob: int) -> tuple[int, int, int]:
    """The most even shares of ann, bob and cy when nobody reviews their own: the smallest is as large as can be."""
    shares = [(ann, bob, by_ann - bob + by_bob - ann) for ann, bob in product(range(by_bob + 1), range(by_ann + 1))]
    return max(shares, key=sorted)


@pytest.mark.parametrize("strategy", [ROUND_ROBIN, LEAST_OPEN_CONTACTS])
@pytest.mark.parametrize("authors", ["aab" * 100, "baa" * 100, "aaaabb" * 50, "a" * 200 + "b" * 100])
def test_shares_stay_as_even_as_they_can_be(workspace: Workspace, strategy: int, authors: str):
    """Of 300 reviews, two thirds written by ann and one third by bob, nobody is ever more than one from the fairest."""
    name = {"a": "ann", "b": "bob"}
    workspace.roster("ann", "bob", "cy")
    workspace.rules(rule("r", strategy=strategy))
    answers = workspace.batch(
        api.EvaluateContactRequest(event_type=CREATED, contact=contact(f"{at}"), exclude_agent_ids=[name[author]])
        for at, author in enumerate(authors)
    )
    counts = Counter({"ann": 0, "bob": 0, "cy": 0})
    for at, (answer, author) in enumerate(zip(answers, authors, strict=True), 1):
        assert answer.agent_id != name[author]
        counts[answer.agent_id] += 1
        possible = fairest(authors[:at].count("a"), authors[:at].count("b"))
        if at % 10 == 0:
            assert all(abs(had - best) <= 1 for had, best in zip(counts.values(), possible, strict=True)), (at, counts)
    assert counts == {"ann": 100, "bob": 100, "cy": 100}


@pytest.mark.parametrize(
    ("strategy", "afterwards"),
    [(ROUND_ROBIN, ["ann"] * 4), (LONGEST_IDLE, ["ann", "bob", "ann", "bob"])],
)
def test_longest_idle_evens_nothing_out(workspace: Workspace, strategy: int, afterwards: list[str]):
    """Who was excluded from four contacts has the next four by round robin, and by longest idle only the next one."""
    workspace.roster("ann", "bob")
    workspace.rules(rule("r", strategy=strategy))
    for number in range(4):
        assert workspace.created(f"without-{number}", without=["ann"]).agent_id == "bob"
    assert workspace.takes(*"1234") == afterwards


def test_who_joins_or_returns_gets_no_burst(workspace: Workspace):
    """Beside an author who is far behind, whoever joins or comes back starts level with the others."""
    workspace.roster("ann", "bob", "cy", "eve")
    workspace.rules(rule("r", online_only=True))
    workspace.online("ann", "bob", "cy", "eve")
    workspace.takes(*"wxyz")
    workspace.offline("eve")
    for number in range(60):
        assert workspace.created(f"a{number}", without=["ann"]).agent_id in {"bob", "cy"}
    workspace.roster("ann", "bob", "cy", "eve", "di")
    workspace.online("eve", "di")
    others = [workspace.created(f"b{number}", without=["ann"]).agent_id for number in range(40)]
    for end in range(41):
        counts = [others[:end].count(one) for one in ("bob", "cy", "di", "eve")]
        assert max(counts) - min(counts) <= 1, others
    assert workspace.takes(*(f"c{number}" for number in range(30))) == ["ann"] * 30, "who is behind is made up for"


def test_weights_hold_beside_exclusions(workspace: Workspace):
    """Who is excluded from every second contact still gets a share by weight of all, from the others."""
    workspace.roster(agent("ann", weight=2), agent("bob", weight=3), agent("cy", weight=1))
    workspace.rules(rule("r"))
    got = Counter(workspace.created(f"{at}", without=["ann"] if at % 2 else []).agent_id for at in range(60))
    assert got == {"ann": 20, "bob": 30, "cy": 10}


def test_nobody_is_left(workspace: Workspace):
    """Where everyone eligible is excluded, by a rule or the fallback, the contact finds nobody."""
    workspace.roster("ann", "bob", "cy", sales=["ann", "bob"])
    workspace.rules(rule("r", to=team("sales")), fallback=fallback(to=team("sales")))
    decision = workspace.created("c", without=["bob", "ann"])
    assert (decision.outcome, decision.rule_id, decision.agent_id) == (NO_AGENT_AVAILABLE, "r", "")
    workspace.rules(rule("never", to=team("sales"), disabled=True), fallback=fallback(to=team("sales")))
    by_fallback = workspace.created("d", without=["bob", "ann"])
    assert (by_fallback.outcome, by_fallback.fallback) == (NO_AGENT_AVAILABLE, True)
    assert workspace.takes(*"ef") == ["ann", "bob"], "and nobody lost a turn"


def test_who_is_excluded_may_be_ineligible_or_unknown(workspace: Workspace):
    """Agents who are elsewhere, away, full, unknown or known only as an owner change nothing for the others."""
    workspace.roster("ann", agent("bob", max_open_contacts=1), "cy", "di", sales=["ann", "bob", "cy"])
    workspace.rules(rule("r", to=team("sales"), online_only=True))
    workspace.online("ann", "bob")
    workspace.assign("x", "bob")
    workspace.created("y", owner="zoe")
    assert workspace.created("c", without=["zoe", "yan", "di", "cy", "bob"]).agent_id == "ann"


def test_a_hundred_may_be_excluded(workspace: Workspace):
    """A hundred excluded agents are passed over for the one behind them, one by one and in a batch."""
    people = [f"agent-{number:03}" for number in range(101)]
    workspace.roster(*people)
    workspace.rules(rule("r"))
    assert workspace.created("c", without=people[:100]).agent_id == people[100]
    requests = [
        api.EvaluateContactRequest(event_type=CREATED, contact=contact(f"{at}"), exclude_agent_ids=people[:at])
        for at in range(0, 100, 9)
    ]
    assert [decision.agent_id for decision in workspace.batch(requests)] == people[0:100:9]


def test_exclusions_are_of_one_contact(workspace: Workspace):
    """In a batch each contact has exclusions of its own, or none; also the same contact, asked about twice."""
    workspace.roster("ann", "bob")
    workspace.rules(rule("r"))
    asked = [("1", []), ("2", ["bob"]), ("3", []), ("4", ["ann"]), ("5", ["ann", "bob"]), ("5", ["ann"]), ("6", [])]
    answers = workspace.batch(
        api.EvaluateContactRequest(event_type=CREATED, contact=contact(who), exclude_agent_ids=without)
        for who, without in asked
    )
    assert [answer.agent_id for answer in answers] == ["ann", "ann", "bob", "bob", "", "bob", "ann"]


def test_an_owner_is_not_excluded(workspace: Workspace):
    """A contact that is owned stays with its owner, excluded or not; and an earlier decision is replayed as it was."""
    workspace.roster("ann", "bob")
    workspace.rules(rule("r"))
    first = workspace.created("c", request_id="one", without=["bob"])
    assert (first.outcome, first.agent_id) == (ASSIGNED, "ann")
    replayed = workspace.created("c", request_id="one", without=["ann"])
    assert (replayed.agent_id, replayed.replayed, replayed.sequence) == ("ann", True, first.sequence)
    owned = workspace.created("c", request_id="two", without=["ann"])
    assert (owned.outcome, owned.agent_id) == (ALREADY_ASSIGNED, "ann")
    named = workspace.created("d", owner="bob", without=["bob"])
    assert (named.outcome, named.agent_id) == (ALREADY_ASSIGNED, "bob")


def test_wrong_exclusions_are_named(workspace: Workspace):
    """Each id that is none, or stands there twice, is named by its path, and so is one too many; nothing changes."""
    workspace.roster("ann", "bob")
    workspace.rules(rule("r"))
    with refused("INVALID_ARGUMENT") as said:
        workspace.created("c", without=["ann", "", "bob", "x" * 129, " ann", "new\nline", " "])
    assert said.fields == {f"exclude_agent_ids[{at}]" for at in (1, 3, 4, 5, 6)}
    assert "twice" in said.violations["exclude_agent_ids[4]"]
    with refused("INVALID_ARGUMENT") as said:
        workspace.created("c", without=[f"{number}" for number in range(101)])
    assert said.violations == {"exclude_agent_ids": "must be at most 100, not 101"}
    assert workspace.contact("c") is None
    assert workspace.created("c", without=["x" * 128, *(f"{number}" for number in range(99))]).outcome == ASSIGNED


@pytest.mark.parametrize("written", ["asha@shop.com", "ASHA@shop.com", " Asha@Shop.com ", "\u3000asha@SHOP.com"])
def test_an_author_is_meant_whatever_the_case(workspace: Workspace, written: str):
    """Who is excluded is found as an owner is: with space around the id, and in another case if that is one agent."""
    workspace.roster("Asha@shop.com", "bob")
    workspace.rules(rule("r"))
    assert workspace.created("c", without=[written]).agent_id == "bob"
    assert workspace.created("d", without=[written, "BOB"]).outcome == NO_AGENT_AVAILABLE
    assert [
        one.agent_id
        for one in workspace.batch(
            api.EvaluateContactRequest(event_type=CREATED, contact=contact(f"e{at}"), exclude_agent_ids=[written])
            for at in range(2)
        )
    ] == ["bob", "bob"]


def test_of_two_alike_the_one_that_is_written_is_excluded(workspace: Workspace):
    """Where ids differ by case alone the one as written is excluded; another writing of both excludes neither."""
    workspace.roster("Ann", "ann")
    workspace.rules(rule("r"))
    assert [workspace.created(f"a{at}", without=["Ann"]).agent_id for at in range(2)] == ["ann", "ann"]
    assert [workspace.created(f"b{at}", without=["ann"]).agent_id for at in range(2)] == ["Ann", "Ann"]
    assert {workspace.created(f"c{at}", without=["ANN"]).agent_id for at in range(2)} == {"Ann", "ann"}
