"""deploy/adr/0006, replays: the same request gets the same decision; a batch is its calls one after another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from evenhand.v1 import assignment_service_pb2 as api

from tests.support.builders import (
    ALREADY_ASSIGNED,
    ASSIGNED,
    CREATED,
    NO_RULE_MATCHED,
    ON_CREATED,
    ON_OPENED,
    OPENED,
    agents,
    contact,
    rule,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.client import Workspace

pytestmark = pytest.mark.every_redis


# Replays.


def test_a_repeated_request_gets_the_same_decision(workspace: Workspace):
    """The same contact, event and request id give the same decision, marked, and change nothing."""
    workspace.roster("ann", "bob")
    workspace.rules(rule("r", reply="Hello from $agent.name"))
    first = workspace.created("c", request_id="one")
    again = workspace.created("c", request_id="one")
    assert again.replayed
    again.replayed = False
    assert again == first
    assert workspace.open_counts() == {"ann": 1, "bob": 0}
    assert workspace.created("d").agent_id == "bob"


def test_another_request_is_another(workspace: Workspace):
    """A new request id of the same contact, or the same request id of another contact, is decided anew."""
    workspace.roster("ann", "bob")
    workspace.rules(rule("r"))
    workspace.created("c", request_id="one")
    assert workspace.created("c", request_id="two").outcome == ALREADY_ASSIGNED
    other = workspace.created("d", request_id="one")
    assert (other.outcome, other.replayed) == (ASSIGNED, False)


def test_another_event_is_another_request(workspace: Workspace):
    """The same request id of another type of event is decided by itself, and each is replayed as it was."""
    workspace.roster("ann", "bob")
    workspace.rules(rule("r", on=ON_OPENED))
    told = {
        "created": workspace.created("c", request_id="one"),
        "opened": workspace.opened("c", request_id="one"),
        "updated": workspace.updated("c", request_id="one"),
    }
    assert [one.outcome for one in told.values()] == [NO_RULE_MATCHED, ASSIGNED, ALREADY_ASSIGNED]
    assert not any(one.replayed for one in told.values())
    workspace.close("c")
    for _ in range(2):
        for event, earlier in told.items():
            again = getattr(workspace, event)("c", request_id="one")
            assert again.replayed
            again.replayed = False
            assert again == earlier, event
    assert not workspace.contact("c").open
    assert workspace.open_counts() == {"ann": 0, "bob": 0}


def test_a_batch_tells_events_apart(workspace: Workspace):
    """Two types of event with one request id in one batch are two requests, and the batch again is replays of both."""
    workspace.roster("ann")
    workspace.rules(rule("r", on=ON_OPENED))
    asked = [
        api.EvaluateContactRequest(event_type=event, contact=contact("c"), request_id="one")
        for event in (CREATED, OPENED)
    ]
    first, again = workspace.batch(asked), workspace.batch(asked)
    assert [(one.outcome, one.replayed) for one in first] == [(NO_RULE_MATCHED, False), (ASSIGNED, False)]
    assert [(one.outcome, one.replayed) for one in again] == [(NO_RULE_MATCHED, True), (ASSIGNED, True)]
    assert [one.sequence for one in again] == [one.sequence for one in first]


def test_a_late_retry_changes_nothing(workspace: Workspace):
    """A retry that comes after close, unassignment or another owner gets the old answer and reopens nothing."""
    workspace.roster("ann", "bob")
    workspace.rules(rule("r", on=ON_OPENED))
    first = workspace.opened("c", request_id="one")
    workspace.assign("c", "bob")
    workspace.close("c")
    reopened = workspace.opened("c", request_id="two")
    workspace.close("c")
    for request_id, earlier in (("one", first), ("two", reopened)):
        late = workspace.opened("c", request_id=request_id)
        assert late.replayed
        assert (late.sequence, late.agent_id, late.outcome) == (earlier.sequence, earlier.agent_id, earlier.outcome)
    assert not workspace.contact("c").open
    workspace.unassign("c")
    assert workspace.opened("c", request_id="one").agent_id == "ann"
    assert workspace.owner("c") == ""
    assert workspace.open_counts() == {"ann": 0, "bob": 0}


def test_unassigned_answers_are_replayed_too(workspace: Workspace):
    """A NO_RULE_MATCHED or NO_AGENT_AVAILABLE is given again for its request id, though somebody is there by now."""
    workspace.roster("ann")
    workspace.rules(rule("r", online_only=True))
    nobody = workspace.created("c", request_id="one")
    nothing = workspace.created("d", source="api", request_id="one")
    workspace.online("ann")
    workspace.rules(rule("r", on=ON_CREATED))
    for contact_id, earlier in (("c", nobody), ("d", nothing)):
        again = workspace.created(contact_id, request_id="one")
        assert (again.replayed, again.outcome, again.sequence) == (True, earlier.outcome, earlier.sequence)
        assert workspace.created(contact_id, request_id="two").outcome == ASSIGNED
        assert workspace.created(contact_id, request_id="one").outcome == earlier.outcome


def test_without_a_request_id_a_repeat_is_already_assigned(workspace: Workspace):
    """A repeated call without request id is no replay: it gets ALREADY_ASSIGNED."""
    workspace.roster("ann")
    workspace.rules(rule("r"))
    workspace.created("c")
    again = workspace.created("c")
    assert (again.outcome, again.replayed) == (ALREADY_ASSIGNED, False)


# In batches.


def test_a_batch_decides_one_after_another(new_workspace: Callable[[], Workspace]):
    """A batch gives the answers, in the order asked, that single calls would give."""
    single, batched = new_workspace(), new_workspace()
    for one in (single, batched):
        one.roster("ann", "bob", "cy")
        one.rules(rule("r", to=agents("cy", "ann", "bob"), max_open_contacts=2))
    ids = ["a", "b", "a", "c", "d", "e", "f", "b", "g"]
    one_by_one = [(one.outcome, one.agent_id) for one in map(single.created, ids)]
    assert [(one.outcome, one.agent_id) for one in batched.created_in_batch(ids)] == one_by_one
    assert [agent for _, agent in one_by_one] == ["cy", "ann", "cy", "bob", "cy", "ann", "bob", "ann", ""]
