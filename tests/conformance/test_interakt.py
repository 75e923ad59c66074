"""Interakt's auto-assignment rules, sentence by sentence: each docstring is the sentence that the test proves.

Source: Interakt's help article about auto-assignment. Sentences that only say where to click are left out.
"""

# ruff: noqa: D205  # a docstring is the article's own sentence, which may take two lines

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.support.builders import (
    ALREADY_ASSIGNED,
    ASSIGNED,
    CREATED,
    NO_RULE_MATCHED,
    ON_CREATED,
    ON_UPDATE,
    UPDATED,
    agents,
    all_of,
    any_of,
    contact,
    fallback,
    rule,
    source,
    tag,
    team,
    trait,
)

if TYPE_CHECKING:
    from tests.support.client import Workspace

TEAM = ["A", "B", "C"]


@pytest.fixture
def shop(workspace: Workspace) -> Workspace:
    """A workspace with three sales agents in one team."""
    workspace.roster(*TEAM, sales=TEAM)
    return workspace


# What is Auto-Assignment?


def test_whoever_has_no_owner_is_assigned_by_predefined_rules(shop: Workspace):
    """Auto-assignment ensures that whenever a contact (new or existing) does not have an assigned account owner,
    Interakt can automatically assign it to an agent based on predefined rules.
    """
    shop.rules(rule("new"), rule("existing", on=ON_UPDATE))
    assert shop.created("new").outcome == ASSIGNED
    shop.created("existing", source="api")
    assert shop.owner("existing") == ""
    assert shop.updated("existing", tags=["lead"]).outcome == ASSIGNED


def test_a_fallback_distributes_evenly_if_no_rules_apply(shop: Workspace):
    """A fallback system can distribute such contacts evenly among your sales team if no rules apply."""
    shop.rules(rule("vip", when=tag(any_of=["VIP"])), fallback=fallback(to=team("sales")))
    for number in range(30):
        assert shop.created(f"c{number}").fallback
    assert shop.open_counts() == {"A": 10, "B": 10, "C": 10}


def test_only_unassigned_contacts(shop: Workspace):
    """Auto-assignment only applies to unassigned contacts. If a contact already has an account owner, Interakt will
    not trigger auto-assignment for that contact.
    """
    shop.rules(rule("new"), rule("updated", on=ON_UPDATE, to=agents("C")), fallback=fallback())
    shop.assign("owned", "B")
    for decision in (shop.created("owned"), shop.updated("owned", tags=["x"]), shop.opened("owned")):
        assert (decision.outcome, decision.agent_id) == (ALREADY_ASSIGNED, "B")
    known_to_the_caller = shop.created("from the CRM", owner="A")
    assert (known_to_the_caller.outcome, known_to_the_caller.agent_id) == (ALREADY_ASSIGNED, "A")


def test_it_distributes_contacts_automatically(shop: Workspace):
    """Auto-assignment saves time by distributing contacts automatically."""
    shop.rules(rule("all"))
    assert all(decision.outcome == ASSIGNED for decision in shop.created_in_batch(f"c{n}" for n in range(50)))


def test_rules_by_source_tags_or_traits(shop: Workspace):
    """You can create custom rules to assign contacts based on their source, tags, or traits."""
    shop.rules(
        rule("source", on=ON_CREATED, when=source("api"), to=agents("A")),
        rule("tags", on=ON_CREATED, when=tag(any_of=["gold"]), to=agents("B")),
        rule("traits", on=ON_CREATED, when=trait("city", "EQUALS", "Pune"), to=agents("C")),
    )
    assert shop.created("a", source="api").agent_id == "A"
    assert shop.created("b", tags=["Gold"]).agent_id == "B"
    assert shop.created("c", traits={"city": "Pune"}).agent_id == "C"
    assert shop.created("d").outcome == NO_RULE_MATCHED


def test_no_lead_is_left_unassigned(shop: Workspace):
    """A fallback option ensures no lead is left unassigned if no rule applies."""
    shop.rules(rule("vip", when=tag(any_of=["VIP"]), to=agents("A")), fallback=fallback())
    leads = [shop.created(f"c{number}", tags=["VIP"] if number % 3 else []) for number in range(30)]
    assert all(decision.agent_id for decision in leads)


def test_workflows_delay_assignment(shop: Workspace):
    """Workflows delay assignment until a customer's intent is clear."""
    shop.rules(rule("intent", on=ON_UPDATE, when=trait("intent", "EXISTS")))
    assert shop.created("c").outcome == NO_RULE_MATCHED
    assert shop.updated("c", traits={"name": "Zoë"}).outcome == NO_RULE_MATCHED
    assert shop.updated("c", traits={"name": "Zoë", "intent": "buy"}).outcome == ASSIGNED


# Understanding the Assignment Rules Page.


def test_the_listing_displays_existing_rules(shop: Workspace):
    """Custom Assignment Rule Listing: Displays existing rules."""
    first, second = rule("one", name="First"), rule("two", on=ON_UPDATE, disabled=True)
    shop.rules(first, second, fallback=fallback(to=team("sales")))
    listing = shop.get_rules()
    assert list(listing.rule_set.rules) == [first, second]
    assert listing.rule_set.fallback == fallback(to=team("sales"))


def test_new_rules_can_be_added(shop: Workspace):
    """Add Rule Button: Allows you to create new assignment rules."""
    shop.rules(rule("one", when=tag(any_of=["one"])))
    listing = shop.get_rules()
    shop.rules(*listing.rule_set.rules, rule("two", when=tag(any_of=["two"])), etag=listing.etag)
    assert shop.created("a", tags=["one"]).rule_id == "one"
    assert shop.created("b", tags=["two"]).rule_id == "two"


def test_the_toggle_controls_assignment_when_no_rules_apply(shop: Workspace):
    """Fallback Rule or Load Balancer Toggle: Controls automatic assignment when no specific rules apply."""
    vip = rule("vip", when=tag(any_of=["VIP"]))
    for number, enabled in enumerate((True, False, True)):
        shop.rules(vip, fallback=fallback(enabled=enabled))
        assert (shop.created(f"c{number}").outcome == ASSIGNED) == enabled


# Creating a New Auto-Assignment Rule.


def test_if_a_new_contact_is_created_via_whatsapp(shop: Workspace):
    """IF Action: When a new contact is created via WhatsApp DM."""
    shop.rules(rule("r"))
    assert shop.created("c", source="whatsapp_dm").outcome == ASSIGNED


def test_if_a_trait_or_tag_is_updated(shop: Workspace):
    """IF Action: When a trait or tag is updated for an unassigned contact."""
    shop.rules(rule("r", on=ON_UPDATE))
    assert shop.updated("by trait", traits={"budget": 1}).outcome == ASSIGNED
    assert shop.updated("by tag", tags=["new"]).outcome == ASSIGNED
    assert shop.updated("by tag", tags=["new"]).outcome == ALREADY_ASSIGNED


def test_conditions_are_optional(shop: Workspace):
    """(Optional) Add specific conditions."""
    shop.rules(rule("r"))
    assert shop.created("anybody").outcome == ASSIGNED


def test_assign_contacts_with_a_certain_tag(shop: Workspace):
    """Assign contacts with a certain tag (e.g., "VIP Customer")."""
    shop.rules(rule("vip", when=tag(any_of=["VIP Customer"]), to=agents("A", "B")))
    assert shop.created("c", tags=["other", "VIP Customer"]).agent_id == "A"
    assert shop.created("d", tags=["VIP"]).outcome == NO_RULE_MATCHED


def test_assign_contacts_based_on_lead_source(shop: Workspace):
    """Assign contacts based on lead source (e.g., API, manual entry)."""
    shop.rules(
        rule("api", on=ON_CREATED, when=source("api"), to=agents("A")),
        rule("manual", on=ON_CREATED, when=source("manual"), to=agents("B")),
    )
    assert shop.created("a", source="api").agent_id == "A"
    assert shop.created("m", source="manual").agent_id == "B"
    assert shop.created("u", source="upload").outcome == NO_RULE_MATCHED


def test_assign_to_specific_agents(shop: Workspace):
    """Define who should get the contact: Assign to specific agents."""
    shop.rules(rule("r", to=agents("C", "A")))
    assert [shop.created(f"c{number}").agent_id for number in range(4)] == ["C", "A", "C", "A"]


def test_assign_to_a_specific_team(shop: Workspace):
    """Assign to a specific team using load balancing (even distribution)."""
    shop.roster(*TEAM, "D", sales=TEAM, support=["D"])
    shop.rules(rule("r", to=team("sales")))
    got = Counter(decision.agent_id for decision in shop.created_in_batch(f"c{n}" for n in range(60)))
    assert got == {"A": 20, "B": 20, "C": 20}


# 1. New Contact Created via WA DM.


@pytest.mark.parametrize("origin", ["upload", "manual", "api"])
def test_not_from_uploads_manual_entries_or_api_calls(shop: Workspace, origin: str):
    """This rule is specifically designed for contacts created directly from new incoming WhatsApp messages, not from
    uploads, manual entries, or API calls.
    """
    shop.rules(rule("r"), fallback=fallback())
    assert shop.created("c", source=origin).outcome == NO_RULE_MATCHED
    assert shop.owner("c") == ""


def test_a_first_whatsapp_message(shop: Workspace):
    """So this rule will apply if your contact is created because someone sent you a WhatsApp DM for the first time.
    But if you add contacts manually, through the API, or upload them in bulk, this rule won't work for those cases.
    """
    shop.rules(rule("r"))
    assert shop.created("dm").rule_id == "r"
    in_bulk = shop.created_in_batch([f"u{number}" for number in range(100)], source="upload")
    assert {decision.outcome for decision in in_bulk} == {NO_RULE_MATCHED}


# 2. Trait/Tag Updated for Unassigned Contact.


def test_once_a_contact_shares_key_information(shop: Workspace):
    """It ensures that once a contact shares key information (like budget, interest level, etc.), they are assigned to
    the right agent or team automatically.
    """
    shop.rules(
        rule("rich", on=ON_UPDATE, when=trait("budget", "GREATER_OR_EQUAL", 10000), to=agents("A")),
        rule("keen", on=ON_UPDATE, when=trait("interest level", "EQUALS", "high"), to=team("sales")),
    )
    assert shop.updated("a", traits={"budget": "25000"}).agent_id == "A"
    assert shop.updated("b", traits={"budget": "500"}).outcome == NO_RULE_MATCHED
    assert shop.updated("b", traits={"budget": "500", "interest level": "High"}).team_id == "sales"


def test_contacts_added_through_other_methods(shop: Workspace):
    """This condition is also useful when you're adding contacts to your sales cycle through other methods, like via
    API or when you're working with existing contacts already in the system.
    """
    shop.rules(rule("r", on=ON_UPDATE))
    for origin in ("api", "upload", "manual", "whatsapp_dm"):
        shop.created(origin, source=origin)
        assert shop.updated(origin, source=origin, traits={"status": "hot"}).outcome == ASSIGNED


def test_rules_kick_in_as_long_as_a_trait_is_updated(shop: Workspace):
    """Auto-assignment rules will kick in as long as a trait (like a tag or status) is updated for an unassigned
    contact.
    """
    hot = any_of(trait("status", "CHANGED"), tag(any_of=["hot"]))
    shop.rules(rule("r", on=ON_UPDATE, when=hot))
    assert shop.updated("a", traits={"status": "hot"}).outcome == ASSIGNED
    assert shop.updated("b", tags=["hot"]).outcome == ASSIGNED
    assert shop.updated("c", "name", traits={"status": "hot", "name": "Zoë"}).outcome == NO_RULE_MATCHED


def test_it_works_for_new_and_existing_contacts(shop: Workspace):
    """It works for both new and existing contacts, as long as they're unassigned and a trait gets updated, assignment
    can happen automatically.
    """
    shop.rules(rule("r", on=ON_UPDATE))
    shop.created("existing")
    shop.unassign("existing")
    assert shop.updated("existing", traits={"city": "Pune"}).outcome == ASSIGNED
    assert shop.updated("never seen", traits={"city": "Pune"}).outcome == ASSIGNED


# How Contact Assignment is Distributed when you select 'Specific Team'.


def test_assignments_are_fairly_distributed(shop: Workspace):
    """The system ensures that assignments are fairly distributed among them."""
    shop.rules(rule("r", to=team("sales")))
    got = [shop.created(f"c{number}").agent_id for number in range(31)]
    for end in range(len(got) + 1):
        counts = [got[:end].count(one) for one in TEAM]
        assert max(counts) - min(counts) <= 1


def test_thirty_contacts_are_ten_each(shop: Workspace):
    """If 30 new contacts come in, Interakt will divide them evenly: Agent A gets 10 contacts, Agent B gets 10
    contacts, Agent C gets 10 contacts.
    """
    shop.rules(rule("r", to=team("sales")))
    got = Counter(shop.created(f"c{number}").agent_id for number in range(30))
    assert got == {"A": 10, "B": 10, "C": 10}


def test_no_single_agent_is_overwhelmed(shop: Workspace):
    """This means that instead of one agent receiving most contacts while others remain idle, the system automatically
    balances the workload by distributing contacts equally among all selected agents.
    """
    shop.rules(
        rule("a", when=tag(any_of=["a"]), to=team("sales")),
        rule("b", when=tag(any_of=["b"]), to=team("sales")),
        fallback=fallback(to=team("sales")),
    )
    for number in range(30):
        shop.created(f"c{number}", tags=[["a"], ["b"], []][number % 3])
    assert set(shop.open_counts().values()) == {10}


# Please Note.


def test_assigned_as_soon_as_they_message(shop: Workspace):
    """If you choose the "New Contact Created via WA DM" condition, the system will instantly assign the contact to an
    agent as soon as they message you. The contact gets assigned right away without waiting for any workflow to run.
    """
    shop.rules(rule("now"))
    decision = shop.created("c")
    assert (decision.outcome, decision.agent_id) == (ASSIGNED, "A")
    assert shop.owner("c") == "A"


def test_the_workflow_does_not_influence_it(shop: Workspace):
    """If you have a lead qualification workflow (e.g., a bot that asks questions before assigning leads), that
    workflow will not influence the auto-assignment.
    """
    shop.rules(rule("now", to=agents("A")), rule("qualified", on=ON_UPDATE, to=agents("B")))
    shop.created("c")
    assert shop.updated("c", traits={"budget": 9000}).outcome == ALREADY_ASSIGNED
    assert shop.owner("c") == "A"


def women(shop: Workspace) -> None:
    """The clothing store: who looks after women's fashion by budget, and who after men's."""
    shop.roster("first", "women luxury", "women basic", "men")
    women_s = trait("fashion", "EQUALS", "women's fashion")
    shop.rules(
        rule("w+", on=ON_UPDATE, when=all_of(women_s, trait("budget", "GREATER", 5000)), to=agents("women luxury")),
        rule("w", on=ON_UPDATE, when=all_of(women_s, trait("budget", "EXISTS")), to=agents("women basic")),
        rule("m", on=ON_UPDATE, when=trait("fashion", "EQUALS", "men's fashion"), to=agents("men")),
    )


def test_the_wrong_trigger_for_the_clothing_store(shop: Workspace):
    """If you select the "New Contact Created via WA DM" condition, the contact will be assigned before they answer
    these questions, which means they might go to the wrong agent.
    """
    women(shop)
    shop.rules(rule("dm", to=agents("first")), *shop.get_rules().rule_set.rules)
    assert shop.created("c").agent_id == "first"
    assert shop.updated("c", traits={"fashion": "women's fashion"}).agent_id == "first"


def test_the_right_trigger_for_the_clothing_store(shop: Workspace):
    """Instead, you should select the "Trait/Tag Updated for Unassigned Contact" condition, so that only after the
    customer responds with their fashion preference, the system will assign them to the right agent.
    """
    women(shop)
    assert shop.created("c").outcome == NO_RULE_MATCHED
    assert shop.updated("c", traits={"fashion": "Women's Fashion"}).outcome == NO_RULE_MATCHED
    assert shop.updated("c", traits={"fashion": "Women's Fashion", "budget": "8000"}).agent_id == "women luxury"
    assert shop.updated("d", traits={"fashion": "women's fashion", "budget": 2000}).agent_id == "women basic"
    assert shop.updated("e", traits={"fashion": "men's fashion"}).agent_id == "men"


# 4. Enabling the Fallback Rule.


def test_fallback_on(shop: Workspace):
    """Turn ON: Contacts will be evenly distributed among all sales agents using load balancing, so no lead goes
    unassigned.
    """
    shop.rules(rule("vip", when=tag(any_of=["VIP"])), fallback=fallback())
    got = Counter(shop.created(f"c{number}").agent_id for number in range(30))
    assert got == {"A": 10, "B": 10, "C": 10}


def test_fallback_off(shop: Workspace):
    """Turn OFF: If no custom rules are matched and fallback is disabled, the contact will remain unassigned."""
    shop.rules(rule("vip", when=tag(any_of=["VIP"])), fallback=fallback(enabled=False))
    assert shop.created("c").outcome == NO_RULE_MATCHED
    assert shop.owner("c") == ""


def test_the_fallback_needs_a_custom_rule(shop: Workspace):
    """Important: The fallback rule only works if you have at least one custom rule set up."""
    shop.rules(fallback=fallback())
    assert shop.created("c").outcome == NO_RULE_MATCHED
    shop.rules(rule("vip", when=tag(any_of=["VIP"])), fallback=fallback())
    assert shop.created("c").outcome == ASSIGNED


# 5. How Auto-Assignment Works with Workflows.


def test_a_workflow_triggers_the_rules_again(shop: Workspace):
    """If a workflow updates a contact's field or user trait, the Auto-Assignment Rule is triggered again."""
    shop.rules(rule("r", on=ON_UPDATE, when=trait("step", "EQUALS", 3)))
    outcomes = [shop.updated("c", traits={"step": step}).outcome for step in (1, 2, 3)]
    assert outcomes == [NO_RULE_MATCHED, NO_RULE_MATCHED, ASSIGNED]


def test_only_rules_with_the_update_trigger_are_checked(shop: Workspace):
    """It checks for custom rules with the trigger "Field/User Trait Updated"."""
    shop.rules(rule("dm"), rule("any new", on=ON_CREATED), rule("update", on=ON_UPDATE))
    assert shop.updated("c", traits={"x": 1}).rule_id == "update"


def test_if_the_conditions_are_met_an_owner_is_assigned(shop: Workspace):
    """If a matching rule's conditions are met, an account owner is assigned."""
    shop.rules(rule("r", on=ON_UPDATE, when=trait("x", "EQUALS", 1)))
    assert shop.updated("c", traits={"x": 1}).outcome == ASSIGNED
    assert shop.owner("c") == "A"


@pytest.mark.parametrize("rules", [[rule("dm")], [rule("r", on=ON_UPDATE, when=trait("x", "EQUALS", 2))]])
def test_no_fallback_for_an_update(shop: Workspace, rules: list):
    """If no matching rule is found or the conditions are not met, no fallback mechanism is checked, and the contact
    remains unassigned.
    """
    shop.rules(*rules, fallback=fallback())
    assert shop.updated("c", traits={"x": 1}).outcome == NO_RULE_MATCHED
    assert shop.owner("c") == ""


def test_interested_leads_go_to_a_senior_agent(shop: Workspace):
    """A lead enters your WhatsApp chatbot and selects "Interested." The system checks for a rule that assigns all
    "Interested" leads to a senior agent. If found, the contact is assigned; otherwise, it remains unassigned.
    """
    shop.roster(*TEAM, "senior")
    shop.rules(rule("r", on=ON_UPDATE, when=trait("answer", "EQUALS", "Interested"), to=agents("senior")))
    assert shop.updated("c", traits={"answer": "interested"}).agent_id == "senior"
    assert shop.updated("d", traits={"answer": "Not now"}).outcome == NO_RULE_MATCHED
    shop.rules(rule("other"))
    assert shop.updated("e", traits={"answer": "interested"}).outcome == NO_RULE_MATCHED


def test_no_inquiry_goes_unanswered(shop: Workspace):
    """By setting up these rules, you ensure that no customer inquiry goes unanswered."""
    shop.rules(
        rule("vip", when=tag(any_of=["VIP"]), to=agents("A")),
        rule("qualified", on=ON_UPDATE, to=team("sales")),
        fallback=fallback(),
    )
    day = [
        shop.evaluate((CREATED, UPDATED)[number % 2], contact(f"c{number}", tags=["VIP"] * (number % 3)))
        for number in range(40)
    ]
    assert all(decision.outcome == ASSIGNED for decision in day)
    assert sum(shop.open_counts().values()) == 40
