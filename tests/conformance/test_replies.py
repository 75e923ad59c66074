"""Replies as callers get them: placeholders are filled in, and what is none is told when it is configured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.builders import ON_UPDATE, agent, rule

if TYPE_CHECKING:
    from tests.support.client import Workspace


def test_a_reply_is_filled_in(workspace: Workspace):
    """A reply names the agent and the contact's traits; a missing one leaves nothing; nothing is filled in twice."""
    workspace.roster(agent("ann", name="Ann O'Neil"))
    reply = "Hi $contact.name ($contact.age, $contact.gone)! I am $agent.name. You said: $contact.said"
    workspace.rules(rule("r", reply=reply))
    decision = workspace.created("c", traits={"name": "Zoë", "age": 30, "said": "$agent.name %s \\1 %1"})
    assert decision.reply == "Hi Zoë (30, )! I am Ann O'Neil. You said: $agent.name %s \\1 %1"
    assert workspace.contact("c").decision.reply == decision.reply
    assert workspace.created("c").reply == "", "only an assignment has a reply"


def test_a_reply_names_traits_of_any_key(workspace: Workspace):
    """Braces take a key with spaces, dots and letters of any script; numbers stand as people write them."""
    workspace.roster(agent("ann", name="Ann"))
    reply = (
        "${contact.First name}, ${contact.order.total}, ${contact.नाम}: $${contact.price}. ${agent.name}${contact.no}"
    )
    response = workspace.rules(rule("r", reply=reply))
    assert not response.warnings
    traits = {"First name": "Zoë", "order.total": 1200.0, "नाम": "ज़ोई", "price": 5000, "First": "no"}
    assert workspace.created("c", traits=traits).reply == "Zoë, 1200, ज़ोई: $5000. Ann"


def test_what_is_no_placeholder_is_told(workspace: Workspace):
    """A rule with what looks like a placeholder is taken, its reply goes out as it stands, and a warning says so."""
    workspace.roster(agent("ann", name="Ann"))
    response = workspace.rules(
        rule("r"), rule("s", on=ON_UPDATE, reply="{{contact.name}} ${contact.v $name $5, US$ 20")
    )
    (warning,) = [one for one in response.warnings if one.field == "rule_set.rules[1].reply"]
    assert warning.reason == "UNKNOWN_PLACEHOLDER"
    for word in ("{{contact.name}}", "${contact.v", "$name", "${contact.<key>}"):
        assert word in warning.message
    assert workspace.updated("c", "name", traits={"name": "Zoë", "v": 1}).reply == (
        "{{contact.name}} ${contact.v $name $5, US$ 20"
    )


def test_an_agent_s_name_is_taken_as_it_is(workspace: Workspace):
    """An agent's name with signs that mean something elsewhere goes into the reply as it is."""
    workspace.roster(agent("ann", name="100%1 \\0 $contact.name"))
    workspace.rules(rule("r", reply="$agent.name, $agent.name"))
    reply = workspace.created("c", traits={"name": "Zoë"}).reply
    assert reply == "100%1 \\0 $contact.name, 100%1 \\0 $contact.name"
