"""What a dashboard has besides its panels: variables, links to the others, and marks of what happened.

Marks are annotations: every panel over time shows when alerts were firing, replicas began, and rules changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models.dashboard import (
    AnnotationQuery,
    DashboardCursorSync,
    DashboardLinkType,
    VariableOption,
    VariableRefresh,
    VariableSort,
)
from panels import SOURCE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from grafana_foundation_sdk.cog.builder import Builder
    from grafana_foundation_sdk.models.dashboard import Panel

EVERYTHING = VariableOption(selected=True, text="All", value="$__all")
TAG = "evenhand"

_STEP: Final = "60s"
"""Between two moments that an annotation asks about; with less, Prometheus would refuse a week of them."""


class Mark(NamedTuple):
    """What is marked over time.

    Attributes:
        name: of all such marks, to switch them off by.
        color: of theirs.
        expression: what is there while it is so, or has the moment as its value (in ms).
        title: of each.
        text: what else to say of it.
        at_value: whether the value is the moment.
    """

    name: str
    color: str
    expression: str
    title: str
    text: str = ""
    at_value: bool = False


def alerts(which: str) -> Mark:
    """Mark when alerts were firing.

    Args:
        which: matchers of the series ALERTS.
    """
    firing = f'max by (alertname, severity, workspace, pool, instance) (ALERTS{{{which}, alertstate="firing"}})'
    return Mark("Alerts", "red", firing, "{{alertname}}", "{{severity}} {{workspace}} {{pool}} {{instance}}")


# Nothing but a start of a process shows a rollout of the same version, and a crash.
STARTS = Mark(
    "Replicas that began",
    "blue",
    '1000 * process_start_time_seconds{namespace=~"$namespace"} * on (job, instance) group_left (version) '
    'evenhand_build_info{namespace=~"$namespace"}',
    "{{instance}} began",
    "version {{version}}",
    at_value=True,
)
_REVISION = 'max by (workspace) (assignment_rules_revision{namespace=~"$namespace", workspace="$workspace"}%s)'
RULES = Mark(
    "Changes of rules",
    "purple",
    f"{_REVISION % ''} > {_REVISION % f' offset {_STEP}'}",
    "Rules of {{workspace}} changed",
)


class _Annotation(AnnotationQuery):
    """What Grafana's data source Prometheus reads of an annotation, and the schema in general does not name."""

    def __init__(self, mark: Mark) -> None:
        super().__init__(name=mark.name, datasource=SOURCE, icon_color=mark.color, expr=mark.expression)
        self._mark = mark

    def to_json(self) -> dict[str, object]:
        """Return it as a dashboard's file has it."""
        own: dict[str, Any] = {"titleFormat": self._mark.title, "textFormat": self._mark.text, "step": _STEP}
        return super().to_json() | own | ({"useValueForTime": True} if self._mark.at_value else {})


class _Marked:
    """Builds an annotation, as the builder of a dashboard asks for it."""

    def __init__(self, mark: Mark) -> None:
        self._mark = mark

    def build(self) -> AnnotationQuery:
        """Return it."""
        return _Annotation(self._mark)


def board(uid: str, title: str, meaning: str, since: str, *marks: Mark) -> dashboard.Dashboard:
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
    for mark in marks:
        made.annotation(_Marked(mark))
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
