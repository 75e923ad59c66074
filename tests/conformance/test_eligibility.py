"""deploy/adr/0006, "eligible": who may be given a contact at the moment of the decision."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from tests.support.builders import (
    BUSY,
    NO_AGENT_AVAILABLE,
    OFFLINE,
    ON_OPENED,
    ON_UPDATE,
    ONLINE,
    agent,
    agents,
    fallback,
    rule,
    team,
)

if TYPE_CHECKING:
    from tests.support.client import Workspace

pytestmark = pytest.mark.every_redis


# Who is eligible.


def test_online_only(workspace: Workspace):
    """Under online_only only ONLINE agents are eligible: neither BUSY, nor OFFLINE, nor unreported ones."""
    workspace.roster("on", "busy", "off", "unreported")
    workspace.rules(rule("r", online_only=True))
    workspace.online("on")
    workspace.presence(BUSY, "busy")
    workspace.offline("off")
    assert workspace.presences() == {"on": ONLINE, "busy": BUSY, "off": OFFLINE, "unreported": OFFLINE}
    assert workspace.takes(*"abcd") == ["on"] * 4
    workspace.offline("on")
    assert workspace.created("e").outcome == NO_AGENT_AVAILABLE


def test_presence_is_no_matter_otherwise(workspace: Workspace):
    """Without online_only presence plays no part."""
    workspace.roster("on", "busy", "off")
    workspace.rules(rule("r"))
    workspace.online("on")
    workspace.presence(BUSY, "busy")
    assert workspace.takes(*"abc") == ["on", "busy", "off"]


@pytest.mark.every_redis
def test_who_left_keeps_nobody_else_from_being_reported(workspace: Workspace):
    """A report notes all who are in the roster, with their leases, and names all others, in its own order."""
    people = [f"a{number}" for number in range(500)]
    workspace.roster(*people)
    workspace.rules(rule("r", online_only=True))
    reported = [one for number, person in enumerate(people) for one in (person, f"left-{number}")[: 1 + number % 2]]
    unknown = [one for one in reported if one.startswith("left-")]
    assert len(unknown) == 250
    assert workspace.online(*reversed(reported)) == unknown[::-1]
    assert set(workspace.presences().values()) == {ONLINE}
    workspace.roster(*people[1:])
    assert workspace.offline(*people) == ["a0"]
    assert workspace.created("c").outcome == NO_AGENT_AVAILABLE
    assert workspace.online("a0", "a1", lease_ms=3_600_000) == ["a0"]
    assert workspace.takes("d", "e") == ["a1", "a1"]


def test_a_report_of_nobody_known_is_no_error(workspace: Workspace):
    """Where nobody who is reported is in the roster, all are named, and nothing changes."""
    assert workspace.online("zoe", "yan") == ["zoe", "yan"]
    workspace.roster("ann")
    assert workspace.online("zoe", " ann", "yan") == ["zoe", " ann", "yan"]
    assert workspace.presences() == {"ann": OFFLINE}


def test_a_lease_ends(workspace: Workspace):
    """An agent whose lease is over is OFFLINE; a longer lease and a later report hold."""
    workspace.roster("brief", "long", "renewed")
    workspace.rules(rule("r", online_only=True))
    workspace.online("brief", "renewed", lease_ms=1)
    workspace.online("long", lease_ms=3_600_000)
    workspace.online("renewed")
    time.sleep(0.01)
    assert workspace.presences() == {"brief": OFFLINE, "long": ONLINE, "renewed": ONLINE}
    assert workspace.takes(*"abcd") == ["long", "renewed", "long", "renewed"]
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
    assert workspace.takes("c", "d", "e") == ["stays"] * 3
    assert set(workspace.presences().values()) == {ONLINE, OFFLINE}
    workspace.offline("stays")
    assert workspace.created("f").outcome == NO_AGENT_AVAILABLE


def test_a_disabled_agent_gets_nothing(workspace: Workspace):
    """A disabled agent is not eligible under any rule; enabled again it is."""
    workspace.roster("ann", agent("bob", disabled=True))
    workspace.rules(rule("r"))
    assert workspace.takes("a", "b") == ["ann", "ann"]
    workspace.roster("ann", "bob")
    assert "bob" in workspace.takes("c", "d")


def test_an_agent_s_limit(workspace: Workspace):
    """An agent with max_open_contacts open contacts is passed over until one closes; 0 is no limit."""
    workspace.roster(agent("ann", max_open_contacts=1), agent("bob", max_open_contacts=2), "cy")
    workspace.rules(rule("r"))
    assert workspace.takes(*"abcdefg") == ["ann", "bob", "cy", "bob", "cy", "cy", "cy"]
    workspace.close("a")
    assert "ann" in workspace.takes("h", "i")
    assert workspace.open_counts()["ann"] == 1


def test_a_rule_s_limit(workspace: Workspace):
    """A rule's limit holds for its own decisions alone; the smaller of the two limits counts."""
    workspace.roster("ann", agent("bob", max_open_contacts=1))
    workspace.rules(rule("two", max_open_contacts=2), rule("any", on=ON_OPENED))
    assert workspace.takes(*"abcd") == ["ann", "bob", "ann", ""]
    assert workspace.opened("e").agent_id == "ann", "the other rule knows no such limit"
    assert workspace.created("f").outcome == NO_AGENT_AVAILABLE


def test_the_fallback_knows_no_rule_limit(workspace: Workspace):
    """The fallback has no limit of its own, but agents keep theirs."""
    workspace.roster("ann", agent("bob", max_open_contacts=1))
    workspace.rules(rule("r", on=ON_OPENED, max_open_contacts=1), fallback=fallback())
    assert workspace.takes(*"abcd") == ["ann", "bob", "ann", "ann"]


def test_only_members_of_the_pool(workspace: Workspace):
    """A team's rule assigns its members alone, a list's rule those it names, everyone's rule everybody."""
    workspace.roster("ann", "bob", "cy", sales=["cy", "ann"])
    workspace.rules(
        rule("team", on=ON_UPDATE, to=team("sales")), rule("list", on=ON_OPENED, to=agents("bob")), rule("everyone")
    )
    assert [workspace.updated(one).agent_id for one in ("t1", "t2", "t3")] == ["cy", "ann", "cy"]
    assert [workspace.opened(one).agent_id for one in ("l1", "l2")] == ["bob", "bob"]
    assert workspace.takes(*"abc") == ["ann", "bob", "cy"]


def test_settings_hold_from_the_next_decision_on(workspace: Workspace):
    """Limits lowered, agents disabled, and members taken out of a team are seen by the very next decision."""
    workspace.roster("ann", "bob", sales=["ann", "bob"])
    workspace.rules(rule("r", to=team("sales")))
    assert workspace.takes("a", "b") == ["ann", "bob"]
    workspace.roster(agent("ann", max_open_contacts=1), "bob", sales=["ann", "bob"])
    assert workspace.takes("c", "d") == ["bob", "bob"]
    workspace.roster("ann", agent("bob", disabled=True), sales=["ann", "bob"])
    assert workspace.takes("e", "f") == ["ann", "ann"]
    workspace.roster("ann", "bob", sales=["bob"])
    assert workspace.takes("g", "h") == ["bob", "bob"]
