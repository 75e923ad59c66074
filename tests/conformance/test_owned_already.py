"""deploy/adr/0006, "The order of a decision", 1: who owns a contact keeps it, unless a person says otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from evenhand.v1 import assignment_service_pb2 as api

from tests.support.builders import (
    ALREADY_ASSIGNED,
    ASSIGNED,
    CREATED,
    NO_AGENT_AVAILABLE,
    ON_OPENED,
    UPDATED,
    agent,
    contact,
    rule,
)
from tests.support.client import refused

if TYPE_CHECKING:
    from tests.support.client import Workspace

pytestmark = pytest.mark.every_redis


# Owned already.


def test_a_recorded_owner_stays(workspace: Workspace):
    """A contact with an owner on record gets ALREADY_ASSIGNED with that owner, and nothing else happens."""
    workspace.roster("ann", "bob")
    workspace.rules(rule("all"))
    first = workspace.created("c")
    again = workspace.created("c")
    assert (first.outcome, first.agent_id) == (ASSIGNED, "ann")
    assert (again.outcome, again.agent_id) == (ALREADY_ASSIGNED, "ann")
    assert (again.rule_id, again.team_id, again.fallback, again.strategy, again.replayed) == ("", "", False, 0, False)
    assert workspace.open_counts() == {"ann": 1, "bob": 0}
    assert workspace.created("d").agent_id == "bob", "the repeated call took no turn"


def test_an_owner_named_by_the_caller_is_right(workspace: Workspace):
    """A caller who names an owner other than the recorded one is followed, and the place moves with it."""
    workspace.roster("ann", "bob")
    workspace.rules(rule("all"))
    workspace.created("c")
    told = workspace.updated("c", owner="bob")
    assert (told.outcome, told.agent_id) == (ALREADY_ASSIGNED, "bob")
    assert workspace.owner("c") == "bob"
    assert workspace.open_counts() == {"ann": 0, "bob": 1}


def test_an_owner_named_for_an_unknown_contact_is_recorded(workspace: Workspace):
    """A new WhatsApp contact whose caller names an owner is open, counted for that owner, and decided by no rule."""
    workspace.roster("ann", "bob")
    workspace.rules(rule("all"))
    assert workspace.created("c", owner="bob").outcome == ALREADY_ASSIGNED
    record = workspace.contact("c")
    assert (record.owner_id, record.open, record.HasField("decision")) == ("bob", True, False)
    assert workspace.open_counts() == {"ann": 0, "bob": 1}


def test_an_owner_outside_the_roster_is_respected(workspace: Workspace):
    """An owner whom the roster does not know keeps the contact too, and is counted on joining."""
    workspace.roster("ann")
    workspace.rules(rule("all"))
    assert workspace.created("c", owner="zoe").agent_id == "zoe"
    assert workspace.created("c").agent_id == "zoe"
    workspace.roster("ann", "zoe")
    assert workspace.open_counts() == {"ann": 0, "zoe": 1}


def test_an_owner_without_rules(workspace: Workspace):
    """A workspace in which nothing is configured still says ALREADY_ASSIGNED of an owned contact."""
    decision = workspace.created("c", owner="zoe")
    assert (decision.outcome, decision.agent_id, decision.rules_revision) == (ALREADY_ASSIGNED, "zoe", 0)


def test_an_opened_conversation_reopens_a_closed_contact(workspace: Workspace):
    """CONVERSATION_OPENED makes a closed contact open again and counts it for its owner, even past a limit."""
    workspace.roster("ann")
    workspace.rules(rule("all", max_open_contacts=1))
    workspace.created("c")
    workspace.close("c")
    workspace.created("d")
    assert workspace.open_counts() == {"ann": 1}
    assert workspace.opened("c").outcome == ALREADY_ASSIGNED
    assert workspace.contact("c").open
    assert workspace.open_counts() == {"ann": 2}
    workspace.opened("c")
    assert workspace.open_counts() == {"ann": 2}, "opening what is open counts nothing"


@pytest.mark.parametrize("event", [CREATED, UPDATED])
def test_other_events_leave_a_closed_contact_closed(workspace: Workspace, event: int):
    """Any event but CONVERSATION_OPENED leaves a closed contact closed and uncounted."""
    workspace.roster("ann")
    workspace.rules(rule("all"))
    workspace.created("c")
    workspace.close("c")
    assert workspace.evaluate(event, contact("c")).outcome == ALREADY_ASSIGNED
    assert not workspace.contact("c").open
    assert workspace.open_counts() == {"ann": 0}


def test_a_new_owner_of_a_closed_contact(workspace: Workspace):
    """A closed contact that the caller gives to another owner stays closed; opened, it counts for the new one."""
    workspace.roster("ann", "bob")
    workspace.rules(rule("all"))
    workspace.created("c")
    workspace.close("c")
    workspace.updated("c", owner="bob")
    record = workspace.contact("c")
    assert (record.owner_id, record.open) == ("bob", False)
    workspace.opened("c")
    assert workspace.open_counts() == {"ann": 0, "bob": 1}


# People.


def test_what_a_person_decides_holds(workspace: Workspace):
    """A hand assignment wins over the owner on record, may pass limits, and takes disabled and absent agents too."""
    workspace.roster("ann", "bob", "off")
    workspace.rules(rule("r", max_open_contacts=1, online_only=True))
    workspace.online("ann")
    workspace.created("c")
    moved = workspace.assign("c", "bob")
    assert (moved.owner_id, moved.previous_owner_id, moved.open) == ("bob", "ann", True)
    assert workspace.created("c").agent_id == "bob"
    for one in "def":
        assert workspace.assign(one, "ann").previous_owner_id == ""
    assert workspace.open_counts() == {"ann": 3, "bob": 1, "off": 0}
    assert workspace.created("g").outcome == NO_AGENT_AVAILABLE
    assert workspace.contact("c").decision.agent_id == "ann", "Evenhand's own latest decision stays on record"


def test_unassigning(workspace: Workspace):
    """An unassigned contact has no owner, gives its place back, and can be decided about again; twice is no error."""
    workspace.roster("ann", "bob")
    workspace.rules(rule("r"))
    workspace.created("c")
    assert workspace.unassign("c").previous_owner_id == "ann"
    assert workspace.unassign("c").previous_owner_id == ""
    assert workspace.unassign("never seen").previous_owner_id == ""
    assert (workspace.owner("c"), workspace.open_counts()) == ("", {"ann": 0, "bob": 0})
    assert workspace.created("c").agent_id == "bob"


def test_closing(workspace: Workspace):
    """Closing gives the place back and keeps the owner; twice is no error and changes nothing."""
    workspace.roster("ann")
    workspace.rules(rule("r"))
    workspace.created("c")
    first, again, unknown = workspace.close("c"), workspace.close("c"), workspace.close("never seen")
    assert (first.owner_id, first.closed) == ("ann", True)
    assert (again.owner_id, again.closed) == ("ann", False)
    assert (unknown.owner_id, unknown.closed) == ("", False)
    record = workspace.contact("c")
    assert (record.owner_id, record.open, workspace.open_counts()) == ("ann", False, {"ann": 0})
    assert workspace.contact("never seen") is None


@pytest.mark.parametrize("unassign_on_close", [False, True])
def test_a_caller_says_what_becomes_of_the_owner(workspace: Workspace, unassign_on_close: bool):
    """KEEP and UNASSIGN hold whatever the rule set says, UNASSIGN also later; without a word the rule set says it."""
    workspace.roster("ann")
    workspace.rules(rule("r"), unassign_on_close=unassign_on_close)
    contacts = workspace.takes("said", "kept", "gone")
    assert contacts == ["ann"] * 3
    by_rule = workspace.close("said")
    assert (by_rule.owner_id, by_rule.closed) == ("" if unassign_on_close else "ann", True)
    kept, gone = workspace.close("kept", api.OWNER_AFTER_KEEP), workspace.close("gone", api.OWNER_AFTER_UNASSIGN)
    assert (kept.owner_id, kept.closed, gone.owner_id, gone.closed) == ("ann", True, "", True)
    assert workspace.owner("kept") == "ann"
    assert workspace.open_counts() == {"ann": 0}
    again = workspace.close("kept")
    assert (again.owner_id, again.closed) == ("ann", False), "it is not open, so nothing changes"
    resolved = workspace.close("kept", api.OWNER_AFTER_UNASSIGN)
    assert (resolved.owner_id, resolved.closed) == ("", False)
    for one, word in (("gone", api.OWNER_AFTER_UNASSIGN), ("gone", api.OWNER_AFTER_KEEP), ("never seen", 2)):
        nothing = workspace.close(one, word)
        assert (nothing.owner_id, nothing.closed) == ("", False)
    assert workspace.created("kept").outcome == ASSIGNED
    assert workspace.open_counts() == {"ann": 1}


def test_what_becomes_of_an_owner_is_known(workspace: Workspace):
    """A number that stands for nothing is refused by path, with every other wrong field, and nothing is closed."""
    workspace.roster("ann")
    workspace.rules(rule("r"))
    workspace.created("c")
    with refused("INVALID_ARGUMENT") as said:
        workspace.close("c", 3)
    assert said.fields == {"owner_after"}
    with refused("INVALID_ARGUMENT") as said:
        workspace.close(" ", -1)
    assert said.fields == {"contact_id", "owner_after"}
    assert workspace.contact("c").open


def test_a_person_opens_a_closed_contact(workspace: Workspace):
    """AssignContact opens a closed contact and counts it, for its owner as for another, and past a limit."""
    workspace.roster(agent("ann", max_open_contacts=1), "bob")
    workspace.rules(rule("r"))
    workspace.takes("c", "d")
    workspace.close("c")
    workspace.close("d")
    same, other = workspace.assign("c", "ann"), workspace.assign("d", "ann")
    assert (same.previous_owner_id, same.open) == ("ann", True)
    assert (other.previous_owner_id, other.open) == ("bob", True)
    assert workspace.contact("c").open
    assert workspace.contact("d").open
    assert workspace.open_counts() == {"ann": 2, "bob": 0}
    assert workspace.assign("c", "ann").open
    assert workspace.open_counts() == {"ann": 2, "bob": 0}
    assert workspace.close("c").closed
    assert workspace.open_counts() == {"ann": 1, "bob": 0}


def test_unassign_on_close(workspace: Workspace):
    """With unassign_on_close the owner goes too, so the next event assigns anew."""
    workspace.roster("ann", "bob")
    workspace.rules(rule("r", on=ON_OPENED), unassign_on_close=True)
    workspace.opened("c")
    closed = workspace.close("c")
    assert (closed.owner_id, closed.closed) == ("", True)
    again = workspace.opened("c")
    assert (again.outcome, again.agent_id) == (ASSIGNED, "bob")
