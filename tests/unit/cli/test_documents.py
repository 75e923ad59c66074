"""Rules and roster files: what is accepted, and that every mistake is reported at its line."""

from __future__ import annotations

from decimal import Decimal
from textwrap import dedent

import pytest
from evenhand.v1.roster_service_pb2 import Roster
from evenhand.v1.rules_pb2 import Rule, RuleSet, RuleTrigger, Strategy, TraitOperator
from google.protobuf.json_format import MessageToJson
from google.protobuf.struct_pb2 import Value
from hypothesis import given
from hypothesis import strategies as st

from service.cli.documents import parse

REST = " means nothing here: leave it out"
IN_QUOTES = "; put the value in quotes if text is meant"
VALUES = "rules: [{{condition: {{trait: {{values: [{}]}}}}}}]"
VALUE = "rules[0].condition.trait.values[0]"
TOO_LONG = "has more than 15 digits, of which the last may be lost; write it in quotes"


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
            "3: not YAML: while parsing a flow node, did not find expected node content",
        ),
        (
            "rules: []\n---\nrules: []\n",
            "2: one document a file: put what begins here into another",
        ),
        ("rules: []\nagents: []\n", "2: both a rules file and a roster file; put them into two files"),
    ],
)
def test_a_mistake_says_what_is_expected(text, problem):
    """The report of a mistake names the line, the field, and what would be right."""
    assert problems(text) == [problem]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("01", "01 would be kept as 1; write it in quotes, or as 1 if a number is meant"),
        ("+91", "+91 would be kept as 91; write it in quotes, or as 91 if a number is meant"),
        ("-007", "-007 would be kept as -7; write it in quotes, or as -7 if a number is meant"),
        ("1e5", "1e5 would be kept as 100000; write it in quotes, or as 100000 if a number is meant"),
        ("1E-3", "1E-3 would be kept as 0.001; write it in quotes, or as 0.001 if a number is meant"),
        ("1_000", "1_000 would be kept as 1000; write it in quotes, or as 1000 if a number is meant"),
        ("0x1F", "0x1F would be kept as 31; write it in quotes, or as 31 if a number is meant"),
        ("0o17", "0o17 would be kept as 15; write it in quotes, or as 15 if a number is meant"),
        ("0b11", "0b11 would be kept as 3; write it in quotes, or as 3 if a number is meant"),
        ("1.10", "1.10 would be kept as 1.1; write it in quotes, or as 1.1 if a number is meant"),
        (".5", ".5 would be kept as 0.5; write it in quotes, or as 0.5 if a number is meant"),
        ("-0", "-0 would be kept as 0; write it in quotes, or as 0 if a number is meant"),
        ("-0.0", "-0.0 would be kept as 0; write it in quotes, or as 0 if a number is meant"),
        ("5000.00", "5000.00 would be kept as 5000; write it in quotes, or as 5000 if a number is meant"),
        ("01.0", "01.0 would be kept as 1; write it in quotes, or as 1 if a number is meant"),
        ("5.", "5. would be kept as 5; write it in quotes, or as 5 if a number is meant"),
        ("5.00e0", "5.00e0 would be kept as 5; write it in quotes, or as 5 if a number is meant"),
        ("1e-07", "1e-07 would be kept as 0.0000001; write it in quotes, or as 0.0000001 if a number is meant"),
        ("1e-300", "1e-300 has an exponent; write it in quotes, or in full if a number is meant"),
        ("17841444523369053", f"17841444523369053 {TOO_LONG}"),
        ("1234567890123456", f"1234567890123456 {TOO_LONG}"),
        ("1234567890123456.0", f"1234567890123456.0 {TOO_LONG}"),
        ("1_234_567_890_123_456", f"1_234_567_890_123_456 {TOO_LONG}"),
        ("100000000000000000000", f"100000000000000000000 {TOO_LONG}"),
        ("0.30000000000000004", f"0.30000000000000004 {TOO_LONG}, or as 0.3 if a number is meant"),
        ("-0.1234567890123456", f"-0.1234567890123456 {TOO_LONG}, or as -0.123456789012346 if a number is meant"),
        (
            "1.2345678901234567e-08",
            f"1.2345678901234567e-08 {TOO_LONG}, or as 0.0000000123456789012346 if a number is meant",
        ),
        ("1234567890.12345678", f"1234567890.12345678 {TOO_LONG}, or as 1234567890.12346 if a number is meant"),
        ("12345678901234567.5", f"12345678901234567.5 {TOO_LONG}"),
        ("9" * 50, f"{'9' * 40}... {TOO_LONG}"),
        ("1e20", "1e20 has more than 15 digits if written in full; write it in quotes"),
        ("0xFFFFFFFFFFFFFFFF", "0xFFFFFFFFFFFFFFFF has more than 15 digits if written in full; write it in quotes"),
        (".inf", ".inf is no number that can be kept; write it in quotes if text is meant"),
        (".nan", ".nan is no number that can be kept; write it in quotes if text is meant"),
        ("1e400", "1e400 is too large a number; write it in quotes"),
    ],
)
def test_a_number_that_would_not_stay_what_is_written_is_a_problem(written, said):
    """A number whose zeros, sign, digits or form would be lost is refused at its line; in quotes it is that text."""
    text = """
    rules:
      - condition:
          trait:
            key: k
            operator: TRAIT_OPERATOR_IN
            values:
              - 5
              - {}
    """
    assert problems(text.format(written)) == [f"9: rules[0].condition.trait.values[1]: {said}"]
    quoted = parse(dedent(text.format(f"'{written}'")).encode(), "f")
    assert not quoted.problems
    assert isinstance(quoted.message, RuleSet)
    assert quoted.message.rules[0].condition.trait.values[1].string_value == written


@pytest.mark.parametrize(
    "written",
    [
        *("0", "7", "-7", "0.5", "-12.75", "100", "123456789012345", "0.00001", "10.05"),
        *("5000.0", "-5000.0", "0.0", "123456789012345.0"),
    ],
)
def test_a_number_that_stays_what_is_written_is_taken(written):
    """Plain numbers of at most 15 digits are taken as they stand, whole ones with a zero behind a point, too."""
    text = f"rules: [{{condition: {{trait: {{values: [{written}]}}}}}}]"
    document = parse(text.encode(), "f")
    assert not document.problems
    assert isinstance(document.message, RuleSet)
    assert document.message.rules[0].condition.trait.values[0].number_value == float(written)


@given(st.text("0123456789.-+eEx_", min_size=1, max_size=20))
def test_no_number_becomes_another(written):
    """Whatever is taken as a number is, written out in full, to the letter what the file says before zeros only."""
    text = f"rules: [{{condition: {{trait: {{values: [{written}]}}}}}}]"
    message = parse(text.encode(), "f").message
    (value,) = message.rules[0].condition.trait.values if isinstance(message, RuleSet) else [Value()]
    problem = parse(text.encode(), "f").problems
    if value.WhichOneof("kind") == "number_value" and not problem:
        assert format(Decimal(repr(value.number_value)).normalize(), "f") == written.removesuffix(".0")
    elif value.WhichOneof("kind") == "string_value":
        assert value.string_value == written


@pytest.mark.parametrize("ensure_ascii", [True, False])
def test_what_a_client_prints_of_rules_is_a_file(ensure_ascii):
    """Rules as protobuf's JSON printer writes them, with whole numbers and an emoji, are a file of the same rules."""
    said = RuleSet(rules=[Rule(id="r", name="🫨 both\u2028lines", max_open_contacts=5, target={"everyone": True})])
    trait = said.rules[0].condition.trait
    trait.key, trait.operator = "budget", TraitOperator.TRAIT_OPERATOR_IN
    trait.values.extend([Value(number_value=number) for number in (5000, -7, 0, 123456789012345, 0.25)])
    trait.values.extend([Value(string_value="🏴\U000e0067"), Value(bool_value=True)])
    document = parse(MessageToJson(said, ensure_ascii=ensure_ascii).encode(), "f")
    assert not document.problems
    assert document.message == said


@pytest.mark.parametrize(
    ("written", "hint"),
    [
        ("010", "; write 10"),
        ("1_000", "; write 1000"),
        ("0x10", "; write 16"),
        ("1e3", "; write 1000"),
        ("1e-300", ""),
        ("5.5", ""),
    ],
)
def test_a_count_is_written_plainly(written, hint):
    """A count in a form that reads as another number is refused, and said how it is meant."""
    assert problems(f"agents: [{{weight: {written}}}]") == [
        f'1: agents[0].weight: must be a whole number of at most 2147483647, not "{written}"{hint}'
    ]


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


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "rules:\n- name: !foo 5",
            "2: rules[0].name: has the tag !foo, which means nothing here: leave it out" + IN_QUOTES,
        ),
        (VALUES.format("!!timestamp 2026-01-31"), f"1: {VALUE}: has the tag !!timestamp, which{REST}{IN_QUOTES}"),
        (VALUES.format("!!binary aGk="), f"1: {VALUE}: has the tag !!binary, which{REST}{IN_QUOTES}"),
        (VALUES.format("!<tag:a.b,2026:c> x"), f"1: {VALUE}: has the tag tag:a.b,2026:c, which{REST}{IN_QUOTES}"),
        (VALUES.format("!!null x"), f"1: {VALUE}: has the tag !!null, which{REST}{IN_QUOTES}"),
        (VALUES.format("!!seq x"), f"1: {VALUE}: has the tag !!seq, which{REST}{IN_QUOTES}"),
        ("rules:\n- !rule\n  id: a", f"2: rules[0]: has the tag !rule, which{REST}"),
        ("agents: !!set {a, b}", f"1: agents: has the tag !!set, which{REST}"),
        ("agents: !list [{id: a}]", f"1: agents: has the tag !list, which{REST}"),
        ("teams: [{id: t, agentIds: [a, !b c]}]", f"1: teams[0].agentIds[1]: has the tag !b, which{REST}{IN_QUOTES}"),
        ("!roster\nagents: [{id: a}]", f"1: has the tag !roster, which{REST}"),
        ("!!map\nagents: !!seq [! {id: !!str 5, name: !!null , weight: !!int 5, disabled: !!bool true}]", ""),
        (VALUES.format("! 5, !!str 5, !!int 5, !!float 5.5, !!bool true"), ""),
    ],
)
def test_tags(text, problem):
    """A tag that YAML's core schema does not have, or not for what it stands at, is a problem at its line."""
    assert "\n".join(problems(text)) == problem


def test_an_element_with_a_wrong_tag_keeps_its_place():
    """Elements after one with a wrong tag keep their index, and the place is no further problem."""
    document = parse(b"rules: [{condition: {trait: {values: [!a 1, 2]}}}, !b {id: x}, {id: y}]", "f")
    assert isinstance(document.message, RuleSet)
    assert [rule.id for rule in document.message.rules] == ["", "", "y"]
    assert [value.number_value for value in document.message.rules[0].condition.trait.values] == [0, 2]


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
    document = parse(b"rules:\n  - id: a\n    target:\n    strategy: ~\n", "f")
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
