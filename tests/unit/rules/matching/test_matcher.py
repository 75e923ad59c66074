"""Which rule takes which event: triggers, order, disabled rules, the fallback, and what is selected."""

from __future__ import annotations

import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from evenhand.v1 import contact_pb2, rules_pb2
from google.protobuf.json_format import ParseDict

from service.rules import ExpressionError, choices_of
from service.rules.conditions import expression, nested
from service.rules.matching import matcher
from tests.support.compiled import compile_rules

CREATED = contact_pb2.EVENT_TYPE_CONTACT_CREATED
OPENED = contact_pb2.EVENT_TYPE_CONVERSATION_OPENED

EVENTS = ["CONTACT_CREATED", "TRAIT_OR_TAG_UPDATED", "CONVERSATION_OPENED"]
TRIGGERS = [
    *("NEW_CONTACT_WHATSAPP_DM", "TRAIT_OR_TAG_UPDATED", "CONVERSATION_OPENED", "CONTACT_CREATED"),
    "CONVERSATION_OPENED_BY_ANYONE",
]
SOURCES = ["whatsapp_dm", "upload", "manual", "api", ""]
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
    *(("CONVERSATION_OPENED_BY_ANYONE", "CONVERSATION_OPENED", source) for source in SOURCES),
}


def rule(rule_id, trigger="CONTACT_CREATED", **fields):
    """A rule as JSON."""
    return {"id": rule_id, "trigger": f"RULE_TRIGGER_{trigger}", "target": {"everyone": True}, **fields}


def match(rules, event, contact=None, updated_keys=(), fallback=None, *, opened_by=0):
    """What rules given as JSON select for an event."""
    message = ParseDict(contact or {}, contact_pb2.Contact())
    event_type = contact_pb2.EventType.Value(f"EVENT_TYPE_{event}")
    return compiled_from(rules, fallback).match(event_type, message, updated_keys, opened_by)


def compiled_from(rules, fallback=None):
    """Rules given as JSON, ready to be asked."""
    return compile_rules(ParseDict({"rules": rules, "fallback": fallback or {}}, rules_pb2.RuleSet()), 7)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("trigger", TRIGGERS)
def test_triggers(trigger, event, source):
    """Each trigger fits the events that the table of triggers in deploy/adr/0006 gives, and no other."""
    selection = match([rule("r", trigger)], event, {"source": source})
    assert (selection is not None) is ((trigger, event, source) in FITS)


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("trigger", TRIGGERS)
def test_who_opened_a_conversation(trigger, event):
    """By the contact, or without a word by whom, all is as above; by others only BY_ANYONE fits a conversation."""
    for opened_by in contact_pb2.OpenedBy.values():
        by_contact = opened_by in {contact_pb2.OPENED_BY_UNSPECIFIED, contact_pb2.OPENED_BY_CONTACT}
        fits = (trigger, event, "whatsapp_dm") in FITS and (by_contact or trigger != "CONVERSATION_OPENED")
        selection = match([rule("r", trigger)], event, {"source": "whatsapp_dm"}, opened_by=opened_by)
        assert (selection is not None) is fits


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
    """A selection names the rule and what it asks for, and has its reply; the fallback has neither name nor reply."""
    rules = [rule("plain"), rule("off", disabled=True), rule("full", "CONVERSATION_OPENED", reply="Hi")]
    rule_set = ParseDict({"rules": rules, "fallback": {"enabled": True}}, rules_pb2.RuleSet())
    plain, full, fallback = (choice.ref for choice in choices_of(rule_set))
    compiled = compile_rules(rule_set, 7)
    selected = compiled.match(CREATED, contact_pb2.Contact())
    assert (selected.rule_id, selected.fallback, selected.choice, selected.reply) == ("plain", False, plain, None)
    selected = compiled.match(OPENED, contact_pb2.Contact())
    assert (selected.rule_id, selected.choice) == ("full", full)
    assert selected.reply.render(contact_pb2.Contact()) == "Hi"
    selected = match([], "CONTACT_CREATED", {"source": "whatsapp_dm"}, fallback={"enabled": True})
    assert selected is None
    selected = match([rules[1], rules[2]], "CONTACT_CREATED", {"source": "whatsapp_dm"}, fallback={"enabled": True})
    assert (selected.rule_id, selected.fallback, selected.choice) == ("", True, fallback)


def test_no_rules_no_selections():
    """An empty rule set selects nothing, even with its fallback enabled."""
    rule_set = rules_pb2.RuleSet(fallback=rules_pb2.Fallback(enabled=True))
    assert list(choices_of(rule_set)) == []
    assert compile_rules(rule_set, 7).revision == 7
    assert compile_rules(rule_set, 7).match(CREATED, contact_pb2.Contact(source="whatsapp_dm")) is None


def test_a_rule_s_selection_stays_the_same():
    """Whatever event a rule takes, and however often, what it selects is one and the same object."""
    rules = [rule("vip", condition={"tag": {"anyOf": ["vip"]}}), rule("opened", "CONVERSATION_OPENED")]
    compiled = compiled_from(rules, fallback={"enabled": True})
    vip, whatsapp = contact_pb2.Contact(tags=["vip"]), contact_pb2.Contact(source="whatsapp_dm")
    events = [(CREATED, vip), (OPENED, vip), (CREATED, whatsapp)]
    first = [compiled.match(event, contact) for event, contact in events]
    assert [selection.rule_id for selection in first] == ["vip", "opened", ""]
    vip.source = "whatsapp_dm"
    for (event, contact), selection in zip(events, first, strict=True):
        assert compiled.match(event, contact) is selection


def test_what_is_never_reached_is_never_compiled(monkeypatch):
    """Conditions are compiled when an event comes to them, and expressions read when they are to be evaluated."""
    never = {"expression": "contact.id == 'never'"}

    def refuse(_form):
        raise ExpressionError("was read")

    monkeypatch.setattr(expression, "read_checked", refuse)
    vip = {"tag": {"anyOf": ["vip"]}}
    rules = [
        rule("vip", condition=vip),
        rule("both", condition={"all": {"conditions": [{"source": {"anyOf": ["api"]}}, never]}}),
        rule("none", condition={"none": {"conditions": [{"channel": {"anyOf": ["email"]}}, never]}}),
    ]
    compiled = compiled_from(rules)
    assert compiled.match(CREATED, contact_pb2.Contact(tags=["vip"])).rule_id == "vip"
    assert compiled.match(CREATED, contact_pb2.Contact(channel="email")) is None
    for contact in (contact_pb2.Contact(source="api"), contact_pb2.Contact()):
        with pytest.raises(ExpressionError):
            compiled.match(CREATED, contact)


def test_what_is_reached_is_compiled_once(monkeypatch):
    """However often a condition is asked, no part of it is compiled again."""
    compiling = []

    def counting(function):
        return lambda given: compiling.append(given) or function(given)

    monkeypatch.setattr(matcher, "compile_condition", counting(matcher.compile_condition))
    monkeypatch.setattr(nested, "compile_condition", matcher.compile_condition)
    monkeypatch.setattr(expression, "read_checked", counting(expression.read_checked))
    parts = [{"tag": {"allOf": ["vip"]}}, {"source": {"anyOf": ["api"]}}, {"expression": "contact.id == 'c'"}]
    compiled = compiled_from([rule("r", condition={"all": {"conditions": parts}})])
    contacts = [contact_pb2.Contact(id=which, tags=["vip"], source="api") for which in ("a", "b", "c")]
    assert [compiled.match(CREATED, contact) is not None for contact in contacts] == [False, False, True]
    assert len(compiling) == 1 + 3 + 1


def test_an_unknown_trigger_is_refused_at_once():
    """A rule with a trigger that this version does not know is not passed over in silence."""
    with pytest.raises(KeyError):
        compile_rules(rules_pb2.RuleSet(rules=[rules_pb2.Rule(id="r", trigger=99)]), 1)


@pytest.fixture
def _restless():
    """Lets threads take turns as often as can be."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("_restless")
@pytest.mark.parametrize("count", [20, 2000])
def test_many_threads_ask_at_once(count):
    """Sixteen threads that ask a new rule set at the same moment get what one would, and the very same objects."""
    rules = [rule(f"r{n}", condition={"tag": {"anyOf": [f"t{n}"]}}, reply="Hi $contact.name") for n in range(count)]
    contacts = [contact_pb2.Contact(tags=[f"T{n}"]) for n in range(0, count, count // 20)]
    for _ in range(10):
        compiled = compiled_from(rules)
        together = threading.Barrier(16)

        def ask(_worker, compiled=compiled, together=together):
            together.wait()
            return [compiled.match(CREATED, contact) for contact in contacts]

        with ThreadPoolExecutor(16) as pool:
            first, *others = pool.map(ask, range(16))
        assert [selection.rule_id for selection in first] == [f"r{n}" for n in range(0, count, count // 20)]
        for other in others:
            assert list(map(id, other)) == list(map(id, first))
