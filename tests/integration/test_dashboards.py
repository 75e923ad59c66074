"""The Grafana dashboards: as generated, and each query answered by a Prometheus that watches."""

from __future__ import annotations

import json
import math
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from threading import Event
from typing import NamedTuple

import grpc
import pytest
from ruamel.yaml import YAML

from tests.support import builders as b
from tests.support import grafana, prometheus, wants
from tests.support.client import Service, Workspace
from tests.support.grafana import DASHBOARDS
from tests.support.metric_names import SCRAPED, exposed
from tests.support.processes import EvenhandServer, RedisServer, wait_until
from tests.support.promql import named

WORKSPACE = "shown"
GRAFANA_FILLS_IN = {
    "$__rate_interval": "2s",
    "$__range": "5s",
    "$__interval": "1s",
    "$namespace": ".*",
    "$instance": ".*",
    "$workspace": WORKSPACE,
    "$pool": ".*",
    "$method": "EvaluateContact",
}
filled_in = partial(grafana.filled_in, values=GRAFANA_FILLS_IN)
CALLERS = 8


class Asked(NamedTuple):
    """A query of a dashboard, as Prometheus gets it, and the labels that the legend needs."""

    where: str
    expression: str
    labels: frozenset[str]


def queries():
    """All queries: those of panels, and those that fill the lists of variables."""
    for name, dashboard in DASHBOARDS.items():
        for panel in dashboard["panels"]:
            for target in panel.get("targets", ()):
                labels = frozenset(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
                labels |= {panel["options"]["xField"]} if panel["type"] == "barchart" else frozenset()
                yield Asked(f"{name}: {panel['title']}", filled_in(target["expr"]), labels)
        for mark in dashboard["annotations"]["list"]:
            # What changed within a step is marked; a test has no minute.
            expression = filled_in(mark["expr"]).replace(f"offset {mark['step']}", "offset 1s")
            labels = frozenset(re.findall(r"\{\{(\w+)\}\}", mark["titleFormat"]))
            yield Asked(f"{name}: {mark['name']}", expression, labels)
        for variable in dashboard["templating"]["list"]:
            if variable["type"] == "query":
                series, label = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]["query"]).groups()
                # Outside Kubernetes nothing has a namespace, and that is as it should be.
                labels = frozenset({label}) - {"namespace"}
                yield Asked(f"{name}: ${variable['name']}", filled_in(f"count by ({label}) ({series})"), labels)


QUERIES = list(queries())


def test_the_dashboards_are_what_the_generator_writes(tmp_path):
    """The files in deploy/grafana/dashboards are exactly what deploy/grafana/generate.py makes."""
    subprocess.run([sys.executable, grafana.FOLDER / "generate.py", tmp_path], check=True)
    made = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert made == {path.name: path.read_text() for path in (grafana.FOLDER / "dashboards").iterdir()}
    assert {Path(name).stem for name in made} == {"distribution-fairness", "service"}


def test_kubernetes_gets_every_dashboard():
    """The kustomization makes one ConfigMap of each dashboard."""
    generated = YAML(typ="safe").load(grafana.FOLDER / "kustomization.yaml")["configMapGenerator"]
    assert {one["name"]: list(one["files"]) for one in generated} == {
        f"evenhand-dashboard-{name}": [f"dashboards/{name}.json"] for name in DASHBOARDS
    }


@pytest.mark.parametrize("asked", QUERIES, ids=lambda asked: asked.where)
def test_every_query_names_what_is_exposed(asked):
    """A query names series and labels of the service's catalogue, or of the Python process."""
    known = exposed()
    series, labels = named(asked.expression)
    assert series
    foreign = {name for name in series - known.keys() if not name.startswith(("process_", "python_"))}
    assert not foreign
    assert labels <= SCRAPED["up"].union(*(known.get(name, ()) for name in series))


@pytest.fixture(scope="module")
def watched():
    """A Prometheus that watches a service under load, until the tests are done."""
    if reason := prometheus.missing():
        pytest.skip(reason)
    options = ("--metrics-listen", "127.0.0.1:0", "--metrics-interval", "200ms", "--threads", "1")
    options = (*options, "--metrics-pools", "2", "--metrics-workspaces", "1")
    rules = re.sub(r"for: \d+m", "for: 0s", (grafana.FOLDER.parent / "prometheus" / "rules.yaml").read_text())
    with (
        RedisServer() as redis,
        EvenhandServer(redis.url, options=(*options, "--max-concurrent", "1")) as server,
        prometheus.PrometheusServer([server.ready_line.rpartition("metrics on ")[2].rstrip(")")], rules) as watching,
        ThreadPoolExecutor(CALLERS) as pool,
    ):
        configure(Workspace(WORKSPACE, Service(server.address)))
        Workspace("other", Service(server.address)).created("c")
        done = Event()
        callers = [pool.submit(call, server.address, number, done) for number in range(CALLERS)]
        try:
            yield watching
        finally:
            done.set()
        for caller in callers:
            caller.result()


def configure(workspace):
    """Two agents of different weight who get new contacts, and one who is wanted online and never is."""
    workspace.roster("ann", b.agent("ben", weight=2), "eve", sales=["ann", "ben"], night=["eve"])
    workspace.rules(
        b.rule("night", when=b.tag(any_of=["night"]), to=b.team("night"), online_only=True),
        b.rule("dm", to=b.team("sales")),
    )
    workspace.online("ann", "ben")


def call(address, caller, done):
    """Make calls that come out in all ways: well, with nobody to assign to, refused, shed; and change rules."""
    workspace = Workspace(WORKSPACE, Service(address))
    turn = 0
    while not done.wait(0.01):
        turn += 1
        contact_id = f"c{caller}-{turn}"
        for attempt in (
            lambda of=contact_id: workspace.created(of),
            lambda of=contact_id: workspace.created(f"{of}-night", tags=["night"]),
            lambda of=contact_id: workspace.created(f"{of}-upload", source="upload"),
            lambda: workspace.created(""),
            *((lambda: configure(workspace),) if caller == 0 and turn % 20 == 0 else ()),
        ):
            with suppress(grpc.RpcError):
                attempt()


def test_every_query_finds_something(watched):
    """Each query of panels and variables is valid and returns figures, with the labels that its legend shows."""
    unanswered = {(asked.where, asked.expression): asked for asked in QUERIES}

    def all_answered():
        for key, asked in list(unanswered.items()):
            found = [labels for labels, value in watched.query(asked.expression) if not math.isnan(value)]
            if found:
                assert all(asked.labels <= labels.keys() for labels in found), (asked, found)
                del unanswered[key]
        return not unanswered

    with suppress(AssertionError):
        wait_until(all_answered, "every query finds something", seconds=15)
    assert not unanswered


def test_another_replica_that_exposes_pools_is_no_jump(tmp_path):
    """Who got what is right over a change of the replica that exposes it, while both do and after."""
    labels = f'workspace="{WORKSPACE}", pool="team:sales", agent="ann"'
    series = {
        f'assignment_pool_assigned_total{{instance="one", {labels}}}': "100+3x11 stale",
        f'assignment_pool_assigned_total{{instance="two", {labels}}}': "_x9 127+3x20",
    }
    series[f'assignment_agent_info{{workspace="{WORKSPACE}", agent="ann", name="Ann"}}'] = "1x20"
    series[f'assignment_pool_info{{workspace="{WORKSPACE}", pool="team:sales", name="Sales"}}'] = "1x20"
    named = 'pool="team:sales", team="Sales", agent="ann", who="Ann", label="Ann · Sales", order="Sales · Ann"'
    check_answer(tmp_path, "Contacts assigned per agent", series, {f"{{{named}}}": 60})


def test_a_counter_that_is_new_counts_from_0(tmp_path):
    """What a counter had when it was first seen is not lost, and what it had before a while without figures not new."""
    got = "assignment_pool_assigned_total"
    sold = f'workspace="{WORKSPACE}", pool="team:sales"'
    series = {
        f'{got}{{{sold}, agent="new"}}': "_x15 30x6",
        f'{got}{{{sold}, agent="before"}}': "_x15 30x15",
        f'{got}{{{sold}, agent="unseen"}}': "100x5 _x12 105x14",
        f'{got}{{{sold}, agent="left"}}': "_x11 7x3 8x3 stale",
    }
    series |= {f'assignment_pool_agent_weight{{{sold}, agent="{one}"}}': "1x30" for one in ("new", "before", "unseen")}
    answer = {"new": 30, "before": 30, "unseen": 5, "left": 8}
    # Who has no name is called by its id.
    labels = (
        '{{pool="team:sales", team="team:sales", agent="{0}", who="{0}", '
        'label="{0} · team:sales", order="team:sales · {0}"}}'
    )
    title = "Contacts assigned per agent"
    check_answer(tmp_path, title, series, {labels.format(one): count for one, count in answer.items()}, within="10m")


def test_the_worst_unfairness_was_a_spell_and_not_a_few_contacts(tmp_path):
    """A spell of unfairness is seen when it is over, by its team; one contact for two agents is none."""
    sold, quiet = (f'workspace="{WORKSPACE}", pool="team:{team}"' for team in ("sales", "quiet"))
    series = {
        f"assignment_pool_eligible_agents{{{sold}}}": "2x20",
        f"assignment_pool_eligible_agents{{{quiet}}}": "2x20",
        f'assignment_pool_jain_index{{{sold}, strategy="round_robin"}}': "1x5 0.5x4 1x9",
        f'assignment_pool_jain_index{{{quiet}, strategy="round_robin"}}': "0.5x20",
        f'assignment_pool_share_spread{{{sold}, strategy="round_robin"}}': "0x5 8x4 0x9",
        f'assignment_pool_share_spread{{{quiet}, strategy="round_robin"}}': "1x20",
    }
    series |= {f'assignment_pool_agent_weight{{{pool}, agent="ann"}}': "1x20" for pool in (sold, quiet)}
    series |= {f'assignment_pool_info{{{pool}, name="{name}"}}': "1x20" for pool, name in ((sold, "S"), (quiet, "Q"))}
    check_answer(tmp_path, "Worst unfairness in this time", series, {'{pool="team:sales", team="S"}': 1})


def test_who_is_ahead_is_counted_in_contacts_of_the_lightest(tmp_path):
    """Two agents of weights 1 and 2 who got 6 and 6 of 12 are 2 ahead of the fair share, and 1 behind it."""
    series = {}
    for agent, weight, got in (("ann", 1, "0 6x19"), ("ben", 2, "0 6x19")):
        labels = f'workspace="{WORKSPACE}", pool="team:sales", agent="{agent}"'
        series[f"assignment_pool_assigned_total{{{labels}}}"] = got
        series[f"assignment_pool_agent_weight{{{labels}}}"] = f"{weight}x20"
        series[f'assignment_agent_info{{workspace="{WORKSPACE}", agent="{agent}", name="{agent.title()}"}}'] = "1x20"
    pool = f'workspace="{WORKSPACE}", pool="team:sales"'
    series[f'assignment_pool_share_spread{{{pool}, strategy="round_robin"}}'] = "1x20"
    series[f'assignment_pool_info{{{pool}, name="Sales"}}'] = "1x20"
    answer = {
        f'{{pool="team:sales", team="Sales", agent="{agent}", who="{name}", label="{name} · Sales", '
        f'order="Sales · {name}"}}': ahead
        for agent, name, ahead in (("ann", "Ann", 2), ("ben", "Ben", -1))
    }
    check_answer(tmp_path, "Ahead of the fair share, or behind", series, answer)


def check_answer(tmp_path, title, series, answer, within="20m"):
    """Check what a panel on fairness answers, rounded, to the last of 20 minutes of samples, one a minute."""
    program = shutil.which("promtool")
    if program is None:
        pytest.skip(wants.reason("promtool is not on PATH", wants.PROMETHEUS))
    (panel,) = (panel for panel in DASHBOARDS["distribution-fairness"]["panels"] if panel["title"] == title)
    asked = panel["targets"][0]["expr"].replace("$__range", within).replace("$__interval", "1m")
    case = {
        "interval": "1m",
        "input_series": [{"series": one, "values": values} for one, values in series.items()],
        "promql_expr_test": [
            {
                "expr": f"round({filled_in(asked)})",
                "eval_time": "20m",
                "exp_samples": [{"labels": labels, "value": value} for labels, value in answer.items()],
            }
        ],
    }
    tests = tmp_path / "samples.yaml"
    tests.write_text(json.dumps({"evaluation_interval": "1m", "tests": [case]}))
    done = subprocess.run([program, "test", "rules", tests], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
