"""Rules and roster files: what is accepted, and that every mistake is reported at its line."""

from __future__ import annotations

from textwrap import dedent

import pytest
from evenhand.v1.roster_service_pb2 import Roster
from evenhand.v1.rules_pb2 import RuleSet, RuleTrigger, Strategy, TraitOperator

from service.cli.documents import parse


def problems(text: str) -> list[str]:
    """Give the problems of a file, without its name."""
    return [str(problem).removeprefix("f:") for problem in parse(dedent(text).encode(), "f").problems]


def test_both_spellings_of_names_are_accepted():
    """A field may be written in lowerCamelCase and in snake_case, as protobuf's JSON has it."""
    text = """
    rules:
      - id: r
        trigger: RULE_TRIGGER_CONTACT_CREATED
        target: {team_id: t}
        onlineOnly: true
        max_open_contacts: 3
        strategy: STRATEGY_LEAST_OPEN_CONTACTS
    unassignOnClose: true
    """
    document = parse(dedent(text).encode(), "f")
    assert not document.problems
    assert isinstance(document.message, RuleSet)
    rule = document.message.rules[0]
    assert (rule.trigger, rule.strategy) == (
        RuleTrigger.RULE_TRIGGER_CONTACT_CREATED,
        Strategy.STRATEGY_LEAST_OPEN_CONTACTS,
    )
    assert (rule.target.team_id, rule.online_only, rule.max_open_contacts) == ("t", True, 3)
    assert document.message.unassign_on_close


def test_values_of_a_trait_keep_their_types():
    """Numbers, texts, bools and dates in a condition's values arrive as what they look like; a date is text."""
    text = """
    rules:
      - condition:
          trait: {key: k, operator: TRAIT_OPERATOR_IN, values: [5000, "5000", 2.5, true, 2024-01-31, yes]}
    """
    document = parse(dedent(text).encode(), "f")
    assert not document.problems
    assert isinstance(document.message, RuleSet)
    trait = document.message.rules[0].condition.trait
    assert trait.operator == TraitOperator.TRAIT_OPERATOR_IN
    kinds = [value.WhichOneof("kind") for value in trait.values]
    assert kinds == ["number_value", "string_value", "number_value", "bool_value", "string_value", "string_value"]
    assert trait.values[4].string_value == "2024-01-31"


def test_a_roster_file_is_told_by_its_keys():
    """A file with agents or teams is a roster."""
    document = parse(b"teams:\n  - {id: t, agentIds: [a]}\n", "f")
    assert isinstance(document.message, Roster)
    assert document.message.teams[0].agent_ids == ["a"]


def test_every_mistake_is_reported_at_its_line():
    """Unknown keys, wrong types, bad enum names, duplicates and doubled oneofs of one file come all at once."""
    text = """\
    rules:
      - id: 12
        trigger: NEW_CONTACT_WHATSAPP_DM
        condition:
          all:
            conditions:
              - trait:
                  key: budget
                  operator: TRAIT_OPERATOR_GREATR
              - tag:
                  anyOf: vip
        onlineonly: true
        online_only: yes
        onlineOnly: true
      - just text
      - id: two
        target:
          teamId: sales
          everyone: true
        maxOpenContacts: many
    """
    assert [line.split(": ", 2)[:2] for line in problems(text)] == [
        ["2", "rules[0].id"],
        ["3", "rules[0].trigger"],
        ["9", "rules[0].condition.all.conditions[0].trait.operator"],
        ["11", "rules[0].condition.all.conditions[1].tag.anyOf"],
        ["12", "rules[0].onlineonly"],
        ["13", "rules[0].onlineOnly"],
        ["14", "rules[0].onlineOnly"],
        ["15", "rules[1]"],
        ["19", "rules[2].target.everyone"],
        ["20", "rules[2].maxOpenContacts"],
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("agents: [{id: 7}]", "1: agents[0].id: must be text; put 7 in quotes"),
        ("agents: [{idd: a}]", '1: agents[0].idd: unknown field "idd"; did you mean "id"?'),
        ("agents: {id: a}", '1: agents: must be a list (lines that begin with "- "), not a mapping'),
        ("agents: [{weight: heavy}]", '1: agents[0].weight: must be a whole number of at most 2147483647, not "heavy"'),
        (
            "agents: [{weight: 99999999999}]",
            '1: agents[0].weight: must be a whole number of at most 2147483647, not "99999999999"',
        ),
        ("agents: [{disabled: on}]", '1: agents[0].disabled: must be true or false, not "on"'),
        ("agents: [{id: a, id: b}]", "1: agents[0].id: is given twice; first in line 1"),
        (
            "rules: [{strategy: ROUND_ROBIN}]",
            '1: rules[0].strategy: unknown value "ROUND_ROBIN"; did you mean STRATEGY_ROUND_ROBIN?',
        ),
        (
            "rules:\n- id: [\n",
            "3: not YAML: while parsing a flow node, expected the node content, but found '<stream end>'",
        ),
        (
            "rules: []\n---\nrules: []\n",
            "2: not YAML: expected a single document in the stream, but found another document",
        ),
        ("rules: []\nagents: []\n", "2: both a rules file and a roster file; put them into two files"),
    ],
)
def test_a_mistake_says_what_is_expected(text, problem):
    """The report of a mistake names the line, the field, and what would be right."""
    assert problems(text) == [problem]


@pytest.mark.parametrize("text", ["", "# nothing\n", "- a\n", "text", "{}", "kind: ConfigMap\n"])
def test_neither_rules_nor_roster_is_said_clearly(text):
    """A file that is neither kind is told which keys each kind has."""
    (problem,) = problems(text)
    assert "a rules file has rules, fallback, unassignOnClose, or a roster file has agents, teams" in problem


@pytest.mark.parametrize(
    "content",
    [b"\xff\xfe\x00", b"rules:\n  - id: \xe9", b"\x00", b"[" * 3000, b"a: *missing", b"\t- x", b"%YAML 9\n---\n- {"],
)
def test_whatever_a_file_holds_is_a_problem_and_no_crash(content):
    """Bytes that are no text, no YAML, or YAML without end are reported like any other mistake."""
    assert len(parse(content, "f").problems) == 1


def test_a_condition_that_contains_itself_is_refused():
    """An alias to what surrounds it ends in a report, not in an endless loop."""
    text = """\
    rules:
      - condition: &c
          all:
            conditions: [*c]
    """
    assert problems(text) == ["2: rules[0].condition.all.conditions[0]: contains itself through an alias"]


def test_a_wrong_element_does_not_shift_the_others():
    """Elements after a wrong one keep their index, so that later reports name the right one."""
    document = parse(b"agents:\n  - {id: a}\n  - nonsense\n  - {id: c}\n", "f")
    assert isinstance(document.message, Roster)
    assert [agent.id for agent in document.message.agents] == ["a", "", "c"]


def test_a_field_without_a_value_is_unset():
    """YAML's nothing is JSON's null: the field is as if it were not there, but its line is known."""
    document = parse(b"rules:\n  - id: a\n    target:\n    condition: ~\n", "f")
    assert not document.problems
    assert isinstance(document.message, RuleSet)
    assert not document.message.rules[0].HasField("target")
    assert document.line_of("rules[0].target.to") == 3


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("rule_set.rules[1].condition.trait.operator", 9),
        ("rule_set.rules[1].condition.trait.values[0]", 10),
        ("rule_set.rules[1].condition.trait.key", 8),
        ("rule_set.rules[1].target", 4),
        ("rule_set.rules[0].target.agents.agent_ids[3]", 3),
        ("rule_set.rules[7].id", 2),
        ("rule_set.fallback.target", 1),
        ("rule_set", 1),
    ],
)
def test_a_path_leads_to_its_line_or_the_nearest_parent(path, line):
    """A violation's path, as validators and server give it, is found in the file; what is missing, at its parent."""
    text = """\
    # a comment
    rules:
      - id: a
      - id: b
        name: >
          of two lines
        condition:
          trait:
            operator: TRAIT_OPERATOR_EQUALS
            values: [1]
    """
    document = parse(dedent(text).encode(), "f")
    assert not document.problems
    assert document.problem(path, "x").line == line
