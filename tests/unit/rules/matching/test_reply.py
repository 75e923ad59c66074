"""Replies: what is filled in, and what stays as it is."""

from __future__ import annotations

import pytest
from evenhand.v1 import contact_pb2
from google.protobuf.json_format import ParseDict

from service.rules.matching.reply import AGENT_NAME_MARK, Reply, placeholders_in

CONTACT = ParseDict(
    {
        "id": "c1",
        "traits": {
            "name": "Asha",
            "name_full": "Asha Rao",
            "budget": 5000,
            "rate": 2.5,
            "vip": True,
            "nothing": None,
            "cities": ["Pune", 7, None, ["x"]],
            "address": {"zip": 1},
            "sly": "a\x1fb $agent.name",
        },
    },
    contact_pb2.Contact(),
)


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        ("", ""),
        ("Welcome!", "Welcome!"),
        ("Hi $contact.name, I am $agent.name.", "Hi Asha, I am \x1f."),
        ("$agent.name$agent.name$contact.name", "\x1f\x1fAsha"),
        ("$contact.name_full$contact.name", "Asha RaoAsha"),
        ("$contact.name-full", "Asha-full"),
        ("$contact.budget at $contact.rate, $contact.vip", "5000 at 2.5, true"),
        ("[$contact.nope][$contact.nothing][$contact.address]", "[][][]"),
        ("$contact.cities", "Pune, 7"),
        (
            "$contact. $contact $agent.id $ $$contact.name $Contact.name $5",
            "$contact. $contact $agent.id $ $Asha $Contact.name $5",
        ),
        ("$contact.sly", "ab $agent.name"),
        ("a\x1fb", "ab"),
        ("\\1 {name} %s", "\\1 {name} %s"),
    ],
)
def test_render(text, rendered):
    """Traits are filled in as people write them, agents' names are marked, and all else stays."""
    assert Reply(text).render(CONTACT) == rendered


def test_render_leaves_the_contact_alone():
    """Filling in a missing trait does not add it to the contact."""
    contact = contact_pb2.Contact()
    Reply("$contact.name").render(contact)
    assert not contact.traits


def test_mark_is_only_the_agents():
    """Marks come from $agent.name alone, never from texts or traits."""
    assert Reply("\x1f$agent.name$contact.sly").render(CONTACT).count(AGENT_NAME_MARK) == 1


def test_placeholders_are_counted():
    """Only what would be filled in counts as a placeholder."""
    assert placeholders_in("$contact.a $contact.a $agent.name $agent.id $5 $contact.") == 3
