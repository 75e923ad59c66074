"""Who counts as left unassigned, on the tile and in the alert: a real service, watched by a real Prometheus."""

from __future__ import annotations

import time
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from evenhand.v1.assignment_service_pb2 import ConfigureRulesRequest
from evenhand.v1.roster_service_pb2 import ConfigureRosterRequest

from service.cli import documents
from tests.support import builders as b
from tests.support import grafana, prometheus
from tests.support.client import Service, Workspace
from tests.support.processes import EvenhandServer, RedisServer, wait_until
from tests.support.prometheus import PrometheusServer
from tests.support.scrape import Scrape

if TYPE_CHECKING:
    from collections.abc import Iterator

DEPLOY = Path(__file__).parents[2] / "deploy"
OVERDUE_SECONDS = 6
ALERT_SECONDS = 20
ALERT = 'ALERTS{alertname="EvenhandContactsUnassigned", alertstate="firing"}'


def hurried(rules: str) -> str:
    """The alerts, with a quarter of an hour as four seconds, and ten minutes' wait as one second."""
    for slow, fast in {"[15m]": "[4s]", "offset 15m": "offset 4s", "for: 10m": "for: 1s"}.items():
        assert slow in rules
        rules = rules.replace(slow, fast)
    return rules


@pytest.fixture(scope="module")
def server() -> Iterator[EvenhandServer]:
    """A service for which a contact is overdue after seconds."""
    options = ("--metrics-listen", "127.0.0.1:0", "--metrics-interval", "200ms")
    options = (*options, "--unassigned-after", f"{OVERDUE_SECONDS}s")
    with RedisServer() as redis, EvenhandServer(redis.url, options=options) as started:
        yield started


@pytest.fixture(scope="module")
def watching(server: EvenhandServer) -> Iterator[PrometheusServer]:
    """A Prometheus that watches it, and has the alerts."""
    if reason := prometheus.missing():
        pytest.skip(reason)
    rules = (DEPLOY / "prometheus" / "rules.yaml").read_text()
    target = server.ready_line.rpartition("metrics on ")[2].rstrip(")")
    with ExitStack() as stack:
        yield stack.enter_context(PrometheusServer([target], hurried(rules)))


def clothing_store(server: EvenhandServer) -> Workspace:
    """The README's clothing store, configured from its files."""
    workspace = Workspace("clothing-store", Service(server.address))
    roster, rules = (
        documents.read(DEPLOY / "examples" / f"interakt-clothing-store.{kind}.yaml").message
        for kind in ("roster", "rules")
    )
    workspace.call("ConfigureRoster", ConfigureRosterRequest(roster=roster))
    workspace.call("ConfigureRules", ConfigureRulesRequest(rule_set=rules))
    return workspace


def tile(watching: PrometheusServer, workspace: Workspace) -> float | None:
    """What the tile "Left unassigned" shows; None: that there were no contacts."""
    (panel,) = (
        panel
        for panel in grafana.DASHBOARDS["distribution-fairness"]["panels"]
        if (panel["title"], panel["type"]) == ("Left unassigned", "stat")
    )
    filled = {"$__range": "6h", "$namespace": ".*", "$workspace": workspace.id}
    values = [value for _, value in watching.query(grafana.filled_in(panel["targets"][0]["expr"], filled))]
    return values[0] if values else None


def test_a_first_message_that_waits_for_its_workflow_alarms_nobody(server, watching):
    """The clothing store fires no alert and no tile is red, while a workspace where nobody is there does both."""
    store, nobody = clothing_store(server), Workspace("nobody-there", Service(server.address))
    nobody.roster("ann")
    nobody.rules(b.rule("dm", online_only=True))
    end = time.monotonic() + ALERT_SECONDS
    for came in count():
        if watching.query(f'{ALERT[:-1]}, workspace="{nobody.id}"}}'):
            break
        assert time.monotonic() < end, watching.query('{__name__=~"workspace:.+"}')
        nobody.created(f"c{came}")
        shopper = f"s{came}"
        assert store.created(shopper).outcome == b.NO_RULE_MATCHED
        assert store.updated(shopper, "fashion", traits={"fashion": "Women's"}).outcome == b.NO_RULE_MATCHED
        traits = {"fashion": "Women's", "budget": 900 if came % 2 else 9000}
        assert store.updated(shopper, "budget", traits=traits).outcome == b.ASSIGNED
    assert not watching.query(f'{ALERT[:-1]}, workspace="{store.id}"}}')
    wait_until(lambda: tile(watching, store) == 0, "the store's tile shows that nobody is left")
    assert tile(watching, nobody) == 1


def counted(server: EvenhandServer, workspace: Workspace) -> dict[str, float | None]:
    """The metrics of contacts without an owner, by what they tell."""
    found = Scrape(server)
    turned_out, there_are = "assignment_contacts_unassigned_total", "assignment_contacts_without_owner"
    return {
        "no agent": found.value(turned_out, workspace=workspace.id, reason="no_agent_available"),
        "overdue": found.value(turned_out, workspace=workspace.id, reason="overdue"),
        "late": found.value("assignment_contacts_assigned_late_total", workspace=workspace.id),
        "unmatched": found.value(there_are, workspace=workspace.id, state="unmatched"),
        "unassigned": found.value(there_are, workspace=workspace.id, state="unassigned"),
    }


def becomes(server: EvenhandServer, workspace: Workspace, *expected: int) -> None:
    """Wait until the metrics are these, in their order."""
    seconds = 3 * OVERDUE_SECONDS
    wait_until(lambda: [*counted(server, workspace).values()] == [*expected], f"{expected} are counted", seconds)


def test_a_contact_counts_once_until_it_is_assigned(server):
    """A contact is counted when it finds nobody or is overdue, once, until a rule or a person gives it an owner."""
    workspace = Workspace("counted-once", Service(server.address))
    workspace.roster("ann", night=["ann"])
    workspace.rules(b.rule("dm", online_only=True), b.rule("asked", on=b.ON_UPDATE, when=b.tag(any_of=["day"])))
    becomes(server, workspace, 0, 0, 0, 0, 0)
    for _ in range(3):
        assert workspace.created("finds-nobody").outcome == b.NO_AGENT_AVAILABLE
    workspace.updated("finds-nobody", "x", traits={"x": 1})
    for one in ("forgotten", "asked", "by-hand", "closed", "owned"):
        assert workspace.created(one, source="upload").outcome == b.NO_RULE_MATCHED
    becomes(server, workspace, 1, 0, 0, 5, 1)
    assert workspace.updated("asked", tags=["day"]).outcome == b.ASSIGNED
    workspace.assign("by-hand", "ann")
    workspace.close("closed")
    workspace.updated("owned", "x", traits={"x": 1}, owner="ann")
    becomes(server, workspace, 1, 0, 0, 1, 1)
    becomes(server, workspace, 1, 1, 0, 0, 2)
    workspace.updated("forgotten", "x", traits={"x": 1})
    becomes(server, workspace, 1, 1, 0, 0, 2)
    assert workspace.updated("forgotten", tags=["day"]).outcome == b.ASSIGNED
    becomes(server, workspace, 1, 1, 1, 0, 1)
    workspace.online("ann")
    assert workspace.created("finds-nobody").outcome == b.ASSIGNED
    becomes(server, workspace, 1, 1, 2, 0, 0)
    workspace.unassign("finds-nobody")
    workspace.offline("ann")
    assert workspace.created("finds-nobody").outcome == b.NO_AGENT_AVAILABLE
    becomes(server, workspace, 2, 1, 2, 0, 1)


def test_a_contact_that_a_rule_leaves_to_nobody_alarms_nobody(server):
    """It is never overdue, nor after events that no rule matches; one that was counted before is counted no more."""
    workspace = Workspace("left-alone", Service(server.address))
    workspace.roster("ann")
    hush = b.rule("hush", on=b.ON_UPDATE, when=b.tag(any_of=["spam"]), to=b.NOBODY)
    workspace.rules(hush, b.rule("dm", on=b.ON_CREATED, when=b.source("dm"), online_only=True))
    becomes(server, workspace, 0, 0, 0, 0, 0)
    assert workspace.updated("spam", tags=["spam"]).outcome == b.LEFT_UNASSIGNED
    assert workspace.created("waits", source="upload").outcome == b.NO_RULE_MATCHED
    assert workspace.created("finds-nobody", source="dm").outcome == b.NO_AGENT_AVAILABLE
    becomes(server, workspace, 1, 0, 0, 1, 1)
    for one in ("waits", "finds-nobody"):
        assert workspace.updated(one, tags=["spam"]).outcome == b.LEFT_UNASSIGNED
    becomes(server, workspace, 1, 0, 0, 0, 0)
    for _ in range(2):
        for one in ("spam", "waits", "finds-nobody"):
            assert workspace.updated(one, "x", traits={"x": 1}).outcome == b.NO_RULE_MATCHED
    assert workspace.created("forgotten", source="upload").outcome == b.NO_RULE_MATCHED
    becomes(server, workspace, 1, 0, 0, 1, 0)
    becomes(server, workspace, 1, 1, 0, 0, 1)
    assert workspace.created("spam", source="dm").outcome == b.NO_AGENT_AVAILABLE
    becomes(server, workspace, 2, 1, 0, 0, 2)
    found = Scrape(server)
    labels = {"workspace": workspace.id, "outcome": "left_unassigned", "strategy": "none", "reason": "rule"}
    assert found.value("assignment_decisions_total", **labels) == 3


def test_who_never_answers_is_overdue(server, watching):
    """Contacts whose workflow never comes to an end are on the tile as soon as they are overdue."""
    workspace = Workspace("silent", Service(server.address))
    workspace.roster("ann")
    workspace.rules(b.rule("asked", on=b.ON_UPDATE))
    for number in range(30):
        workspace.created(f"c{number}")
    becomes(server, workspace, 0, 0, 0, 30, 0)
    assert tile(watching, workspace) is None
    becomes(server, workspace, 0, 30, 0, 0, 30)
    wait_until(lambda: tile(watching, workspace) == 1, "the tile shows them")
