"""What the dashboards say to have been counted is exactly what the service answered, through bursts and failures."""

from __future__ import annotations

import re
from collections import Counter
from contextlib import ExitStack
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.support import builders as b
from tests.support import grafana, prometheus
from tests.support.client import Service, Workspace
from tests.support.processes import EvenhandServer, RedisServer, free_port, wait_until
from tests.support.prometheus import PrometheusServer
from tests.support.scrape import Scrape

if TYPE_CHECKING:
    from collections.abc import Iterator

BURSTS = (1, 30, 1000)
RANGES = ("5m", "6h")
PANELS = {(panel["title"], panel["type"]): panel for panel in grafana.DASHBOARDS["distribution-fairness"]["panels"]}
DAY, NIGHT = {"ann": 1, "ben": 2, "eve": 1}, {"zoe": 1}

Shown = dict[tuple[str, str], dict[tuple[str, ...], float]]
"""What panels show, by title and kind, and by the labels of the legend (or else by agent)."""


class Served(NamedTuple):
    """Two replicas, at addresses that are told beforehand, and a Prometheus that watches both."""

    replicas: list[EvenhandServer]
    watching: PrometheusServer


class Answers:
    """What the service answered about the contacts of one workspace."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.assigned: Counter[str] = Counter()
        self.outcomes: Counter[int] = Counter()

    def configure(self, replica: EvenhandServer) -> None:
        """Let new contacts find three agents, and at night one who never comes."""
        workspace = Workspace(self.name, Service(replica.address))
        weighted = [b.agent(one, weight=weight) for one, weight in (DAY | NIGHT).items()]
        workspace.roster(*weighted, sales=list(DAY), night=list(NIGHT))
        workspace.rules(
            b.rule("night", on=b.ON_NEW_WHATSAPP, when=b.tag(any_of=["night"]), to=b.team("night"), online_only=True),
            b.rule("dm", on=b.ON_NEW_WHATSAPP, to=b.team("sales")),
        )

    def burst(self, replica: EvenhandServer, count: int, moment: str) -> None:
        """Have so many contacts come, a third as many at night, and a third as many that no rule is for."""
        workspace = Workspace(self.name, Service(replica.address))
        decisions = workspace.created_in_batch([f"{moment}-{number}" for number in range(count)])
        for kind, fields in {"night": {"tags": ["night"]}, "upload": {"source": "upload"}}.items():
            if count >= len("123"):
                ids = [f"{moment}-{kind}-{number}" for number in range(count // 3)]
                decisions += workspace.created_in_batch(ids, **fields)
        self.outcomes.update(one.outcome for one in decisions)
        self.assigned.update(one.agent_id for one in decisions if one.outcome == b.ASSIGNED)

    def expected(self) -> Shown:
        """What every panel that counts is to show."""
        total, unassigned = self.assigned.total(), self.outcomes[b.NO_AGENT_AVAILABLE]
        assert total == self.outcomes[b.ASSIGNED]
        turned_out = {("no_agent_available",): unassigned, ("overdue",): 0}
        return {
            ("Assigned in this time", "stat"): {(): total},
            ("Contacts assigned per agent", "barchart"): {
                **{(one,): self.assigned[one] for one in DAY},
                ("zoe",): 0,
            },
            ("Each agent's share, against the fair share", "barchart"): {
                (one,): self.assigned[one] / total for one in DAY
            },
            ("Left unassigned", "stat"): {(): unassigned / (unassigned + total)},
            ("Left unassigned", "timeseries"): turned_out,
            ("Without an owner now", "stat"): {
                ("unmatched",): self.outcomes[b.NO_RULE_MATCHED],
                ("unassigned",): unassigned,
            },
        }


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    """The first of the replicas runs, and Prometheus waits for the second."""
    if reason := prometheus.missing():
        pytest.skip(reason)
    with ExitStack() as stack:
        redis = stack.enter_context(RedisServer())
        addresses = [f"127.0.0.1:{free_port()}" for _ in range(2)]
        replicas = [
            EvenhandServer(redis.url, options=("--metrics-listen", address, "--metrics-interval", "200ms"))
            for address in addresses
        ]
        for replica in replicas:
            stack.callback(replica.close)
        watching = stack.enter_context(PrometheusServer(addresses))
        replicas[0].start()
        yield Served(replicas, watching)


def shown(watching: PrometheusServer, answers: Answers, within: str) -> Shown:
    """What the first query of each panel that counts answers, over a range."""
    filled = {"$__range": within, "$__interval": within, "$namespace": ".*", "$workspace": answers.name, "$pool": ".*"}
    found: Shown = {}
    for which in answers.expected():
        target = PANELS[which]["targets"][0]
        labels = re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])
        labels = labels or ["agent"] * (which[1] == "barchart")
        samples = watching.query(grafana.filled_in(target["expr"], filled))
        found[which] = {tuple(has[label] for label in labels): value for has, value in samples}
    return found


def are_exact(watching: PrometheusServer, answers: Answers) -> None:
    """Wait until all of it has been scraped: then every panel is right, over every range."""
    for within in RANGES:
        expected = {which: pytest.approx(values) for which, values in answers.expected().items()}
        wait_until(
            lambda expected=expected, within=within: shown(watching, answers, within) == expected,
            f"over {within}: {answers.expected()}, and not {shown(watching, answers, within)}",
            seconds=10,
        )


def test_every_contact_of_a_burst_is_counted_once(served):
    """Panels show what was answered, of bursts just after configuring, joining, a replica's end and its return."""
    (first, second), watching = served
    every = [Answers(f"burst-{count}") for count in BURSTS]
    for answers, count in zip(every, BURSTS, strict=True):
        answers.configure(first)
        answers.burst(first, count, "configured")
    for answers in every:
        are_exact(watching, answers)
    second.start()
    for answers, count in zip(every, BURSTS, strict=True):
        answers.burst(second, count, "joined")
    for answers in every:
        are_exact(watching, answers)
    assert Scrape(first).value("assignment_collector_up") == 1
    for answers, count in zip(every, BURSTS, strict=True):
        answers.burst(first, count, "before")
    first.kill()
    for answers, count in zip(every, BURSTS, strict=True):
        answers.burst(second, count, "after")
    for answers in every:
        are_exact(watching, answers)
    first.start()
    for answers, count in zip(every, BURSTS, strict=True):
        answers.burst(first, count, "back")
    assert Scrape(second).value("assignment_collector_up") == 1
    second.terminate()
    for answers in every:
        are_exact(watching, answers)
    assert [answers.assigned.total() for answers in every] == [5 * count for count in BURSTS]


def test_the_dashboard_says_what_falls_under_other():
    """As soon as some workspaces, pools or agents have no label of their own the dashboard says so, and not before."""
    if reason := prometheus.missing():
        pytest.skip(reason)
    options = ("--metrics-listen", "127.0.0.1:0", "--metrics-interval", "200ms", "--metrics-workspaces", "1")
    options = (*options, "--metrics-pools", "1", "--metrics-agents", "2")
    with RedisServer() as redis, EvenhandServer(redis.url, options=options) as server:
        target = server.ready_line.rpartition("metrics on ")[2].rstrip(")")
        with PrometheusServer([target]) as watching:
            workspace = Workspace("bounded", Service(server.address))
            workspace.roster("ann", "ben", "eve", sales=["ann", "ben"])

            def others() -> set[str]:
                target = PANELS["Shown only as other", "stat"]["targets"][0]
                filled = {"$namespace": ".*", "$workspace": workspace.id}
                return {has["what"] for has, _ in watching.query(grafana.filled_in(target["expr"], filled))}

            sales = b.rule("dm", to=b.team("sales"))
            workspace.rules(sales)
            wait_until(lambda: watching.query("assignment_pool_assigned_total"), "the pool is seen")
            assert others() == set()
            workspace.rules(sales, b.rule("rest", on=b.ON_CREATED))
            wait_until(lambda: others() == {"pools"}, "a second pool is other")
            workspace.roster("ann", "ben", "eve", sales=["ann", "ben", "eve"])
            wait_until(lambda: others() == {"pools", "agents"}, "a third agent of the pool is other")
            Workspace("unbounded", Service(server.address)).created("c")
            wait_until(lambda: others() == {"pools", "agents", "workspaces"}, "a second workspace is other")
