"""Which rule takes which event: triggers, order, disabled rules, the fallback, and what is selected."""

from __future__ import annotations

import pytest
from evenhand.v1 import contact_pb2, rules_pb2
from google.protobuf.json_format import ParseDict

from service.rules import compile_rules

EVENTS = ["CONTACT_CREATED", "TRAIT_OR_TAG_UPDATED", "CONVERSATION_OPENED"]
TRIGGERS = ["NEW_CONTACT_WHATSAPP_DM", "TRAIT_OR_TAG_UPDATED", "CONVERSATION_OPENED", "CONTACT_CREATED"]
FITS = {
    ("NEW_CONTACT_WHATSAPP_DM", "CONTACT_CREATED", "whatsapp_dm"),
    ("CONTACT_CREATED", "CONTACT_CREATED", "whatsapp_dm"),
    ("CONTACT_CREATED", "CONTACT_CREATED", "upload"),
    ("CONTACT_CREATED", "CONTACT_CREATED", "manual"),
    ("CONTACT_CREATED", "CONTACT_CREATED", "api"),
    ("CONTACT_CREATED", "CONTACT_CREATED", ""),
    *(("TRAIT_OR_TAG_UPDATED", "TRAIT_OR_TAG_UPDATED", source) for source in ("whatsapp_dm", "upload", "api", "")),
    *(("CONVERSATION_OPENED", "CONVERSATION_OPENED", source) for source in ("whatsapp_dm", "upload", "api", "")),
    ("TRAIT_OR_TAG_UPDATED", "TRAIT_OR_TAG_UPDATED", "manual"),
    ("CONVERSATION_OPENED", "CONVERSATION_OPENED", "manual"),
}


def rule(rule_id, trigger="CONTACT_CREATED", **fields):
    """A rule as JSON."""
    return {"id": rule_id, "trigger": f"RULE_TRIGGER_{trigger}", "target": {"everyone": True}, **fields}


def match(rules, event, contact=None, updated_keys=(), fallback=None):
    """What rules given as JSON select for an event."""
    rule_set = ParseDict({"rules": rules, "fallback": fallback or {}}, rules_pb2.RuleSet())
    message = ParseDict(contact or {}, contact_pb2.Contact())
    return compile_rules(rule_set, 7).match(contact_pb2.EventType.Value(f"EVENT_TYPE_{event}"), message, updated_keys)


@pytest.mark.parametrize("source", ["whatsapp_dm", "upload", "manual", "api", ""])
@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("trigger", TRIGGERS)
def test_triggers(trigger, event, source):
    """Each trigger fits the events that the table of design.md gives, and no other."""
    selection = match([rule("r", trigger)], event, {"source": source})
    assert (selection is not None) is ((trigger, event, source) in FITS)


def test_source_of_whatsapp_is_folded():
    """The source "whatsapp_dm" counts in any case and with space around it."""
    assert match([rule("r", "NEW_CONTACT_WHATSAPP_DM")], "CONTACT_CREATED", {"source": " WhatsApp_DM "})


@pytest.mark.parametrize("event_type", [0, 4, -1, 99])
def test_unknown_event_matches_nothing(event_type):
    """An event type that is none of the contract's matches no rule and no fallback."""
    rule_set = ParseDict(
        {"rules": [rule("r", trigger) for trigger in TRIGGERS], "fallback": {"enabled": True}}, rules_pb2.RuleSet()
    )
    contact = contact_pb2.Contact(source="whatsapp_dm")
    assert compile_rules(rule_set, 1).match(event_type, contact, ()) is None


def test_first_matching_rule_decides():
    """Rules are tried in the order in which they stand, whatever their triggers; the first that matches decides."""
    vip = {"tag": {"anyOf": ["vip"]}}
    rules = [
        rule("other event", "CONVERSATION_OPENED"),
        rule("off", disabled=True),
        rule("vip", condition=vip),
        rule("whatsapp", "NEW_CONTACT_WHATSAPP_DM"),
        rule("all"),
    ]
    whatsapp = {"source": "whatsapp_dm"}
    assert match(rules, "CONTACT_CREATED", {**whatsapp, "tags": ["VIP"]}).rule_id == "vip"
    assert match(rules, "CONTACT_CREATED", whatsapp).rule_id == "whatsapp"
    assert match(rules, "CONTACT_CREATED", {"source": "api"}).rule_id == "all"
    assert match(rules[::-1], "CONTACT_CREATED", {**whatsapp, "tags": ["VIP"]}).rule_id == "all"
    assert match(rules, "TRAIT_OR_TAG_UPDATED", {"tags": ["VIP"]}) is None


def test_changed_needs_the_event():
    """A CHANGED condition sees the updated keys of this very event."""
    condition = {"trait": {"key": "budget", "operator": "TRAIT_OPERATOR_CHANGED"}}
    rules = [rule("r", "TRAIT_OR_TAG_UPDATED", condition=condition)]
    contact = {"traits": {"budget": 5000, "city": "Pune"}}
    assert match(rules, "TRAIT_OR_TAG_UPDATED", contact, ["city", "budget"])
    assert not match(rules, "TRAIT_OR_TAG_UPDATED", contact, ["city"])


NEVER = rule("never", condition={"expression": "false"})


@pytest.mark.parametrize(
    ("rules", "enabled", "event", "source", "taken"),
    [
        ([NEVER], True, "CONTACT_CREATED", "whatsapp_dm", True),
        ([{**NEVER, "disabled": True}], True, "CONTACT_CREATED", "whatsapp_dm", True),
        ([], True, "CONTACT_CREATED", "whatsapp_dm", False),
        ([NEVER], False, "CONTACT_CREATED", "whatsapp_dm", False),
        ([NEVER], True, "CONTACT_CREATED", "upload", False),
        ([NEVER], True, "CONTACT_CREATED", "", False),
        ([NEVER], True, "TRAIT_OR_TAG_UPDATED", "whatsapp_dm", False),
        ([NEVER], True, "CONVERSATION_OPENED", "whatsapp_dm", False),
    ],
)
def test_fallback(rules, enabled, event, source, taken):
    """The fallback takes a new WhatsApp contact if it is enabled and there is a rule, and nothing else."""
    selection = match(rules, event, {"source": source}, fallback={"enabled": enabled})
    assert (selection is not None) is taken
    assert selection is None or (selection.fallback, selection.rule_id) == (True, "")


def test_rules_go_before_the_fallback():
    """A rule that matches leaves nothing to the fallback."""
    selection = match([rule("r")], "CONTACT_CREATED", {"source": "whatsapp_dm"}, fallback={"enabled": True})
    assert (selection.fallback, selection.rule_id) == (False, "r")


def test_what_is_selected():
    """A selection says all that picking needs, with round robin for an unspecified strategy."""
    least = "STRATEGY_LEAST_OPEN_CONTACTS"
    rule_set = ParseDict(
        {
            "rules": [
                rule("plain"),
                rule("off", disabled=True),
                rule(
                    "full", target={"teamId": "sales"}, strategy=least, onlineOnly=True, maxOpenContacts=3, reply="Hi"
                ),
            ],
            "fallback": {"enabled": True, "target": {"teamId": "rest"}, "onlineOnly": True},
        },
        rules_pb2.RuleSet(),
    )
    compiled = compile_rules(rule_set, 7)
    plain, full, fallback = compiled.selections
    assert compiled.revision == 7
    assert (plain.rule_id, plain.pool, plain.team_id, plain.reply) == ("plain", "*", "", None)
    assert (plain.strategy, plain.online_only) == (rules_pb2.STRATEGY_ROUND_ROBIN, False)
    assert (full.rule_id, full.pool, full.team_id) == ("full", "t:sales", "sales")
    assert (full.strategy, full.online_only) == (rules_pb2.STRATEGY_LEAST_OPEN_CONTACTS, True)
    assert (full.max_open_contacts, full.reply.render(contact_pb2.Contact())) == (3, "Hi")
    assert (fallback.fallback, fallback.pool, fallback.team_id) == (True, "t:rest", "rest")
    assert (fallback.strategy, fallback.online_only) == (rules_pb2.STRATEGY_ROUND_ROBIN, True)
    assert compiled.match(contact_pb2.EVENT_TYPE_CONTACT_CREATED, contact_pb2.Contact()) is plain


def test_no_rules_no_selections():
    """An empty rule set selects nothing, even with its fallback enabled."""
    compiled = compile_rules(rules_pb2.RuleSet(fallback=rules_pb2.Fallback(enabled=True)), 0)
    assert compiled.selections == []
