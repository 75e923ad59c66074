"""`evenhand check`: the validators' violations at their lines, cross-checks, and exit codes."""

from __future__ import annotations

import time
from pathlib import Path
from textwrap import dedent

import pytest
from typer.testing import CliRunner

from service.cli.check import examine
from service.cli.commands import app
from service.cli.documents import parse
from tests.support.rule_files import rules_file

EXAMPLES = Path(__file__).parents[3] / "deploy" / "examples"

ROSTER = """\
agents:
  - id: A
  - id: B
teams:
  - id: sales
    agentIds: [A, B]
  - id: empty
"""
RULES = """\
rules:
  - id: vip
    trigger: RULE_TRIGGER_TRAIT_OR_TAG_UPDATED
    condition:
      all:
        conditions:
          - tag: {anyOf: [VIP]}
          - trait:
              key: budget
              operator: TRAIT_OPERATOR_GREATER
              values: [1]
    target:
      teamId: sales
"""


@pytest.fixture
def check(tmp_path, monkeypatch):
    """Run the command on files of the given contents; gives exit code and lines."""
    monkeypatch.chdir(tmp_path)

    def run(**contents: str) -> tuple[int, list[str]]:
        for name, content in contents.items():
            (tmp_path / f"{name}.yaml").write_text(dedent(content))
        result = CliRunner().invoke(app, ["check", *[f"{name}.yaml" for name in contents]])
        return result.exit_code, result.output.splitlines()

    return run


def test_right_files_pass(check):
    """Files without problems end with exit code 0 and say what they hold."""
    assert check(rules=RULES, roster=ROSTER) == (
        0,
        ["rules.yaml: ok, 1 rule, fallback off", "roster.yaml: ok, 2 agents, 2 teams"],
    )


def test_rules_alone_say_that_references_were_not_checked(check):
    """Without a roster file nobody can know the agents, and the report says so."""
    code, (line,) = check(rules=RULES)
    assert code == 0
    assert "no roster file given" in line


@pytest.mark.parametrize(
    ("old", "new", "line", "field"),
    [
        ("values: [1]", "values: [1, 2]", 11, "rules[0].condition.all.conditions[1].trait.values"),
        ("              values: [1]\n", "", 8, "rules[0].condition.all.conditions[1].trait.values"),
        ("key: budget", "key: ''", 9, "rules[0].condition.all.conditions[1].trait.key"),
        ("anyOf: [VIP]", "anyOf: ['']", 7, "rules[0].condition.all.conditions[0].tag.anyOf[0]"),
        ("    trigger: RULE_TRIGGER_TRAIT_OR_TAG_UPDATED\n", "", 2, "rules[0].trigger"),
        ("teamId: sales", "everyone: false", 13, "rules[0].target.everyone"),
        ("teamId: sales", "nobody: false", 13, "rules[0].target.nobody"),
        ("teamId: sales", "nobody: true\n    reply: Hi", 14, "rules[0].reply"),
        ("  - id: vip", "  - name: vip", 2, "rules[0].id"),
        ("teamId: sales", "teamId: nowhere", 13, "rules[0].target.teamId"),
    ],
)
def test_what_the_service_would_refuse_is_reported_at_its_line(check, old, new, line, field):
    """A violation that the service's own validation finds is named with file, line and field."""
    assert old in RULES
    code, lines = check(rules=RULES.replace(old, new), roster=ROSTER)
    assert code == 1
    assert lines[0].startswith(f"rules.yaml:{line}: {field}: ")
    assert lines[1:] == ["roster.yaml: ok, 2 agents, 2 teams"]


def test_a_problem_names_fields_as_the_file_writes_them(check):
    """Fields have their names in JSON, other fields in the text, too; what a file quotes and unknown keys stay."""
    rule = """\
      - id: rule_set.rules[7]
        trigger: RULE_TRIGGER_CONVERSATION_OPENED
        target: {everyone: true}
"""
    code, lines = check(rules=f"rules:\n{rule}{rule}        only_online: true\n")
    assert code == 1
    same, unknown = lines
    assert same == 'rules.yaml:5: rules[1].id: "rule_set.rules[7]" is the id of rules[0] already; each needs its own'
    assert unknown.startswith('rules.yaml:8: rules[1].only_online: unknown field "only_online"; ')


def test_descriptions_name_fields_as_the_file_writes_them(check):
    """Fields that a description names have their names in JSON; what it quotes, and names of an expression, stay."""
    rules = """\
    rules:
      - id: " team_id"
        trigger: RULE_TRIGGER_CONVERSATION_OPENED
        condition: {tag: {}}
      - id: two
        trigger: RULE_TRIGGER_CONVERSATION_OPENED
        condition: {expression: any_of == 1}
        target: {everyone: true}
    """
    _, lines = check(rules=rules)
    *said, of_expression = (line.split(": ", 2)[2] for line in lines)
    assert said == [
        '" team_id" begins or ends with space; write "team_id"',
        "is missing; say who gets the contact: agents, teamId, everyone or nobody",
        "names no tags; give some in anyOf, allOf, noneOf or changedAnyOf",
    ]
    assert "any_of" in of_expression


def test_a_report_goes_by_lines(check):
    """Problems and warnings of a file are told together, in the order of its lines."""
    roster = ROSTER.replace("  - id: A\n", "  - id: A\n    presence: PRESENCE_BUSY\n").replace("id: B", "id: A")
    code, lines = check(roster=roster.replace("id: empty", "id: sales"))
    assert code == 1
    assert [line.split(": ")[:2] for line in lines] == [
        ["roster.yaml:3", "agents[0].presence"],
        ["roster.yaml:4", "agents[1].id"],
        ["roster.yaml:7", "teams[0].agentIds[1]"],
        ["roster.yaml:8", "teams[1].id"],
    ]


def test_merge_keys_are_told_once(check):
    """A merge key is a problem that says what to do; what it would have brought is not missed besides, all else is."""
    rules = """\
    rules:
      - &first
        id: first
        trigger: RULE_TRIGGER_CONVERSATION_OPENED
        target: &all {everyone: true}
      - <<: *first
        id: second
      - id: third
        trigger: RULE_TRIGGER_CONVERSATION_OPENED
        target: {<<: *all}
        condition: {all: {conditions: [{<<: {tag: {anyOf: [a]}}}, {tag: {}}]}}
      - id: fourth
        <<: *first
        condition: {trait: {<<: {operator: TRAIT_OPERATOR_EXISTS}, key: ""}}
        strategy: ROUND_ROBIN
    """
    roster = "agents: [{<<: {id: a}, weight: -1}]\n"
    _, lines = check(rules=rules, roster=roster)
    merges = [line for line in lines if "<<" in line]
    assert [line.split(": ")[:2] for line in merges] == [
        ["rules.yaml:6", "rules[1].<<"],
        ["rules.yaml:10", "rules[2].target.<<"],
        ["rules.yaml:11", "rules[2].condition.all.conditions[0].<<"],
        ["rules.yaml:13", "rules[3].<<"],
        ["rules.yaml:14", "rules[3].condition.trait.<<"],
        ["roster.yaml:1", "agents[0].<<"],
    ]
    assert all('merge keys ("<<") are not supported: write the fields out, or' in line for line in merges)
    assert [line.split(": ")[:2] for line in lines if line not in merges] == [
        ["rules.yaml:11", "rules[2].condition.all.conditions[1].tag"],
        ["rules.yaml:14", "rules[3].condition.trait.key"],
        ["rules.yaml:15", "rules[3].strategy"],
        ["roster.yaml:1", "agents[0].weight"],
    ]


def test_a_place_for_anchors(check):
    """What stands at the top of a file under a key that begins with x- is there for its anchors, and else ignored."""
    rules = """\
    x-all: &all {everyone: true}
    x-other: [!any tag, {<<: b, target: 1e5}]
    rules:
      - id: first
        trigger: RULE_TRIGGER_CONVERSATION_OPENED
        target: *all
        x-note: within
    """
    assert check(rules=rules.replace("        x-note: within\n", "")) == (
        0,
        ["rules.yaml: ok, 1 rule, fallback off (agents and teams not looked up: no roster file given)"],
    )
    code, (line,) = check(rules=rules)
    assert code == 1
    assert line.startswith('rules.yaml:7: rules[0].x-note: unknown field "x-note"')


def test_a_problem_is_one_line_that_keeps_what_is_quoted(check):
    """A report quotes what a file holds with its doubled spaces, and line ends escaped, so that it is one line."""
    roster = """\
    agents:
      - id: "Asha  K "
      - id: Asha
        weight: "much\\nmore"
        "max\\nopen": 1
    """
    _, lines = check(roster=roster)
    assert lines[0] == 'roster.yaml:2: agents[0].id: "Asha  K " begins or ends with space; write "Asha  K"'
    assert lines[1].endswith('not "much\\u000amore"')
    assert lines[2].startswith('roster.yaml:5: agents[1].max open: unknown field "max\\u000aopen"; ')
    assert len(lines) == 3


def test_what_is_wrong_is_not_reported_as_missing_besides(check):
    """A misspelled enum value is one problem, not two; others of the file are reported with it, in order of lines."""
    text = RULES.replace("RULE_TRIGGER_TRAIT_OR_TAG_UPDATED", "TRAIT_UPDATED").replace("values: [1]", "values: []")
    code, lines = check(rules=text)
    assert code == 1
    assert [line.split(": ")[:2] for line in lines] == [
        ["rules.yaml:3", "rules[0].trigger"],
        ["rules.yaml:11", "rules[0].condition.all.conditions[1].trait.values"],
    ]


def test_a_rule_may_be_for_nobody(check):
    """`target: {nobody: true}` is right as it stands."""
    code, lines = check(rules=RULES.replace("teamId: sales", "nobody: true"), roster=ROSTER)
    assert code == 0
    assert [line for line in lines if line.startswith("rules.yaml")] == ["rules.yaml: ok, 1 rule, fallback off"]


def test_warnings_are_shown_and_pass(check):
    """An unreachable rule, an empty team and an output-only field are warnings at their lines; exit code 0."""
    rules = """\
    rules:
      - id: first
        trigger: RULE_TRIGGER_CONVERSATION_OPENED
        target: {teamId: empty}
      - id: second
        trigger: RULE_TRIGGER_CONVERSATION_OPENED
        target: {teamId: sales}
    """
    code, lines = check(rules=rules, roster=ROSTER.replace("  - id: B", "  - id: B\n    presence: PRESENCE_BUSY"))
    assert code == 0
    assert [line.split(": ")[:3] for line in lines if "warning" in line] == [
        ["rules.yaml:4", "rules[0].target.teamId", "warning"],
        ["rules.yaml:5", "rules[1]", "warning"],
        ["roster.yaml:4", "agents[1].presence", "warning"],
    ]


@pytest.mark.parametrize("nothing", ["", " ~", " null", " {}", " {tag: }", "\n      # tag: {anyOf: [VIP]}"])
def test_a_condition_with_nothing_below_it_is_warned_of(check, nothing):
    """A condition that is begun and not written always matches, which is a warning at its line, as an empty one is."""
    rules = """\
    rules:
      - id: all
        trigger: RULE_TRIGGER_CONVERSATION_OPENED
        condition:NOTHING
        target: {everyone: true}
    """
    code, (line, _) = check(rules=rules.replace("NOTHING", nothing))
    assert code == 0
    assert line.startswith("rules.yaml:4: rules[0].condition: warning: The condition is empty, so the rule always")


def test_every_file_is_checked(check):
    """A broken file does not keep the others from being checked."""
    code, lines = check(one="rules: [", two="agents: [{id: 1}]", three=ROSTER)
    assert code == 1
    assert [line.split(": ")[0] for line in lines] == ["one.yaml:1", "two.yaml:1", "three.yaml"]


@pytest.mark.parametrize(
    "arguments", [["check"], ["check", "missing.yaml"], ["check", "."], ["chekc"], ["check", "-x"]]
)
def test_wrong_usage_has_an_exit_code_of_its_own(arguments, tmp_path, monkeypatch):
    """Exit code 2 tells a wrong command line from a wrong file."""
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(app, arguments).exit_code == 2


def test_a_misspelled_command_is_guessed():
    """The command that was probably meant is named, though commands are imported only when needed."""
    assert "'check'" in CliRunner().invoke(app, ["chekc"]).output


def test_a_large_file():
    """A file of 623 rules and 1.3 MB is read and checked in less than a second of processor time."""
    content = rules_file(623).encode()
    assert len(content) > 1_300_000
    begun = time.process_time()
    (result,) = examine([parse(content, "f")])
    assert time.process_time() - begun < 1
    assert (result.problems, result.warnings) == ([], [])


def test_the_largest_file():
    """One of 10,000 rules, and 8 MB, takes less than six."""
    content = rules_file(10_000, cities=5, agents=10).encode()
    begun = time.process_time()
    (result,) = examine([parse(content, "f")])
    assert time.process_time() - begun < 6
    assert (result.problems, result.warnings) == ([], [])


def test_the_examples_are_right():
    """Every rules and roster file that we ship passes, without a warning."""
    files = sorted(str(file) for file in EXAMPLES.glob("*.yaml"))
    result = CliRunner().invoke(app, ["check", *files])
    assert (result.exit_code, "warning" in result.output) == (0, False), result.output
    assert len(files) == len(result.output.splitlines())
