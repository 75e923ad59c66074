"""The few kinds of panels and variables that the dashboards are made of.

Every panel has a unit and one sentence for whoever looks at it: both are asked for, so none can be forgotten.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

from grafana_foundation_sdk.builders import barchart, bargauge, common, dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.models.common import (
    BarGaugeDisplayMode,
    BigValueColorMode,
    BigValueGraphMode,
    BigValueTextMode,
    GraphThresholdsStyleMode,
    LegendDisplayMode,
    LegendPlacement,
    StackingMode,
    TooltipDisplayMode,
    VizOrientation,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    DataSourceRef,
    DataTransformerConfig,
    DynamicConfigValue,
    FieldColorModeId,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMappingResult,
    VariableOption,
    VariableRefresh,
    VariableSort,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from grafana_foundation_sdk.cog.builder import Builder
    from grafana_foundation_sdk.models.dashboard import Panel

SOURCE = DataSourceRef(type_val="prometheus", uid="$datasource")
EVERYTHING = VariableOption(selected=True, text="All", value="$__all")
TAG = "evenhand"

_Panel = TypeVar("_Panel", timeseries.Panel, stat.Panel, bargauge.Panel, barchart.Panel)


class Query(NamedTuple):
    """What a panel asks.

    Attributes:
        expression: PromQL.
        legend: the name of each series.
    """

    expression: str
    legend: str


class Limits(NamedTuple):
    """From where on a value is bad, and from where on it is worth a look.

    Attributes:
        bad: red from here on.
        warn: yellow from here on, if there is such a thing.
    """

    bad: float
    warn: float | None = None


class Names(NamedTuple):
    """Where the names of series stand.

    Attributes:
        figures: of each series, in this order; without any, names follow each other and take least room.
        beside: right of the lines, where there is room for many.
    """

    figures: Sequence[str] = ("lastNotNull", "max")
    beside: bool = False


BELOW = Names()
BESIDE = Names(beside=True)
IN_LINE = Names(figures=())


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
    unit: str,
    *queries: Query,
    width: int = 12,
    stacked: bool = False,
    names: Names = BELOW,
) -> timeseries.Panel:
    """Lines over time, from zero on; `stacked` ones add up to a whole."""
    panel = _described(timeseries.Panel(), title, meaning, unit, width)
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
    title: str, meaning: str, unit: str, query: Query, *, width: int = 6, limits: Limits | None = None
) -> stat.Panel:
    """The latest value of each series, large; with its name, if there are several."""
    panel = _described(stat.Panel(), title, meaning, unit, width).height(5)
    panel.color_mode(BigValueColorMode.VALUE).graph_mode(BigValueGraphMode.NONE)
    panel.thresholds(_steps(limits)).reduce_options(_latest())
    return panel.with_target(_target(query, 0).instant())


def named_number(title: str, meaning: str, unit: str, query: Query, *, width: int = 6) -> stat.Panel:
    """The latest value of each series, with its name also if there is but one."""
    return number(title, meaning, unit, query, width=width).text_mode(BigValueTextMode.VALUE_AND_NAME)


def warning(title: str, meaning: str, query: Query, *, width: int = 6) -> stat.Panel:
    """The names of the series that there are, to be looked at; without any all is well."""
    panel = number(title, meaning, "none", query, width=width, limits=Limits(bad=2, warn=1))
    return panel.text_mode(BigValueTextMode.NAME)


def yes_or_no(title: str, meaning: str, query: Query, *, width: int = 6) -> stat.Panel:
    """A word for each series: yes for 1, no for 0."""
    words = {"1": ValueMappingResult("yes", "green"), "0": ValueMappingResult("no", "red")}
    return number(title, meaning, "bool_yes_no", query, width=width).mappings([ValueMap(words)])


def bars(title: str, meaning: str, unit: str, query: Query, *, width: int = 12) -> bargauge.Panel:
    """One bar for each series, as of the end of the range."""
    panel = _described(bargauge.Panel(), title, meaning, unit, width)
    panel.min(0).decimals(0).orientation(VizOrientation.HORIZONTAL).display_mode(BarGaugeDisplayMode.BASIC)
    panel.color_scheme(dashboard.FieldColor().mode(FieldColorModeId.PALETTE_CLASSIC_BY_NAME)).reduce_options(_latest())
    return panel.with_target(_target(query, 0).instant())


def pairs(title: str, meaning: str, unit: str, *queries: Query, by: str, order: str, width: int = 12) -> barchart.Panel:
    """Lying bars for each value of the label `by`, one of each query, in the order of the label `order`."""
    panel = _described(barchart.Panel(), title, meaning, unit, width)
    # Side by side below standing bars, names would be cut.
    panel.min(0).x_field(by).orientation(VizOrientation.HORIZONTAL)
    panel.legend(common.VizLegendOptions().show_legend(True).placement(LegendPlacement.BOTTOM).calcs([]))
    names = {}
    for at, query in enumerate(queries):
        target = _target(query, at)
        names[f"Value #{target.build().ref_id}"] = query.legend
        panel.with_target(target.instant().format(PromQueryFormat.TABLE))
    panel.with_transformation(DataTransformerConfig(id_val="merge", options={}))
    panel.with_transformation(DataTransformerConfig(id_val="sortBy", options={"sort": [{"field": order}]}))
    return panel.with_transformation(
        DataTransformerConfig(id_val="organize", options={"excludeByName": {"Time": True}, "renameByName": names})
    )


def board(uid: str, title: str, meaning: str, since: str) -> dashboard.Dashboard:
    """A dashboard without panels, that knows where its figures come from and shows the others of ours."""
    made = dashboard.Dashboard(title).uid(uid).description(meaning).tags([TAG]).readonly()
    made.tooltip(DashboardCursorSync.CROSSHAIR).time(since, "now").refresh("30s").timezone("browser")
    made.link(
        dashboard.DashboardLink("Evenhand")
        .type(DashboardLinkType.DASHBOARDS)
        .tags([TAG])
        .as_dropdown(False)
        .keep_time(True)
        .include_vars(True)
    )
    made.with_variable(dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus"))
    return made.with_variable(
        choice("namespace", "Installation", "label_values(evenhand_build_info, namespace)", whole=True)
    )


def filled(made: dashboard.Dashboard, rows: Mapping[str, Sequence[Builder[Panel]]]) -> dashboard.Dashboard:
    """Add panels in rows, by their titles; what is above all rows has the title ""."""
    for title, panels in rows.items():
        if title:
            made.with_row(dashboard.Row(title))
        for panel in panels:
            made.with_panel(panel)
    return made


def choice(
    name: str, label: str, query: str, *, whole: bool = False, several: bool = False, first: str = ""
) -> dashboard.QueryVariable:
    """A variable whose values Prometheus knows.

    Args:
        name: of the variable.
        label: what the reader sees.
        query: what returns the values.
        whole: whether all of them can be chosen together, which is how it begins.
        several: whether some can.
        first: what it begins with instead.
    """
    made = dashboard.QueryVariable(name).label(label).datasource(SOURCE)
    made.query({"query": query, "refId": name}).refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
    made.sort(VariableSort.ALPHABETICAL_ASC).multi(several).include_all(whole)
    if whole:
        # Matches what lacks the label, too: outside Kubernetes there is no namespace.
        made.all_value(".*").current(EVERYTHING)
    if first:
        made.current(VariableOption(selected=True, text=first, value=first))
    return made


def _described(panel: _Panel, title: str, meaning: str, unit: str, width: int) -> _Panel:
    return panel.title(title).description(meaning).unit(unit).datasource(SOURCE).span(width).height(9)


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
