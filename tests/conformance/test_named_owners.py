"""deploy/adr/0006, "Open contacts": an event that merely names an owner opens and counts nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from evenhand.v1 import assignment_service_pb2 as api

from tests.support.builders import (
    ALREADY_ASSIGNED,
    ASSIGNED,
    CREATED,
    LEAST_OPEN_CONTACTS,
    NO_RULE_MATCHED,
    ON_CREATED,
    ON_OPENED,
    UPDATED,
    WHATSAPP,
    agent,
    contact,
    rule,
)

if TYPE_CHECKING:
    from tests.support.client import Workspace

pytestmark = pytest.mark.every_redis


def imported(workspace: Workspace, count: int, *, event: int = CREATED, **fields: str) -> None:
    """So many contacts of ann's come in at once."""
    workspace.batch(
        api.EvaluateContactRequest(event_type=event, contact=contact(f"old-{number}", owner="ann", **fields))
        for number in range(count)
    )


def test_an_upload_of_owned_contacts_opens_none(workspace: Workspace):
    """Sixty uploads that name an agent with a limit of 50 leave it at 0, and the next live chat goes to it."""
    workspace.roster(agent("ann", max_open_contacts=50))
    workspace.rules(rule("r", on=ON_OPENED))
    imported(workspace, 60, source="upload")
    assert workspace.open_counts() == {"ann": 0}
    record = workspace.contact("old-0")
    assert (record.owner_id, record.open, record.HasField("decision")) == ("ann", False, False)
    live = workspace.opened("live")
    assert (live.outcome, live.agent_id) == (ASSIGNED, "ann")


def test_a_sync_of_traits_opens_none(workspace: Workspace):
    """After a trait sync of 120 owned contacts the next live chat has its agent, and counts alone."""
    workspace.roster(agent("ann", max_open_contacts=50), "bob")
    workspace.rules(rule("r", strategy=LEAST_OPEN_CONTACTS))
    imported(workspace, 120, event=UPDATED, source="whatsapp_dm")
    assert workspace.open_counts() == {"ann": 0, "bob": 0}
    assert workspace.takes("live", "next") == ["ann", "bob"], "fewest open contacts go by those that are open"


def test_an_owned_contact_opens_when_its_conversation_does(workspace: Workspace):
    """CONVERSATION_OPENED of a contact that was imported with its owner opens and counts it, also beyond a limit."""
    workspace.roster(agent("ann", max_open_contacts=1))
    workspace.rules(rule("r"))
    imported(workspace, 2, source="upload")
    for opened in (1, 2):
        told = workspace.opened(f"old-{opened - 1}")
        assert (told.outcome, told.agent_id) == (ALREADY_ASSIGNED, "ann")
        assert workspace.contact(f"old-{opened - 1}").open
        assert workspace.open_counts() == {"ann": opened}
    assert workspace.opened("new", owner="ann").agent_id == "ann"
    assert workspace.open_counts() == {"ann": 3}, "one that is opened when it is first heard of counts as well"


@pytest.mark.parametrize("source", [WHATSAPP, " WhatsApp_DM "])
def test_a_first_whatsapp_message_opens(workspace: Workspace, source: str):
    """CONTACT_CREATED from WhatsApp opens a contact that was never open since it has an owner, named or on record."""
    workspace.roster("ann", "bob")
    workspace.rules(rule("r", on=ON_OPENED))
    workspace.created("first", source=source, owner="ann")
    assert workspace.contact("first").open
    assert workspace.updated("left").outcome == NO_RULE_MATCHED
    workspace.created("left", source=source, owner="ann")
    assert workspace.contact("left").open
    workspace.created("moved", source="upload", owner="ann")
    workspace.created("moved", source=source, owner="bob")
    record = workspace.contact("moved")
    assert (record.owner_id, record.open) == ("bob", True)
    workspace.updated("on record", owner="bob")
    workspace.created("on record", source=source)
    assert workspace.contact("on record").open
    assert workspace.open_counts() == {"ann": 2, "bob": 2}


@pytest.mark.parametrize("owner", ["", "ann"])
def test_a_first_message_told_again_opens_nothing(workspace: Workspace, owner: str):
    """CONTACT_CREATED that comes again after the conversation was closed leaves the contact closed."""
    workspace.roster("ann")
    workspace.rules(rule("r"))
    for name in ("decided", "named"):
        workspace.created(name, owner="ann" if name == "named" else "")
        workspace.close(name)
        assert workspace.created(name, owner=owner).outcome == ALREADY_ASSIGNED
        assert not workspace.contact(name).open
    assert workspace.open_counts() == {"ann": 0}


def test_first_messages_after_an_import_count(workspace: Workspace):
    """Twenty imported customers who write are open with their agent, who then takes no new one beyond a limit."""
    workspace.roster(agent("ann", max_open_contacts=2), "bob")
    workspace.rules(rule("r"))
    imported(workspace, 20, source="upload")
    for number in range(20):
        workspace.created(f"old-{number}", source=WHATSAPP)
    assert workspace.open_counts() == {"ann": 20, "bob": 0}
    assert workspace.takes("new-1", "new-2") == ["bob", "bob"]


def test_a_named_owner_leaves_open_what_is_open(workspace: Workspace):
    """An open contact whose event names another owner stays open, and its place moves, also beyond a limit."""
    workspace.roster("ann", agent("bob", max_open_contacts=1))
    workspace.rules(rule("r"))
    assert workspace.takes("a", "b") == ["ann", "bob"]
    for event in (UPDATED, CREATED):
        workspace.evaluate(event, contact("a", owner="bob", source="upload"))
        assert workspace.contact("a").open
        assert workspace.open_counts() == {"ann": 0, "bob": 2}


def test_an_owner_named_later_is_owned_and_closed(workspace: Workspace):
    """A contact without an owner on record is closed as soon as an update names one; closing it changes nothing."""
    workspace.roster("ann")
    workspace.rules(rule("r", on=ON_CREATED))
    assert workspace.updated("c").outcome == NO_RULE_MATCHED
    workspace.updated("c", owner="ann")
    record = workspace.contact("c")
    assert (record.owner_id, record.open) == ("ann", False)
    assert workspace.created("c", source="api").outcome == ALREADY_ASSIGNED
    assert not workspace.close("c").closed
    assert workspace.unassign("c").previous_owner_id == "ann"
    assert workspace.open_counts() == {"ann": 0}
    assert workspace.created("c").outcome == ASSIGNED
