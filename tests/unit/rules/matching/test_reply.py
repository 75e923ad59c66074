"""Replies: what is filled in, and what stays as it is."""

from __future__ import annotations

import time

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
            "sly": "a\x1fb $agent.name ${agent.name}",
            "First name": "Asha",
            "last.name": "Rao",
            "n": "not it",
            "नाम": "आशा",
            "a{b": "brace",
            "1": 12.0,
            " edge ": "space",
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
        ("$contact.sly", "ab $agent.name ${agent.name}"),
        ("${contact.name}${agent.name}${contact.budget}", "Asha\x1f5000"),
        ("${contact.First name} ${contact.last.name}, ${contact.नाम}", "Asha Rao, आशा"),
        ("${contact.a{b} ${contact.1} ${contact. edge }|", "brace 12 space|"),
        ("[${contact.first name}][${contact.edge}][${contact.Name}]", "[][][]"),
        ("$${contact.budget} $$${contact.budget} ${contact.name}}", "$5000 $$5000 Asha}"),
        ("${contact.name, at ${contact.budget}", "${contact.name, at 5000"),
        (
            "${contact.na\nme} ${contact.} ${contact} ${agent.id}",
            "${contact.na\nme} ${contact.} ${contact} ${agent.id}",
        ),
        ("{{contact.name}} ${ contact.name} $ {contact.name}", "{{contact.name}} ${ contact.name} $ {contact.name}"),
        ("$contact.नाम $contact.last.name", "$contact.नाम .name"),
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
    assert placeholders_in("${contact.a b} ${agent.name} $contact.a ${agent.id} ${contact.} {{a}} ${contact.a") == 3


def test_a_reply_is_read_in_linear_time():
    """A reply of 4 KiB is taken apart in a few milliseconds, whatever it is made of."""
    for text in ("${contact." * 409, "${contact.a" * 372, "$" * 4096, "${contact." + "a" * 4086, "{" * 4096):
        begun = time.process_time()
        for _ in range(10):
            Reply(text)
        assert time.process_time() - begun < 0.1, text[:12]
