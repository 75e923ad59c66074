"""The Prometheus rules: valid, proved on both sides, documented, and about metrics that the service has."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import typer.main
from ruamel.yaml import YAML

from service.cli.commands import COMMANDS, app
from tests.support import wants
from tests.support.metric_names import exposed
from tests.support.promql import named

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "deploy" / "prometheus"
RUNBOOKS = ROOT / "deploy" / "runbooks"
REPOSITORY = "{{ $externalLabels.evenhand_repository }}"

SERIES = exposed()
GROUPS = YAML(typ="safe").load(PROMETHEUS / "rules.yaml")["groups"]
RULES = [rule for group in GROUPS for rule in group["rules"]]
ALERTS = {rule["alert"]: rule for rule in RULES if "alert" in rule}
RECORDS = {rule["record"]: rule for rule in RULES if "record" in rule}
CASES = sorted((PROMETHEUS / "tests").glob("*.test.yaml"))
PAGES = {page.stem: page.read_text() for page in sorted(RUNBOOKS.glob("*.md")) if page.name != "README.md"}


def blocks(language: str) -> list[tuple[str, str]]:
    """What runbooks show in one language: (page, one expression or command line)."""
    separator = "\n\n" if language == "promql" else "\n"
    return [
        (page, shown.strip())
        for page, text in PAGES.items()
        for block in re.findall(rf"^ *```{language}\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)
        for shown in block.split(separator)
    ]


QUERIES = blocks("promql")
EXPRESSIONS = [(rule.get("alert") or rule["record"], rule["expr"]) for rule in RULES] + QUERIES


@pytest.fixture(scope="session")
def promtool():
    """A function that runs promtool and fails with what it says."""
    program = shutil.which("promtool")
    if program is None:
        pytest.skip(wants.reason("promtool is not on PATH", wants.PROMETHEUS))

    def run(*arguments: str | Path) -> None:
        done = subprocess.run(
            [program, *map(str, arguments)], cwd=PROMETHEUS, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr

    return run


def test_prometheus_takes_the_rules(promtool):
    """Promtool finds nothing wrong with the rules."""
    promtool("check", "rules", "rules.yaml")


def test_prometheus_takes_the_sample_configuration(promtool):
    """Promtool finds nothing wrong with the configuration, and finds the rules that it names."""
    promtool("check", "config", "prometheus.yaml")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.removesuffix(".test.yaml"))
def test_alerts_do_what_their_cases_say(promtool, case):
    """Fed with the series of its cases, each alert fires where they say so, with these words, and nowhere else."""
    promtool("test", "rules", case)


def test_runbooks_show_valid_queries(promtool, tmp_path):
    """Promtool parses every query of the runbooks."""
    rules = [
        {"record": "runbook:query", "expr": query, "labels": {"at": str(at)}} for at, (_, query) in enumerate(QUERIES)
    ]
    file = tmp_path / "queries.yaml"
    YAML(typ="safe").dump({"groups": [{"name": "queries", "rules": rules}]}, file)
    promtool("check", "rules", file)


def test_groups_are_named_after_the_service():
    """Groups are told from those of others by their names, and none is named twice."""
    names = [group["name"] for group in GROUPS]
    assert all(name.startswith("evenhand-") for name in names)
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_says_what_it_means(name):
    """An alert has a summary, a description, a severity that is known, a time to wait, and a runbook that exists."""
    alert = ALERTS[name]
    annotations = alert["annotations"]
    assert {"summary", "description", "runbook_url"} == set(annotations)
    assert all(text.strip() for text in annotations.values())
    assert alert["labels"]["severity"] in {"critical", "warning"}
    assert alert["for"]
    assert annotations["runbook_url"] == f"{REPOSITORY}deploy/runbooks/{name}.md"
    assert (RUNBOOKS / f"{name}.md").is_file()


@pytest.mark.parametrize("page", PAGES)
def test_a_runbook_belongs_to_an_alert(page):
    """A runbook is about an alert, by its name and severity, and says all that one wants to know at night."""
    text = PAGES[page]
    assert text.startswith(f"# {page} ({ALERTS[page]['labels']['severity']})\n")
    for part in ("**Means:**", "**Hurts:**", "## Look", "## Mend", "## False when"):
        assert part in text
    assert [link for link in re.findall(r"\]\((?!https?:)([^)]+)\)", text) if not (RUNBOOKS / link).exists()] == []


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_has_cases_on_both_sides(name):
    """One case shows an alert firing, another shows it quiet."""
    checks = [
        check
        for file in CASES
        for case in YAML(typ="safe").load(file)["tests"]
        for check in case.get("alert_rule_test", [])
        if check["alertname"] == name
    ]
    assert any(check["exp_alerts"] for check in checks)
    assert not all(check["exp_alerts"] for check in checks)


@pytest.mark.parametrize(("where", "expression"), EXPRESSIONS)
def test_expressions_name_what_there_is(where, expression):
    """Rules and runbooks name series that the service exposes or a rule records, by labels that some series has."""
    names, labels = named(expression)
    assert names, where
    assert names <= SERIES.keys() | RECORDS.keys()
    assert labels <= set().union(*SERIES.values())


@pytest.mark.parametrize("name", RECORDS)
def test_a_recorded_series_is_read(name):
    """What is recorded is read by another rule or by a runbook."""
    readers = [where for where, expression in EXPRESSIONS if where != name and name in named(expression)[0]]
    assert readers


def test_pools_are_never_summed_over_replicas():
    """The numbers of pools, which one replica at a time exposes, are taken together by max or min before all else."""
    for where, expression in EXPRESSIONS:
        for found in re.finditer(r"(?<![\w:])assignment_(?:pool_\w+|contacts_\w+|collector_up)", expression):
            before = re.sub(r"(?:max|last)_over_time\($", "", expression[: found.start()].rstrip())
            shown_alone = not before or before.endswith("count by (instance) (")
            assert shown_alone or re.search(r"\b(?:max|min) by \([\w, ]+\) \($", before), where


@pytest.mark.parametrize(("where", "line"), [found for found in blocks("sh") if found[1].startswith("evenhand ")])
def test_runbooks_show_commands_that_there_are(where, line):
    """A command of a runbook exists, with the options that are shown."""
    name, *words = line.split()[1:]
    assert name in COMMANDS, where
    command = typer.main.get_command(app).get_command(None, name)
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    assert {word for word in words if word.startswith("-")} <= known


@pytest.mark.parametrize(
    ("expression", "names", "labels"),
    [
        ('up{job="a", x!~"b"} == 1', {"up"}, {"job", "x"}),
        ("sum by (le, script) (rate(a_bucket[5m])) offset 5m", {"a_bucket"}, {"le", "script"}),
        ("a / on (le) group_left () b:c:max", {"a", "b:c:max"}, {"le"}),
        ('label_replace(up, "x", "$1", "y", "(.*)") and 1 - 0.5 / (n >= 2) # why', {"up", "n"}, set()),
    ],
)
def test_names_are_read_out_of_promql(expression, names, labels):
    """The reader of expressions tells series and labels from functions, words, texts and comments."""
    assert named(expression) == (names, labels)
