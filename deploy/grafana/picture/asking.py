"""What Grafana would do for a dashboard: ask Prometheus what each panel asks, and give each series its name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.support.grafana import filled_in

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.support.prometheus import PrometheusServer


@dataclass(frozen=True)
class Range:
    """The time that is shown.

    Attributes:
        start: in seconds since 1970.
        end: in seconds since 1970.
        step: seconds between two points of a line.
    """

    start: float
    end: float
    step: float


@dataclass(frozen=True)
class Series:
    """What Prometheus answered, of one series.

    Attributes:
        name: by the legend of its query.
        labels: its labels.
        query: the number of its query in the panel, from 0 on.
        points: times, in seconds since 1970, and values; one only, if the query is of the end of the range.
    """

    name: str
    labels: Mapping[str, str]
    query: int
    points: list[tuple[float, float]]

    @property
    def last(self) -> float:
        """The latest value."""
        return self.points[-1][1]

    @property
    def lowest(self) -> float:
        """The smallest value."""
        return min(value for _, value in self.points)

    @property
    def highest(self) -> float:
        """The largest value."""
        return max(value for _, value in self.points)


@dataclass(frozen=True)
class Panel:
    """A panel with its answers.

    Attributes:
        spec: the panel as the dashboard's file has it.
        series: in the order of the queries, and of what was answered.
    """

    spec: dict[str, Any]
    series: list[Series]

    @property
    def defaults(self) -> dict[str, Any]:
        """What holds for all its series: unit, decimals, limits and so on."""
        return self.spec["fieldConfig"]["defaults"]


def asked(
    dashboard: Mapping[str, Any], prometheus: PrometheusServer, shown: Range, values: Mapping[str, str]
) -> list[Panel]:
    """Ask for all panels; a row between panels is one without series.

    Args:
        dashboard: as its file has it.
        prometheus: whom to ask.
        shown: which time.
        values: what to fill in for Grafana's variables.

    Raises:
        AssertionError: a query is wrong, or finds nothing to show.
    """
    panels = []
    for spec in dashboard["panels"]:
        series = [
            one
            for number, target in enumerate(spec.get("targets", ()))
            for one in _answers(prometheus, target, number, shown, values)
        ]
        assert series or spec["type"] == "row", f"{spec['title']}: nothing to show"
        panels.append(Panel(spec, series))
    return panels


def _answers(
    prometheus: PrometheusServer, target: Mapping[str, Any], number: int, shown: Range, values: Mapping[str, str]
) -> list[Series]:
    expression = filled_in(target["expr"], values)
    if target["range"]:
        found = prometheus.query_range(expression, shown.start, shown.end, shown.step)
        # Grafana sorts nothing either, but Prometheus answers a range in the order of labels.
        return [Series(_named(target, labels), labels, number, points) for labels, points in found]
    now = prometheus.query(expression, shown.end)
    return [Series(_named(target, labels), labels, number, [(shown.end, value)]) for labels, value in now]


def _named(target: Mapping[str, Any], labels: Mapping[str, str]) -> str:
    return re.sub(r"\{\{(\w+)\}\}", lambda found: labels.get(found[1], ""), target["legendFormat"])
