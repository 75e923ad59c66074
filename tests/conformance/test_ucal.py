"""UCal / IS-Messenger's assignment strategies, sentence by sentence: each docstring is what the test proves.

Source: the help article "Assignment Strategy: How to Automate Contact Distribution & Load Balancing". Besides the
article itself, the titles of its index that speak of assignment are played too ("Use case: ...").
Sentences that only say where to click are left out.
"""

# ruff: noqa: D205  # a docstring is the article's own sentence, which may take two lines

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.support.builders import (
    ALREADY_ASSIGNED,
    ASSIGNED,
    BUSY,
    LEAST_OPEN_CONTACTS,
    NO_AGENT_AVAILABLE,
    NO_RULE_MATCHED,
    ON_OPENED,
    ON_UPDATE,
    ROUND_ROBIN,
    agent,
    agents,
    expression,
    rule,
    source,
    tag,
    team,
    trait,
)

if TYPE_CHECKING:
    from tests.support.client import Workspace

WELCOME = "Welcome to IS-Messenger, $contact.name! $agent.name will be with you in a moment."


@pytest.fixture
def desk(workspace: Workspace) -> Workspace:
    """A workspace with a team for support and one for sales."""
    workspace.roster(
        *(agent(one, name=one.title()) for one in ("ann", "bob", "cy", "di")),
        support=["ann", "bob", "cy"],
        sales=["di", "cy"],
    )
    return workspace


def low_cost(target: str = "support") -> object:
    """Assignment: Round Robin + Online Only."""
    return rule("low cost", on=ON_OPENED, to=team(target), strategy=ROUND_ROBIN, online_only=True, reply=WELCOME)


def high_quality(target: str = "support") -> object:
    """Assignment: Least Open Contacts, with "Only assign to online users" turned on."""
    return rule(
        "high quality", on=ON_OPENED, to=team(target), strategy=LEAST_OPEN_CONTACTS, online_only=True, reply=WELCOME
    )


def opened(desk: Workspace, *contact_ids: str) -> list[str]:
    """Who gets these conversations, one after another."""
    return [desk.opened(one).agent_id for one in contact_ids]


# The article.


def test_without_a_workflow_people_pick(desk: Workspace):
    """IS-Messenger's default Contact Assignment behavior is the pick-and-assign system."""
    assert desk.opened("c").outcome == NO_RULE_MATCHED
    assert desk.assign("c", "bob").owner_id == "bob"
    assert desk.opened("c").agent_id == "bob"


def test_a_workflow_with_automatic_assignment_logic(desk: Workspace):
    """These issues can be easily avoided by setting up a Workflow with automatic assignment logic based on your
    business needs.
    """
    desk.rules(low_cost())
    desk.online("ann")
    assert desk.opened("c").outcome == ASSIGNED


def test_it_saves_the_time_of_manual_assignment(desk: Workspace):
    """Save agents and managers time compared to manual assignment processes."""
    desk.rules(high_quality())
    desk.online("ann", "bob", "cy")
    assert all(opened(desk, *(f"c{number}" for number in range(30)))), "not one needed a person"


def test_customers_are_assigned_quickly(desk: Workspace):
    """Improve response time as customers will be assigned to an agent quickly."""
    desk.rules(low_cost())
    desk.online("ann")
    decision = desk.opened("c")
    record = desk.contact("c")
    assert (record.owner_id, record.open) == (decision.agent_id, True), "assigned by the time the call returns"


def test_contacts_are_distributed_fairly(desk: Workspace):
    """Distribute Contacts among agents fairly to ensure effective resource allocation."""
    for name, workflow in (("low cost", low_cost()), ("high quality", high_quality())):
        desk.rules(workflow)
        desk.online("ann", "bob", "cy")
        got = Counter(opened(desk, *(f"{name} {number}" for number in range(30))))
        assert got == {"ann": 10, "bob": 10, "cy": 10}


def test_the_low_cost_template(desk: Workspace):
    """For Low-Cost Assignment Strategy, click Assignment: Round Robin + Online Only."""
    desk.rules(low_cost())
    desk.online("ann", "cy")
    desk.presence(BUSY, "bob")
    assert opened(desk, *"abcd") == ["ann", "cy", "ann", "cy"]
    assert desk.contact("a").decision.strategy == ROUND_ROBIN


def test_the_high_quality_template(desk: Workspace):
    """For High Quality Assignment Strategy, click Assignment: Least Open Contacts."""
    desk.rules(high_quality())
    desk.online("ann", "bob", "cy")
    assert opened(desk, *"abcd") == ["ann", "bob", "cy", "ann"]
    desk.close("b")
    desk.close("c")
    assert opened(desk, *"efg") == ["bob", "cy", "bob"]
    assert desk.contact("g").decision.strategy == LEAST_OPEN_CONTACTS


@pytest.mark.parametrize("workflow", [low_cost(), high_quality()], ids=["low cost", "high quality"])
def test_triggered_when_a_conversation_is_opened(desk: Workspace, workflow: object):
    """Both Workflows are triggered when a conversation is open by Contact and an auto-reply is sent with a Welcome
    Message.
    """
    desk.rules(workflow)
    desk.online("ann", "bob", "cy")
    assert desk.created("c").outcome == NO_RULE_MATCHED
    assert desk.updated("c", tags=["x"]).outcome == NO_RULE_MATCHED
    decision = desk.opened("c", traits={"name": "Zoë"})
    assert decision.outcome == ASSIGNED
    assert decision.reply == "Welcome to IS-Messenger, Zoë! Ann will be with you in a moment."


def test_the_welcome_message_can_be_customized(desk: Workspace):
    """You can customize the Welcome Message as desired."""
    desk.rules(rule("r", on=ON_OPENED, reply="¡Hola $contact.name! 👋\n$agent.name"))
    assert desk.opened("c", traits={"name": "José"}).reply == "¡Hola José! 👋\nAnn"
    desk.rules(rule("r", on=ON_OPENED))
    assert desk.opened("d").reply == ""


def test_the_right_team_first(desk: Workspace):
    """If you have multiple teams, use routing to route contacts to the right team first before applying an
    auto-assignment strategy.
    """
    desk.rules(
        rule("to sales", on=ON_OPENED, when=trait("topic", "EQUALS", "buy"), to=team("sales")),
        rule("to support", on=ON_OPENED, to=team("support"), strategy=LEAST_OPEN_CONTACTS),
    )
    buyers = [desk.opened(one, traits={"topic": "Buy"}) for one in "abcd"]
    assert [(one.team_id, one.agent_id) for one in buyers] == [("sales", "di"), ("sales", "cy")] * 2
    others = [desk.opened(one) for one in "efgh"]
    assert [(one.team_id, one.agent_id) for one in others] == [
        ("support", "ann"),
        ("support", "bob"),
        ("support", "ann"),
        ("support", "bob"),
    ], "cy has two open contacts from the other team"


def test_select_a_team(desk: Workspace):
    """Select a team in the Select Team dropdown list."""
    desk.rules(low_cost("sales"))
    desk.online("ann", "bob", "cy", "di")
    assert set(opened(desk, *"abcdef")) == {"di", "cy"}


def test_round_robin_distributes_equally(desk: Workspace):
    """Assignment Logic should remain as "Assign to users round robin" to distribute Contacts equally among agents."""
    desk.rules(low_cost())
    desk.online("ann", "bob", "cy")
    got = []
    for number in range(30):
        got += opened(desk, f"c{number}")
        if number % 2:
            desk.close(f"c{number}")
    assert got == ["ann", "bob", "cy"] * 10, "whatever closes meanwhile"


@pytest.mark.parametrize("workflow", [low_cost(), high_quality()], ids=["low cost", "high quality"])
def test_only_online_users(desk: Workspace, workflow: object):
    """In Advanced Settings, the "Only assign to online users" toggle should remain turned on."""
    desk.rules(workflow)
    desk.online("bob")
    assert opened(desk, *"abc") == ["bob"] * 3
    desk.offline("bob")
    assert desk.opened("d").outcome == NO_AGENT_AVAILABLE


def test_without_the_toggle_everybody_is_taken(desk: Workspace):
    """The toggle's opposite: turned off, users who are not online are assigned contacts too."""
    desk.rules(rule("r", on=ON_OPENED, to=team("support")))
    desk.online("bob")
    assert opened(desk, *"abc") == ["ann", "bob", "cy"]


def test_a_workflow_is_active_once_published(desk: Workspace):
    """Finally, click Save and Publish to activate the Workflow."""
    draft = low_cost()
    desk.online("ann", "bob", "cy")
    desk.rules(draft, validate_only=True)
    assert desk.opened("a").outcome == NO_RULE_MATCHED
    desk.rules(rule("low cost", on=ON_OPENED, to=team("support"), disabled=True))
    assert desk.opened("b").outcome == NO_RULE_MATCHED
    desk.rules(draft)
    assert desk.opened("c").outcome == ASSIGNED


def test_least_open_contacts_allows_high_quality(desk: Workspace):
    """Assignment Logic should remain as "Assign to the user with least open contacts" to allow agents to provide
    high-quality support.
    """
    desk.rules(high_quality())
    desk.online("ann", "bob", "cy")
    opened(desk, *(f"c{number}" for number in range(9)))
    for number in (0, 3, 6):
        desk.close(f"c{number}")
    assert desk.open_counts() == {"ann": 0, "bob": 3, "cy": 3, "di": 0}
    assert opened(desk, "x", "y", "z") == ["ann"] * 3, "whoever has finished takes the next ones"


# Titles of the index.


def test_unassign_agents_after_conversations_closed(desk: Workspace):
    """Use case: Assignment Strategy: Unassign Agents after Conversations Closed."""
    desk.rules(low_cost(), unassign_on_close=True)
    desk.online("ann", "bob", "cy")
    assert desk.opened("c").agent_id == "ann"
    desk.close("c")
    assert desk.owner("c") == ""
    assert desk.opened("c").agent_id == "bob"


def test_assignment_and_closing_a_conversation(desk: Workspace):
    """Use case: Assignment and closing a conversation: otherwise the agent is kept, and takes it up again."""
    desk.rules(low_cost())
    desk.online("ann", "bob", "cy")
    assert desk.opened("c").agent_id == "ann"
    desk.close("c")
    again = desk.opened("c")
    assert (again.outcome, again.agent_id) == (ALREADY_ASSIGNED, "ann")


def test_a_team_or_a_dedicated_agent(desk: Workspace):
    """Use case: How to Auto-Assign Customers to a Team or Dedicated Agent."""
    desk.rules(
        rule("dedicated", on=ON_OPENED, when=trait("account", "EQUALS", "ACME"), to=agents("bob")),
        rule("team", on=ON_OPENED, to=team("sales")),
    )
    assert [desk.opened(one, traits={"account": "acme"}).agent_id for one in "ab"] == ["bob", "bob"]
    assert opened(desk, *"cd") == ["di", "cy"]


def test_route_vip_contacts(desk: Workspace):
    """Use case: Route VIP Contacts."""
    desk.rules(rule("vip", on=ON_OPENED, when=tag(any_of=["VIP"]), to=agents("di")), low_cost())
    desk.online("ann")
    assert desk.opened("v", tags=["vip"]).agent_id == "di"
    assert desk.opened("c").agent_id == "ann"


def test_route_new_and_returning_contacts(desk: Workspace):
    """Use case: Route New & Returning Contacts."""
    desk.rules(
        rule("returning", on=ON_OPENED, when=trait("orders", "GREATER", 0), to=team("support")),
        rule("new", on=ON_OPENED, to=team("sales")),
    )
    assert desk.opened("r", traits={"orders": 3}).team_id == "support"
    assert desk.opened("n", traits={"orders": 0}).team_id == "sales"
    assert desk.opened("unknown").team_id == "sales"


def test_route_contacts_by_shifts(desk: Workspace):
    """Use case: Route Contacts by Shifts: who is online when the conversation opens takes it."""
    desk.rules(low_cost())
    desk.online("ann", "bob")
    assert opened(desk, *"abcd") == ["ann", "bob", "ann", "bob"]
    desk.offline("ann", "bob")
    desk.online("cy")
    assert opened(desk, *"ef") == ["cy", "cy"]


def test_route_contacts_by_preferred_language(desk: Workspace):
    """Use case: How to Route Contacts by their Preferred Language."""
    spanish = trait("language", "IN", "es", "spanish", "español")
    desk.rules(rule("es", on=ON_OPENED, when=spanish, to=agents("cy")), rule("other", on=ON_OPENED, to=agents("ann")))
    assert desk.opened("s", traits={"language": "Español"}).agent_id == "cy"
    assert desk.opened("e", traits={"language": "en"}).agent_id == "ann"


def test_qualify_contacts_based_on_budget(desk: Workspace):
    """Use case: How to Automatically Qualify Contacts Based on Budget Using AI Agent."""
    desk.rules(rule("qualified", on=ON_UPDATE, when=trait("budget", "GREATER_OR_EQUAL", 1000), to=team("sales")))
    assert desk.updated("c", traits={"budget": "999.5"}).outcome == NO_RULE_MATCHED
    assert desk.updated("c", traits={"budget": "1e3"}).team_id == "sales"


def test_route_contacts_from_ads(desk: Workspace):
    """Use case: How to Route Contacts from CTC Ads to Agents."""
    ads = expression("contact.source == 'ctc_ad' && contact.tags.exists(t, t.startsWith('campaign-'))")
    desk.rules(rule("ads", on=ON_OPENED, when=ads, to=agents("di")), rule("other", on=ON_OPENED, to=agents("ann")))
    assert desk.opened("a", source="ctc_ad", tags=["campaign-7"]).agent_id == "di"
    assert desk.opened("b", source="ctc_ad").agent_id == "ann"


def test_route_contacts_by_team_functions(desk: Workspace):
    """Use case: Route Contacts by Team Functions."""
    desk.rules(
        rule("sales", on=ON_OPENED, when=source("pricing page"), to=team("sales")),
        rule("support", on=ON_OPENED, when=source("help center"), to=team("support")),
    )
    assert desk.opened("a", source="Pricing Page").team_id == "sales"
    assert desk.opened("b", source="Help Center").team_id == "support"


def test_transfer_a_conversation_between_agents(desk: Workspace):
    """Use case: How to Promptly Transfer Conversation Between Agents."""
    desk.rules(high_quality())
    desk.online("ann", "bob", "cy")
    opened(desk, "a")
    moved = desk.assign("a", "bob")
    assert (moved.previous_owner_id, moved.owner_id, moved.open) == ("ann", "bob", True)
    assert desk.open_counts() == {"ann": 0, "bob": 1, "cy": 0, "di": 0}
    assert opened(desk, "b", "c") == ["cy", "ann"], "of the two with none, cy has never had one"
