"""Warnings about replies: what would reach a customer as it stands, or otherwise than meant."""

from __future__ import annotations

import time

import pytest

from service.rules.checks.reply_warnings import reply_warnings


def warned(reply):
    """The warnings about a reply, as reason and message."""
    found = list(reply_warnings(reply, "here"))
    assert all(warning.field == "here" for warning in found)
    return [(warning.reason, warning.message) for warning in found]


@pytest.mark.parametrize(
    ("reply", "shown"),
    [
        ("Hi $agnt.name from $agent.nam", ["$agnt.name", "$agent.nam"]),
        ("$contact. and $contact", ["$contact"]),
        ("$Contact.name, $name, $_id", ["$Contact.name", "$name", "$_id"]),
        ("Hi {{contact.name}}, {{1}} {{{ x }}}", ["{{contact.name}}", "{{1}}", "{{{ x }}}"]),
        ("${name} ${agent.id} ${wait.position}", ["${name}", "${agent.id}", "${wait.position}"]),
        ("${ contact.name } $ {contact.name}", ["${ contact.name }", "$ {contact.name}"]),
        ("${contact.} ${}", ["${contact.}", "${}"]),
        ("${{contact.name}}", ["${{contact.name}}"]),
        ("$contact.नाम", ["$contact.नाम"]),
        ("cost$${contact.price}, $${price}", ["${price}"]),
        ("20 $US.name", ["$US.name"]),
        ("$(contact.name) $( name ) 20 $(contact.name)", ["$(contact.name)", "$( name )"]),
        ("$(contact.name, $ ( agent.name )", ["$(contact.name,", "$ ( agent.name )"]),
        ("Hi $ contact.name, $  agent.name! 20$ contact.price", ["$ contact.name", "$  agent.name", "$ contact.price"]),
    ],
)
def test_what_goes_out_as_it_stands(reply, shown):
    """Words, braces and double braces that are no placeholder are told by name, with what there is instead."""
    ((reason, message),) = warned(reply)
    assert reason == "UNKNOWN_PLACEHOLDER"
    assert message.startswith("Sent as it stands: " + ", ".join(f'"{word}"' for word in shown) + ". ")
    assert "${contact.<key>}" in message
    assert "${agent.name}" in message
    assert "close" not in message


@pytest.mark.parametrize(
    ("reply", "shown"),
    [
        ("Hi ${contact.name", "${contact.name"),
        ("Hi ${contact.name, it costs ${contact.price}.", "${contact.name, it costs"),
        ("${contact.name\n}", "${contact.name"),
        ("Hi {{name", "{{name"),
    ],
)
def test_a_brace_that_stays_open(reply, shown):
    """A brace that is not closed on its line takes no other placeholder with it, and is told."""
    ((reason, message),) = warned(reply)
    assert reason == "UNKNOWN_PLACEHOLDER"
    assert f'"{shown}"' in message
    assert "close the brace" in message


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "It costs $5, US$ 20, R$1.000, 5$, $1,000.50 or $ 7.",
        "20 $US, 20$CA",
        "20$(plus tax), 20 $(plus tax), $(5.00), US$(approx), $ (about 5 €), pay in $ (or €)",
        "$ contact us, $ agent. or in $ contact.",
        "A $ sign, and { one } brace }}",
        "Hi ${contact.First name}, ${contact.last.name} and ${contact.नाम}, ${agent.name}",
        "Hi $contact.name, $contact.name. Bye, $contact.name's $agent.name! $agent.name-ji",
        "$contact.from-$contact.to, $contact.name- $contact.name - $contact.name-",
        "${contact.name}-ji, ${contact.first-name}",
        "${contact.utm:source} ${contact.who?} ${contact.name:there} ${contact.|x}",
        "$${contact.price} or $$contact.price",
        "${contact.name}様",
    ],
)
def test_prices_and_placeholders(reply):
    """Prices are no placeholders, and placeholders are as they are meant."""
    assert warned(reply) == []


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        ("$contact.müller", ['"$contact.m"', '"üller"', '"${contact.müller}"', '"${contact.m}üller"']),
        ("$contact.last.name", ['".name"', '"${contact.last.name}"', '"${contact.last}.name"']),
        ("$contact.name様", ['"${contact.name}様"', '"${contact.name様}"']),
        ("$contact.first-name", ['"-name"', '"${contact.first}-name"', '"${contact.first-name}"']),
        ("$contact.name-जी", ['"-जी"', '"${contact.name}-जी"']),
        ("${contact.name|there}", ['"${contact.name|there}"', '"name"', '"${contact.name}"', "no defaults"]),
        ("${contact.name:-there}", ['"${contact.name:-there}"', '"name"', '"${contact.name}"', "no defaults"]),
        ("${contact.First name, there}", ['"First name"', '"${contact.First name}"', "no defaults"]),
        ("${contact. name ?? there}", ['"name"', '"${contact.name}"', "no defaults"]),
        ("$agent.names", ['"${agent.name}s"']),
        ("${contact. name}", ['"${contact. name}"', '"${contact.name}"']),
    ],
)
def test_what_is_filled_in_otherwise_than_meant(reply, words):
    """A placeholder that ends in a word, or has space or a default in its key, is told with what to write."""
    ((reason, message),) = warned(f"{reply} {reply}")
    assert reason == "DOUBTFUL_PLACEHOLDER"
    for word in words:
        assert message.count(word) == 1


def test_warnings_are_bounded():
    """4 KiB of what looks like a placeholder give two short warnings in a few milliseconds."""
    for text in (
        "$a",
        "${",
        "{{",
        "${contact.",
        "$contact.é",
        "${a ",
        "$ ",
        "1 $A",
        "$(a",
        "$ contact.",
        "${contact. ,|:}",
    ):
        reply = (text * 4096)[:4000]
        begun = time.process_time()
        found = warned(reply)
        assert time.process_time() - begun < 0.1, text
        assert len(found) <= 2
        assert sum(len(message) for _, message in found) < 1000
