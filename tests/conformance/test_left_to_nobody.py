"""Rules whose target is nobody: the contact is meant to stay unassigned, and that is no alarm."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from evenhand.v1 import rules_pb2

from tests.support.builders import (
    ALREADY_ASSIGNED,
    ASSIGNED,
    LEAST_OPEN_CONTACTS,
    LEFT_UNASSIGNED,
    NO_RULE_MATCHED,
    NOBODY,
    ON_CREATED,
    ON_OPENED,
    ON_UPDATE,
    agent,
    agents,
    fallback,
    rule,
    source,
)
from tests.support.client import refused

if TYPE_CHECKING:
    from tests.support.client import Workspace

pytestmark = pytest.mark.every_redis

SPAM = rule("spam", on=ON_CREATED, when=source("newsletter"), to=NOBODY)


def test_the_contact_is_left_alone(workspace: Workspace):
    """The rule decides, and keeps later rules and the fallback from it: nobody, no strategy, no team, no reply."""
    workspace.roster("ann")
    workspace.rules(rule("hush", to=NOBODY), rule("all", reply="Hi"), fallback=fallback())
    decision = workspace.created("c")
    assert (decision.outcome, decision.rule_id, decision.agent_id) == (LEFT_UNASSIGNED, "hush", "")
    assert (decision.fallback, decision.team_id, decision.strategy, decision.reply) == (False, "", 0, "")
    assert (decision.rules_revision, decision.sequence > 0, decision.decide_time.seconds > 0) == (1, True, True)
    assert workspace.open_counts() == {"ann": 0}


def test_it_is_on_record_and_replayed(workspace: Workspace):
    """The decision is on record and told again for its request id, though the rules are others by now."""
    workspace.roster("ann")
    workspace.rules(SPAM, rule("all", on=ON_CREATED))
    left = workspace.created("c", source="newsletter", request_id="one")
    record = workspace.contact("c")
    assert (record.owner_id, record.open, record.decision) == ("", False, left)
    workspace.rules(rule("all", on=ON_CREATED))
    replayed = workspace.created("c", source="newsletter", request_id="one")
    assert replayed.replayed
    replayed.replayed = False
    assert replayed == left
    assert workspace.created("c", source="newsletter", request_id="two").outcome == ASSIGNED
    assert workspace.created("c", source="newsletter", request_id="one").outcome == LEFT_UNASSIGNED


def test_a_later_event_may_be_decided_by_another_rule(workspace: Workspace):
    """What was left to nobody at first is assigned by a rule for a later event; each event is decided by itself."""
    workspace.roster("ann")
    workspace.rules(SPAM, rule("answers", on=ON_OPENED))
    assert workspace.created("c", source="newsletter").outcome == LEFT_UNASSIGNED
    assert workspace.updated("c", tags=["x"], source="newsletter").outcome == NO_RULE_MATCHED
    assert workspace.contact("c").decision.outcome == NO_RULE_MATCHED
    assert workspace.created("c", source="newsletter").outcome == LEFT_UNASSIGNED
    assert workspace.opened("c").agent_id == "ann"
    assert workspace.created("c", source="newsletter").outcome == ALREADY_ASSIGNED


def test_an_owner_makes_it_a_contact_like_others(workspace: Workspace):
    """Given to an agent by hand it is open, and with an owner named by the caller it is that agent's."""
    workspace.roster("ann")
    workspace.rules(SPAM)
    for one in "cd":
        assert workspace.created(one, source="newsletter").outcome == LEFT_UNASSIGNED
    assert not workspace.close("c").closed
    assert workspace.unassign("c").previous_owner_id == ""
    assert workspace.assign("c", "ann").open
    assert workspace.opened("d", owner="ann").outcome == ALREADY_ASSIGNED
    assert workspace.open_counts() == {"ann": 2}
    assert workspace.close("c").closed


def test_nobody_moves_no_turn(workspace: Workspace):
    """Contacts that are left, one by one and in a batch, move no rotation and no limit."""
    workspace.roster(agent("ann", max_open_contacts=2), agent("bob", max_open_contacts=2))
    workspace.rules(SPAM, rule("all", on=ON_CREATED))
    decided = workspace.created_in_batch([f"s{number}" for number in range(5)], source="newsletter")
    assert {decision.outcome for decision in decided} == {LEFT_UNASSIGNED}
    got = []
    for number in range(4):
        workspace.created(f"t{number}", source="newsletter")
        got += workspace.takes(f"c{number}")
    assert got == ["ann", "bob"] * 2


def test_no_owner_is_left(workspace: Workspace):
    """A contact that has an owner stays with it, whatever the rule says."""
    workspace.roster("ann")
    workspace.rules(SPAM)
    named = workspace.created("c", source="newsletter", owner="ann")
    assert (named.outcome, named.agent_id, named.rule_id) == (ALREADY_ASSIGNED, "ann", "")


def test_rules_change_from_somebody_to_nobody(workspace: Workspace):
    """A rule may change its target to nobody and back; the pool's turns go on where they stood."""
    workspace.roster("ann", "bob")
    workspace.rules(rule("r", to=agents("ann", "bob")), rule("keep", on=ON_OPENED, to=agents("ann", "bob")))
    assert workspace.takes("a") == ["ann"]
    workspace.rules(rule("r", to=NOBODY), rule("keep", on=ON_OPENED, to=agents("ann", "bob")))
    assert workspace.takes("b") == [""]
    workspace.rules(rule("r", to=agents("ann", "bob")), rule("keep", on=ON_OPENED, to=agents("ann", "bob")))
    assert workspace.takes(*"bc") == ["bob", "ann"]
    workspace.rules(rule("r", to=NOBODY))
    assert workspace.takes("d") == [""]


def test_what_means_nothing_beside_nobody_is_refused(workspace: Workspace):
    """False, and a strategy, limit or reply beside nobody, are refused by their paths, and so is such a fallback."""
    workspace.roster("ann")
    before = workspace.rules(rule("r")).revision
    fields = {"strategy": LEAST_OPEN_CONTACTS, "online_only": True, "max_open_contacts": 3, "reply": "Hi"}
    with refused("INVALID_ARGUMENT") as said:
        workspace.rules(
            rule("a", to=rules_pb2.Target(nobody=False)),
            rule("b", to=NOBODY, **fields),
            rule("c", to=NOBODY, strategy=99, max_open_contacts=-1),
            fallback=fallback(to=NOBODY),
        )
    assert said.fields == {
        "rule_set.rules[0].target.nobody",
        *(f"rule_set.rules[1].{name}" for name in fields),
        *(f"rule_set.rules[2].{name}" for name in ("strategy", "max_open_contacts")),
        "rule_set.fallback.target.nobody",
    }
    with refused("INVALID_ARGUMENT") as said:
        workspace.rules(rule("a"), fallback=fallback(to=rules_pb2.Target(nobody=False), enabled=False))
    assert said.fields == {"rule_set.fallback.target.nobody"}
    assert workspace.get_rules().revision == before


def test_such_a_rule_stands_in_the_way_of_others(workspace: Workspace):
    """Rules behind it that it leaves nothing are warned of, and it is warned of like any other."""
    workspace.roster("ann")
    warnings = workspace.rules(
        rule("hush", on=ON_CREATED, to=NOBODY), rule("late"), rule("again", to=NOBODY), rule("other", on=ON_UPDATE)
    ).warnings
    assert [(one.field, one.reason) for one in warnings] == [
        ("rule_set.rules[1]", "UNREACHABLE_RULE"),
        ("rule_set.rules[2]", "UNREACHABLE_RULE"),
    ]
