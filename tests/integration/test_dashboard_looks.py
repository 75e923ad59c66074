"""How the Grafana dashboards look: explained, short units, fixed colors, limits in sight, marks; and the pictures."""

from __future__ import annotations

import json
import re
from itertools import pairwise

import pytest
from evenhand.v1 import decision_pb2

from tests.support import grafana
from tests.support.grafana import DASHBOARDS

PANELS = [pytest.param(panel, id=f"{name}: {panel['title']}") for name, panel in grafana.panels()]
COUNTED = {"Assigned in this time", "Without an owner now", "Replicas by version"}
"""Titles of tiles that count whole things."""

DECIDED = {
    ("assigned", "rule"),
    ("assigned", "fallback"),
    ("assigned", "replay"),
    ("already_assigned", "owner"),
    ("already_assigned", "replay"),
    ("no_agent_available", "rule"),
    ("no_agent_available", "fallback"),
    ("no_agent_available", "replay"),
    ("no_rule_matched", "no_rule"),
    ("no_rule_matched", "replay"),
    ("left_unassigned", "rule"),
    ("left_unassigned", "replay"),
}
"""Outcomes of the contract, with the reasons that the service counts them by."""


@pytest.mark.parametrize("picture", grafana.PICTURES, ids=lambda picture: picture.stem)
def test_the_pictures_are_of_these_panels(picture):
    """A picture was drawn from the panels and queries that its dashboard has; else `make picture` again."""
    drawn_from = json.loads(grafana.png_texts(picture)[grafana.DRAWN_FROM])
    assert drawn_from == grafana.fingerprints(DASHBOARDS[picture.stem])


@pytest.mark.parametrize("panel", PANELS)
def test_every_panel_says_what_it_means(panel):
    """A panel has a unit, queries, and a description that is one sentence."""
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["targets"]
    assert re.fullmatch(r"[A-Z0-9](?:(?!\. ).)+\.", panel["description"])


@pytest.mark.parametrize("panel", PANELS)
def test_units_are_short_and_percentages_are_as_high_as_they_are(panel):
    """No tick carries a phrase, and no axis of per cent is fixed at 100, where 1 % and 5 % would be one line."""
    defaults = panel["fieldConfig"]["defaults"]
    assert defaults["unit"] in {"locale", "none", "percentunit", "s", "bytes", "bool_yes_no"}
    if defaults["unit"] == "percentunit":
        assert "max" not in defaults


@pytest.mark.parametrize("panel", PANELS)
def test_whole_things_have_no_decimals(panel):
    """Where an axis or a tile counts contacts, agents, calls, workspaces or replicas, no tick says 2.5."""
    defaults = panel["fieldConfig"]["defaults"]
    whole = {"contacts", "agents", "calls", "workspaces", "replicas"}
    if defaults.get("custom", {}).get("axisLabel") in whole or panel["title"] in COUNTED:
        assert defaults["decimals"] == 0


def test_limits_that_are_drawn_are_in_sight_and_apart():
    """Whatever the values, each drawn limit is at least a tenth of the axis from the next, and below its end."""
    shown = [panel["fieldConfig"]["defaults"] for _, panel in grafana.panels()]
    limited = [one for one in shown if one.get("custom", {}).get("thresholdsStyle", {}).get("mode", "off") != "off"]
    assert len(limited) == 3
    for defaults in limited:
        ends = defaults["custom"].get("axisSoftMin", 0), defaults["custom"]["axisSoftMax"]
        lines = [ends[0], *(step["value"] for step in defaults["thresholds"]["steps"][1:]), ends[1]]
        assert all(after - before >= (ends[1] - ends[0]) / 10 for before, after in pairwise(lines))


@pytest.mark.parametrize(
    ("title", "counted"),
    [
        ("Decisions by outcome and reason", {f"{outcome} · {reason}" for outcome, reason in DECIDED}),
        ("Left unassigned", {"no_agent_available", "overdue"}),
    ],
)
def test_every_outcome_has_its_color(title, counted):
    """What a decision came out as has one color and name, whatever else is shown, and only "no agent" is red."""
    (panel,) = (panel for _, panel in grafana.panels() if (panel["title"], panel["type"]) == (title, "timeseries"))
    looks = {}
    for series in counted:
        (override,) = (
            one for one in panel["fieldConfig"]["overrides"] if re.search(one["matcher"]["options"].strip("/"), series)
        )
        found = {one["id"]: one["value"] for one in override["properties"]}
        assert found["color"]["mode"] == "fixed"
        looks[series] = found["color"]["fixedColor"], found["displayName"]
    assert len(set(looks.values())) == len(looks)
    red = {series for series, (color, _) in looks.items() if "red" in color}
    assert red == {series for series in counted if series.startswith("no_agent_available") and "replay" not in series}


def test_no_outcome_was_forgotten():
    """The outcomes that have a color are those of the contract."""
    outcomes = {name.removeprefix("OUTCOME_").lower() for name in decision_pb2.Outcome.DESCRIPTOR.values_by_name} - {
        "unspecified"
    }
    assert {outcome for outcome, _ in DECIDED} == outcomes


@pytest.mark.parametrize("name", DASHBOARDS)
def test_what_happened_is_marked(name):
    """Every dashboard marks alerts and replicas that began, and lists alerts; fairness marks changes of rules, too."""
    marks = {mark["name"] for mark in DASHBOARDS[name]["annotations"]["list"]}
    rules = {"Changes of rules"} if name == "distribution-fairness" else set()
    assert marks == {"Alerts", "Replicas that began"} | rules
    assert "Alerts that are firing" in {panel["title"] for panel in DASHBOARDS[name]["panels"]}
