"""Who opened a conversation, and the rules that listen to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.builders import (
    ALREADY_ASSIGNED,
    BY_AGENT,
    BY_AUTOMATION,
    BY_CONTACT,
    CREATED,
    NO_RULE_MATCHED,
    ON_OPENED,
    ON_OPENED_BY_ANYONE,
    OPENED,
    UPDATED,
    agents,
    contact,
    rule,
)
from tests.support.client import refused

if TYPE_CHECKING:
    from tests.support.client import Workspace

pytestmark = pytest.mark.every_redis


@pytest.mark.parametrize(
    ("opened_by", "decided_by"),
    [(0, "contact"), (BY_CONTACT, "contact"), (BY_AGENT, "anyone"), (BY_AUTOMATION, "anyone")],
)
def test_who_opened_it_decides_which_rules_listen(workspace: Workspace, opened_by: int, decided_by: str):
    """CONVERSATION_OPENED fits what the contact opened, said or not; BY_ANYONE fits all, in the order of the rules."""
    workspace.roster("ann", "bob")
    by_contact = rule("contact", on=ON_OPENED, to=agents("ann"))
    by_anyone = rule("anyone", on=ON_OPENED_BY_ANYONE, to=agents("bob"))
    workspace.rules(by_contact, by_anyone)
    assert workspace.opened("c", opened_by=opened_by).rule_id == decided_by
    workspace.rules(by_anyone, by_contact)
    assert workspace.opened("d", opened_by=opened_by).rule_id == "anyone"
    assert workspace.created("e").outcome == NO_RULE_MATCHED


def test_a_broadcast_assigns_nobody(workspace: Workspace):
    """A conversation that an agent or a workflow opened passes rules that wait for the contact, until it answers."""
    workspace.roster("ann")
    workspace.rules(rule("r", on=ON_OPENED))
    assert workspace.opened("c", opened_by=BY_AUTOMATION).outcome == NO_RULE_MATCHED
    assert workspace.opened("c", opened_by=BY_AGENT).outcome == NO_RULE_MATCHED
    assert workspace.opened("c", opened_by=BY_CONTACT).agent_id == "ann"


def test_an_owned_contact_is_opened_by_whomever(workspace: Workspace):
    """A closed contact with an owner is open again, whoever opened the conversation."""
    workspace.roster("ann")
    workspace.rules(rule("r"))
    workspace.created("c")
    for opened_by in (BY_AGENT, BY_AUTOMATION, BY_CONTACT, 0):
        workspace.close("c")
        assert workspace.open_counts() == {"ann": 0}
        assert workspace.opened("c", opened_by=opened_by).outcome == ALREADY_ASSIGNED
        assert workspace.open_counts() == {"ann": 1}


def test_only_a_conversation_is_opened_by_somebody(workspace: Workspace):
    """`opened_by` is refused by its name for another event, and so is a number that is none; nothing changes then."""
    workspace.roster("ann")
    workspace.rules(rule("r"))
    for event in (CREATED, UPDATED):
        with refused("INVALID_ARGUMENT") as said:
            workspace.evaluate(event, contact("c"), opened_by=BY_CONTACT)
        assert said.fields == {"opened_by"}
    for event in (CREATED, OPENED):
        for number in (4, -1):
            with refused("INVALID_ARGUMENT") as said:
                workspace.evaluate(event, contact("c"), opened_by=number)
            assert said.fields == {"opened_by"}
            assert "OPENED_BY_AUTOMATION" in said.violations["opened_by"]
    with refused("INVALID_ARGUMENT") as said:
        workspace.evaluate(0, contact("c"), opened_by=BY_CONTACT)
    assert said.fields == {"event_type"}, "of which event it is said is not known"
    assert workspace.contact("c") is None
