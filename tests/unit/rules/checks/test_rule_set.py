"""Validation of rule sets and rosters: every problem, by its exact path, at once, in words that help."""

from __future__ import annotations

import time

import pytest
from evenhand.v1 import contact_pb2, roster_service_pb2, rules_pb2
from google.protobuf.json_format import ParseDict

from service.rules import choices_of, validate_roster, validate_rule_set
from tests.support.compiled import compile_rules

AGENTS = ["ann", "bob"]
TEAMS = ["sales"]


def rule(rule_id="r", **fields):
    """A right rule as JSON, but for `fields`."""
    made = {"id": rule_id, "trigger": "RULE_TRIGGER_CONTACT_CREATED", "target": {"everyone": True}, **fields}
    return {key: value for key, value in made.items() if value is not None}


def found(rule_set, agents=AGENTS, teams=TEAMS):
    """Violations of a rule set given as JSON: descriptions by path."""
    violations = validate_rule_set(ParseDict(rule_set, rules_pb2.RuleSet()), agents, teams)
    by_path = {violation.field: violation.description for violation in violations}
    assert len(by_path) == len(violations)
    assert all(text and text.isprintable() for text in by_path.values())
    return by_path


def found_in(**fields):
    """Paths within a rule that has `fields`."""
    return [path.removeprefix("rule_set.rules[0].") for path in found({"rules": [rule(**fields)]})]


def found_in_condition(condition):
    """Paths within a rule's condition."""
    return [path.removeprefix("condition.") for path in found_in(condition=condition)]


def nested(levels):
    """A condition tree of so many levels."""
    condition = {"channel": {"anyOf": ["x"]}}
    for _ in range(levels - 1):
        condition = {"all": {"conditions": [condition]}}
    return condition


def trait(operator="EQUALS", values=("x",), key="k"):
    """A trait condition."""
    return {"trait": {"key": key, "operator": f"TRAIT_OPERATOR_{operator}", "values": list(values)}}


BLANK_NOWHERE = [
    ("source", "anyOf", "any_of"),
    ("channel", "anyOf", "any_of"),
    ("tag", "anyOf", "any_of"),
    ("tag", "allOf", "all_of"),
    ("tag", "noneOf", "none_of"),
    ("tag", "changedAnyOf", "changed_any_of"),
]
RIGHT = {
    "rules": [
        rule("a", name="x" * 256, condition=nested(8), strategy="STRATEGY_LEAST_OPEN_CONTACTS", maxOpenContacts=0),
        rule("b", condition={}, target={"agents": {"agentIds": ["bob", "ann"]}}, reply="$agent.name" * 20 + "x" * 3876),
        rule("c", target={"teamId": "sales"}, condition={"expression": "contact.traits.x"}, disabled=True),
        rule("d", condition=trait("IN", ["x", 1, True] * 33)),
        rule("e", condition=trait("EXISTS", [])),
        rule("f", condition=trait("EQUALS", ["x" * 4096], key="Anna's key ✓")),
    ],
    "fallback": {"enabled": True, "onlineOnly": True},
}


def test_right_rule_sets():
    """What the contract allows is not refused, up to its limits."""
    assert found({}) == found(RIGHT) == found({"fallback": {"target": {"teamId": "sales"}}}) == {}


def test_everything_at_once():
    """All problems of a rule set are reported together, each with its exact path, in the order of the fields."""
    rule_set = {
        "rules": [
            rule("", trigger=0, target=None, name="x" * 257),
            rule("twin", strategy=9, maxOpenContacts=-1, reply="$agent.name" * 21),
            rule("twin", target={"agents": {"agentIds": ["ann", "zoe", "ann", ""]}}, disabled=True),
            rule("c", condition={"all": {"conditions": [trait(), {**trait("UNSPECIFIED")}]}}, trigger=77),
        ],
        "fallback": {"target": {"teamId": "support"}, "strategy": 8},
    }
    assert list(found(rule_set)) == [
        "rule_set.rules[0].id",
        "rule_set.rules[0].name",
        "rule_set.rules[0].trigger",
        "rule_set.rules[0].target",
        "rule_set.rules[1].strategy",
        "rule_set.rules[1].max_open_contacts",
        "rule_set.rules[1].reply",
        "rule_set.rules[2].id",
        "rule_set.rules[2].target.agents.agent_ids[1]",
        "rule_set.rules[2].target.agents.agent_ids[2]",
        "rule_set.rules[2].target.agents.agent_ids[3]",
        "rule_set.rules[3].trigger",
        "rule_set.rules[3].condition.all.conditions[1].trait.operator",
        "rule_set.fallback.target.team_id",
        "rule_set.fallback.strategy",
    ]


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"rule_id": "x" * 129}, "id"),
        ({"rule_id": "a\n"}, "id"),
        ({"target": {}}, "target"),
        ({"target": {"everyone": False}}, "target.everyone"),
        ({"target": {"teamId": ""}}, "target.team_id"),
        ({"target": {"teamId": "Sales"}}, "target.team_id"),
        ({"target": {"agents": {}}}, "target.agents.agent_ids"),
        ({"target": {"agents": {"agentIds": ["zoe"]}}}, "target.agents.agent_ids[0]"),
        ({"trigger": -1}, "trigger"),
        ({"strategy": 9}, "strategy"),
        ({"maxOpenContacts": -5}, "max_open_contacts"),
        ({"reply": "ü" * 2049}, "reply"),
    ],
)
def test_wrong_rules(fields, path):
    """Each wrong field of a rule is refused by its path, unknown enum values included."""
    assert found_in(**fields) == [path]


@pytest.mark.parametrize(
    ("condition", "path"),
    [
        ({"all": {}}, "all.conditions"),
        ({"any": {"conditions": [nested(1)] * 101}}, "any.conditions"),
        ({"none": {"conditions": [nested(1), {}]}}, "none.conditions[1]"),
        (nested(9), "all.conditions[0]." * 7 + "all.conditions"),
        ({"tag": {}}, "tag"),
        ({"tag": {"anyOf": ["a", ""]}}, "tag.any_of[1]"),
        ({"tag": {"allOf": ["x" * 129]}}, "tag.all_of[0]"),
        ({"tag": {"noneOf": ["a"] * 101}}, "tag.none_of"),
        ({"tag": {"changedAnyOf": [""]}}, "tag.changed_any_of[0]"),
        ({"source": {}}, "source.any_of"),
        ({"source": {"anyOf": ["a\x00"]}}, "source.any_of[0]"),
        ({"channel": {"anyOf": ["a"] * 101}}, "channel.any_of"),
        *(
            ({kind: {name: ["a", blank]}}, f"{kind}.{path}[1]")
            for blank in (" ", "\u200b", "\ufe0f", "\u3164")
            for kind, name, path in BLANK_NOWHERE
        ),
        *((trait(key=blank), "trait.key") for blank in (" ", "\u00a0\u200b", "\u2800")),
        (trait(key=""), "trait.key"),
        (trait("UNSPECIFIED"), "trait.operator"),
        ({"trait": {"key": "k", "operator": 99, "values": ["x"]}}, "trait.operator"),
        (trait("EXISTS", ["x"]), "trait.values"),
        (trait("NOT_EXISTS", ["x"]), "trait.values"),
        (trait("CHANGED", ["x"]), "trait.values"),
        *((trait(operator, []), "trait.values") for operator in ("EQUALS", "NOT_EQUALS", "IN", "NOT_IN", "CONTAINS")),
        *(
            (trait(operator, [1, 2]), "trait.values")
            for operator in ("EQUALS", "NOT_EQUALS", "STARTS_WITH", "ENDS_WITH", "LESS")
        ),
        (trait("IN", ["x"] * 101), "trait.values"),
        (trait("IN", ["x", None]), "trait.values[1]"),
        (trait("EQUALS", [["x"]]), "trait.values[0]"),
        (trait("EQUALS", [{"x": 1}]), "trait.values[0]"),
        (trait("EQUALS", ["x" * 4097]), "trait.values[0]"),
        *((trait(operator, [" "]), "trait.values[0]") for operator in ("CONTAINS", "STARTS_WITH", "ENDS_WITH")),
        *(
            (trait(operator, [wrong]), "trait.values[0]")
            for operator in ("LESS", "LESS_OR_EQUAL", "GREATER", "GREATER_OR_EQUAL")
            for wrong in ("", "lots", "15/01/2026", "1e999", True)
        ),
        ({"expression": ""}, "expression"),
        ({"expression": "contact.nope == 1"}, "expression"),
        ({"expression": "contact.id.matches('(')"}, "expression"),
        ({"expression": "'" + "x" * 4095 + "' == ''"}, "expression"),
    ],
)
def test_wrong_conditions(condition, path):
    """Each wrong field of a condition is refused by its path."""
    assert found_in_condition(condition) == [path]


@pytest.mark.parametrize(
    ("rules", "path", "words"),
    [
        ([rule("a"), rule("b"), rule("a")], "rules[2].id", ['"a"', "rule_set.rules[0]"]),
        ([rule(target={"teamId": "support"})], "rules[0].target.team_id", ['"support"', "roster"]),
        ([rule(trigger=9)], "rules[0].trigger", ["9", "RULE_TRIGGER_CONVERSATION_OPENED"]),
        ([rule("x" * 200)], "rules[0].id", ['"' + "x" * 39 + '…"', "200", "128"]),
        ([rule(maxOpenContacts=-5)], "rules[0].max_open_contacts", ["-5", "0 for no limit"]),
        (
            [rule(condition=trait("EQUALS", [1, 2]))],
            "rules[0].condition.trait.values",
            ["2 values", "exactly one", "IN"],
        ),
        ([rule(condition={"expression": "contact.nop"})], "rules[0].condition.expression", ["1:8:", "'nop'"]),
    ],
)
def test_words(rules, path, words):
    """A description quotes what is wrong and says what would be right."""
    (description,) = [text for field, text in found({"rules": rules}).items() if field == f"rule_set.{path}"]
    assert [word for word in words if word not in description] == []


def test_without_a_roster_references_are_not_checked():
    """With no roster to hold it against, a rule set may name any agent or team, but no agent twice."""
    rules = [rule("a", target={"teamId": "any"}), rule("b", target={"agents": {"agentIds": ["x", "y", "x"]}})]
    assert list(found({"rules": rules}, None, None)) == ["rule_set.rules[1].target.agents.agent_ids[2]"]


def test_too_many():
    """Too many rules, and lists that are too long alone or together, are refused."""
    everyone = [f"a{n}" for n in range(10_000)]
    lists = [rule(f"r{n}", target={"agents": {"agentIds": everyone}}) for n in range(12)]
    assert list(found({"rules": lists}, everyone)) == ["rule_set.rules[10].target.agents.agent_ids"]
    lists[0]["target"] = {"agents": {"agentIds": [*everyone, "one more"]}}
    assert next(iter(found({"rules": lists[:1]}, everyone))) == "rule_set.rules[0].target.agents.agent_ids"
    many = {"rules": [rule(f"r{n}") for n in range(10_001)]}
    assert list(found(many)) == ["rule_set.rules"]


def test_ten_thousand_rules_in_time():
    """10,000 rules with conditions and lists are checked and compiled in little time."""
    rules = [
        rule(
            f"r{n}",
            condition={"all": {"conditions": [trait(values=[n]), {"tag": {"anyOf": [f"t{n}"]}}]}},
            target={"agents": {"agentIds": [f"a{(n + i) % 500}" for i in range(10)]}},
        )
        for n in range(10_000)
    ]
    rule_set = ParseDict({"rules": rules}, rules_pb2.RuleSet())
    start = time.process_time()
    assert validate_rule_set(rule_set, [f"a{n}" for n in range(500)], []) == []
    assert compile_rules(rule_set, 1).match(contact_pb2.EVENT_TYPE_CONTACT_CREATED, contact_pb2.Contact()) is None
    assert len(list(choices_of(rule_set))) == 10_000
    assert time.process_time() - start < 4  # about 1 s here; the machines that run this are shared


def roster_paths(roster):
    """Paths of a roster's violations."""
    return [violation.field for violation in validate_roster(ParseDict(roster, roster_service_pb2.Roster()))]


def test_right_rosters():
    """What the contract allows is not refused, up to its limits; output-only fields are not looked at."""
    agents = [{"id": f"a{n}", "weight": 1000, "presence": 77, "openContactCount": -1} for n in range(10_000)]
    teams = [{"id": f"t{n}", "agentIds": [f"a{n}"]} for n in range(999)]
    assert roster_paths({}) == roster_paths({"agents": agents, "teams": [*teams, {"id": "nobody"}]}) == []


def test_wrong_roster():
    """All problems of a roster are reported together, each with its exact path."""
    roster = {
        "agents": [
            {"id": "ann", "weight": 1001, "maxOpenContacts": -1},
            {"id": "ann", "weight": -1},
            {"id": "", "name": "x" * 257},
        ],
        "teams": [
            {"id": "t", "agentIds": ["ann", "zoe", "ann", "\n"]},
            {"id": "t", "name": "x" * 257},
            {"id": ""},
        ],
    }
    assert roster_paths(roster) == [
        "roster.agents[0].weight",
        "roster.agents[0].max_open_contacts",
        "roster.agents[1].id",
        "roster.agents[1].weight",
        "roster.agents[2].id",
        "roster.agents[2].name",
        "roster.teams[0].agent_ids[1]",
        "roster.teams[0].agent_ids[2]",
        "roster.teams[0].agent_ids[3]",
        "roster.teams[1].id",
        "roster.teams[1].name",
        "roster.teams[2].id",
    ]


def test_too_large_a_roster():
    """Too many agents, teams or places in teams are refused."""
    agents = [{"id": f"a{n}"} for n in range(10_001)]
    assert roster_paths({"agents": agents}) == ["roster.agents"]
    assert roster_paths({"teams": [{"id": f"t{n}"} for n in range(1_001)]}) == ["roster.teams"]
    everyone = [agent["id"] for agent in agents[:10_000]]
    teams = [{"id": f"t{n}", "agentIds": everyone} for n in range(12)]
    assert roster_paths({"agents": agents[:10_000], "teams": teams}) == ["roster.teams[10].agent_ids"]


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_numbers_that_compare_with_nothing(number):
    """NaN and the infinities are refused: no trait compares with them, and JSON cannot show them."""
    rule_set = rules_pb2.RuleSet(rules=[rules_pb2.Rule(id="r", trigger=1, target=rules_pb2.Target(everyone=True))])
    condition = rule_set.rules[0].condition.trait
    condition.key, condition.operator = "k", rules_pb2.TRAIT_OPERATOR_EQUALS
    condition.values.add(number_value=number)
    (violation,) = validate_rule_set(rule_set, None, None)
    assert violation.field == "rule_set.rules[0].condition.trait.values[0]"
