"""The few kinds of panels that the dashboards are made of.

Every panel has a unit and one sentence for whoever looks at it: both are asked for, so none can be forgotten. What an
axis counts is written along it once, and not on every tick.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from grafana_foundation_sdk.builders import barchart, common, dashboard, prometheus, stat, table, timeseries
from grafana_foundation_sdk.models.common import (
    BigValueColorMode,
    BigValueGraphMode,
    BigValueTextMode,
    GraphDrawStyle,
    GraphThresholdsStyleMode,
    LegendDisplayMode,
    LegendPlacement,
    StackingMode,
    TooltipDisplayMode,
    VizOrientation,
)
from grafana_foundation_sdk.models.dashboard import (
    DataSourceRef,
    DataTransformerConfig,
    DynamicConfigValue,
    FieldColorModeId,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMappingResult,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat
from parts import BELOW, Limits, Look, Names, Query, Unit

if TYPE_CHECKING:
    from collections.abc import Mapping

SOURCE = DataSourceRef(type_val="prometheus", uid="$datasource")

_Panel = TypeVar("_Panel", timeseries.Panel, stat.Panel, barchart.Panel, table.Panel)


_HEIGHT, _TILE = 9, 5
"""Of a panel, and of one that shows a few figures, in Grafana's rows."""

_GRAY: Final = "#8e8e8e"
"""For what is there to be compared with, in either theme."""

_ABOUT: Final = ("workspace", "pool", "grpc_method", "instance")
"""The labels by which an alert says what it is about."""


def counted(series: str, by: str, within: str = "$__range") -> str:
    """Return by how much counters that lie in Redis grew within a time: exactly, as Prometheus saw them.

    What `increase` returns is extrapolated, and leaves out what a counter had when it was first seen. Here a counter
    that was not there when the time began counts from 0; that is looked up in the hour before, so that a while without
    figures, such as when another replica takes over, is not taken for that.

    Args:
        series: selects them.
        by: the labels that tell counters apart; not which replica exposes them.
        within: how long.
    """
    now = f"max by ({by}) (max_over_time({series}[{within}]))"
    before = f"max by ({by}) (last_over_time({series}[1h] offset {within}))"
    return f"({now} - ({before} or 0 * {now}))"


def over_time(
    title: str,
    meaning: str,
    unit: Unit,
    *queries: Query,
    width: int = 12,
    stacked: bool = False,
    names: Names = BELOW,
) -> timeseries.Panel:
    """Lines over time, from zero on; `stacked` ones add up to a whole."""
    panel = _described(timeseries.Panel(), title, meaning, unit, width)
    if unit.counts:
        # Nothing at all would have an axis up to 100.
        panel.axis_label(unit.counts).axis_soft_max(1)
    # A line on top of others in a stack would be there also for nothing.
    panel.axis_soft_min(0).fill_opacity(80 if stacked else 5).line_width(0 if stacked else 1)
    panel.tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI))
    panel.legend(
        common.VizLegendOptions()
        .show_legend(True)
        .display_mode(LegendDisplayMode.TABLE if names.figures else LegendDisplayMode.LIST)
        .placement(LegendPlacement.RIGHT if names.beside else LegendPlacement.BOTTOM)
        .calcs([*names.figures])
    )
    if stacked:
        panel.stacking(common.StackingConfig().mode(StackingMode.NORMAL))
    for at, query in enumerate(queries):
        panel.with_target(_target(query, at).range())
    return panel


def limited(panel: timeseries.Panel, limits: Limits) -> timeseries.Panel:
    """Draw the limits as dashed lines."""
    return panel.thresholds(_steps(limits)).thresholds_style(
        common.GraphThresholdsStyleConfig().mode(GraphThresholdsStyleMode.DASHED)
    )


def looking(panel: timeseries.Panel, looks: Mapping[str, Look]) -> timeseries.Panel:
    """Give series colors and names of their own, by a pattern for the legend of their query."""
    for pattern, look in looks.items():
        own = [DynamicConfigValue("color", {"mode": FieldColorModeId.FIXED, "fixedColor": look.color})]
        named = [DynamicConfigValue("displayName", look.name)] if look.name else []
        panel.override_by_regexp(pattern, own + named)
    return panel


def each_by_itself(panel: timeseries.Panel) -> timeseries.Panel:
    """Draw a bar for each point, where a point counts what came since the one before."""
    return panel.draw_style(GraphDrawStyle.BARS)


def dashed(panel: timeseries.Panel, pattern: str) -> timeseries.Panel:
    """Draw series whose name matches so that others show through where they coincide."""
    return panel.override_by_regexp(
        pattern,
        [
            DynamicConfigValue("custom.lineStyle", {"fill": "dash", "dash": [8, 8]}),
            DynamicConfigValue("custom.lineWidth", 2),
            DynamicConfigValue("custom.fillOpacity", 0),
        ],
    )


def number(
    title: str, meaning: str, unit: Unit, query: Query, *, width: int = 6, limits: Limits | None = None
) -> stat.Panel:
    """The latest value of each series, large; with its name, if there are several; in a color, if it can be bad."""
    panel = _described(stat.Panel(), title, meaning, unit, width).height(_TILE)
    panel.color_mode(BigValueColorMode.VALUE if limits else BigValueColorMode.NONE).graph_mode(BigValueGraphMode.NONE)
    panel.thresholds(_steps(limits)).reduce_options(_latest())
    return panel.with_target(_target(query, 0).instant())


def named_number(
    title: str, meaning: str, unit: Unit, query: Query, *, width: int = 6, limits: Limits | None = None
) -> stat.Panel:
    """The latest value of each series, with its name also if there is but one."""
    panel = number(title, meaning, unit, query, width=width, limits=limits)
    return panel.text_mode(BigValueTextMode.VALUE_AND_NAME)


def warning(title: str, meaning: str, query: Query, *, width: int = 6) -> stat.Panel:
    """The names of the series that there are, to be looked at; without any all is well."""
    panel = named_number(title, meaning, Unit("none"), query, width=width, limits=Limits(bad=2, warn=1))
    return panel.mappings([ValueMap({"1": ValueMappingResult("yes", "yellow")})])


def yes_or_no(title: str, meaning: str, query: Query, *, width: int = 6) -> stat.Panel:
    """A word for each series: yes for 1, no for 0."""
    words = {"1": ValueMappingResult("yes", "green"), "0": ValueMappingResult("no", "red")}
    panel = number(title, meaning, Unit("bool_yes_no"), query, width=width).mappings([ValueMap(words)])
    return panel.color_mode(BigValueColorMode.VALUE)


def columns(
    title: str,
    meaning: str,
    unit: Unit,
    *queries: Query,
    by: str,
    order: str = "",
    width: int = 12,
    bound: float | None = None,
) -> barchart.Panel:
    """Standing bars for each value of the label `by`, one of each query.

    Args:
        title: of the panel.
        meaning: one sentence.
        unit: of all.
        queries: as of the end of the range.
        by: the label that says what a bar is of.
        order: the label they are sorted by; else they stand as the query returns them.
        width: of 24.
        bound: values stay between this and its negative, which are drawn; what is beyond has another color.
    """
    panel = _described(barchart.Panel(), title, meaning, unit, width)
    panel.axis_label(unit.counts).axis_soft_min(0).axis_soft_max(1 if unit.counts else 0)
    panel.x_field(by).orientation(VizOrientation.VERTICAL)
    panel.x_tick_label_rotation(-45).x_tick_label_max_length(24).fill_opacity(80).line_width(0)
    panel.legend(
        common.VizLegendOptions()
        .show_legend(len(queries) > 1)
        .display_mode(LegendDisplayMode.LIST)
        .placement(LegendPlacement.BOTTOM)
        .calcs([])
    )
    if bound is not None:
        steps = [Threshold(None, "yellow"), Threshold(-bound, "green"), Threshold(bound, "yellow")]
        panel.thresholds(dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps))
        panel.thresholds_style(common.GraphThresholdsStyleConfig().mode(GraphThresholdsStyleMode.DASHED))
        panel.color_scheme(dashboard.FieldColor().mode(FieldColorModeId.THRESHOLDS))
        # Keeps the bound in sight.
        panel.axis_soft_min(-1.5 * bound).axis_soft_max(1.5 * bound)
    names = {}
    for at, query in enumerate(queries):
        target = _target(query, at)
        value = f"Value #{target.build().ref_id}" if len(queries) > 1 else "Value"
        names[value] = query.legend
        panel.with_target(target.instant().format(PromQueryFormat.TABLE))
        if bound is None:
            color = {"mode": FieldColorModeId.FIXED, "fixedColor": ("blue", _GRAY)[at]}
            panel.override_by_name(query.legend, [DynamicConfigValue("color", color)])
    if len(queries) > 1:
        panel.with_transformation(DataTransformerConfig(id_val="merge", options={}))
    if order:
        panel.with_transformation(DataTransformerConfig(id_val="sortBy", options={"sort": [{"field": order}]}))
    return panel.with_transformation(
        DataTransformerConfig(id_val="organize", options={"excludeByName": {"Time": True}, "renameByName": names})
    )


def firing(which: str, *, width: int) -> table.Panel:
    """The alerts that are firing, with what they are about and since when.

    Args:
        which: matchers of the series ALERTS and ALERTS_FOR_STATE.
        width: of 24.
    """
    meaning = "Which of Evenhand's alerts are firing now, about what, and since when; their runbooks say what to do."
    panel = _described(table.Panel(), "Alerts that are firing", meaning, Unit("none"), width).height(_TILE)
    series = ("alertname", "severity", *_ABOUT)
    since = f"1000 * max by ({', '.join(series)}) (ALERTS_FOR_STATE{{{which}}} and ignoring (alertstate) %s)"
    query = Query(since % f'ALERTS{{{which}, alertstate="firing"}}', "")
    panel.with_target(_target(query, 0).instant().format(PromQueryFormat.TABLE))
    organized = {
        "excludeByName": {"Time": True},
        "indexByName": {name: at for at, name in enumerate((*series, "Value"))},
        "renameByName": {"alertname": "Alert", "severity": "Severity", "Value": "Since"}
        | {name: name.removeprefix("grpc_").capitalize() for name in _ABOUT},
    }
    panel.with_transformation(DataTransformerConfig(id_val="organize", options=organized))
    panel.override_by_name("Alert", [DynamicConfigValue("custom.width", 200)])
    panel.override_by_name("Severity", [DynamicConfigValue("custom.width", 90)])
    panel.override_by_name(
        "Since", [DynamicConfigValue("unit", "dateTimeFromNow"), DynamicConfigValue("custom.width", 140)]
    )
    return panel.no_value("none")


def _described(panel: _Panel, title: str, meaning: str, unit: Unit, width: int) -> _Panel:
    if unit.decimals is not None:
        panel.decimals(unit.decimals)
    return panel.title(title).description(meaning).unit(unit.name).datasource(SOURCE).span(width).height(_HEIGHT)


def _target(query: Query, at: int) -> prometheus.Dataquery:
    return prometheus.Dataquery().expr(query.expression).legend_format(query.legend).ref_id(chr(ord("A") + at))


def _latest() -> common.ReduceDataOptions:
    return common.ReduceDataOptions().calcs(["lastNotNull"])


def _steps(limits: Limits | None) -> dashboard.ThresholdsConfig:
    steps = [Threshold(None, "green")]
    if limits is not None and limits.warn is not None:
        steps.append(Threshold(limits.warn, "yellow"))
    if limits is not None:
        steps.append(Threshold(limits.bad, "red"))
    return dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)
