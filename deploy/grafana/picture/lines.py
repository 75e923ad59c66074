"""The kind of panel that shows values over time."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from matplotlib.ticker import FuncFormatter, MaxNLocator
from tests.picture import values
from tests.picture.canvas import MUTED, Box, points
from tests.picture.legend import Style, draw_legend

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from tests.picture.asking import Panel, Range, Series
    from tests.picture.canvas import Canvas
    from tests.picture.story import Moment

_ABOVE: Final = 8
_TICKS: Final = 17
_AXIS: Final = 30
"""What the numbers of moments take above a chart, the times below, and the values beside."""

_EVERY_S: Final = 30
_TIME: Final = 48
_GAP: Final = 14
"""Seconds between two times that are written below a chart, at least; width of one, and of what is left between two."""


class Lines:
    """Draws panels over one and the same time.

    Args:
        canvas: on what.
        colors: of all names.
        shown: which time.
        moments: what happened then, each marked by its number.
    """

    def __init__(self, canvas: Canvas, colors: values.Colors, shown: Range, moments: Sequence[Moment]) -> None:
        self._canvas = canvas
        self._colors = colors
        self._shown = shown
        self._moments = moments

    def draw(self, panel: Panel, box: Box) -> None:
        """Draw lines, stacked if the panel says so, and their legend."""
        styles = [self._style(panel, series) for series in panel.series]
        free = draw_legend(self._canvas, panel, styles, box)
        inner = Box(free.left + _AXIS, free.top + _ABOVE, free.width - _AXIS, free.height - _ABOVE - _TICKS)
        chart = self._canvas.axes(inner)
        times = np.arange(self._shown.start, self._shown.end + self._shown.step / 2, self._shown.step)
        heights = np.array([self._heights(series, len(times)) for series in panel.series])
        stacked = "stacking" in panel.defaults["custom"]
        tops = np.cumsum(np.nan_to_num(heights), axis=0) if stacked else heights
        _scale(chart, tops, panel.defaults)
        below = np.full(len(times), chart.get_ylim()[0])
        for top, style in zip(tops, styles, strict=True):
            look: dict[str, Any] = {"color": style.color, "linewidth": points(style.width)}
            if style.dash:
                look["linestyle"] = (0, [points(length) for length in style.dash])
            chart.plot(times, top, **look)
            chart.fill_between(times, below, top, color=style.color, alpha=style.fill, linewidth=0)
            below = top if stacked else below
        _draw_limits(chart, panel.defaults)
        self._mark_times(chart, inner.width)

    def _heights(self, series: Series, times: int) -> NDArray[np.float64]:
        """Return the value at each time that is shown, not a number where there is none."""
        heights = np.full(times, np.nan)
        for at, value in series.points:
            heights[round((at - self._shown.start) / self._shown.step)] = value
        return heights

    def _mark_times(self, chart: Axes, width: float) -> None:
        chart.set_xlim(self._shown.start, self._shown.end)
        seconds = self._shown.end - self._shown.start
        every = _EVERY_S * math.ceil((_TIME + _GAP) * seconds / width / _EVERY_S)
        first = -(-self._shown.start // every) * every
        last = self._shown.end - _TIME / 2 * seconds / width
        chart.set_xticks(np.arange(first, last, every))
        chart.xaxis.set_major_formatter(FuncFormatter(lambda at, _: clock(at)))
        for number, moment in enumerate(self._moments, start=1):
            chart.axvline(moment.at, color=MUTED, linewidth=points(0.8), linestyle=(0, (1, 3)), zorder=1)
            chart.annotate(
                str(number),
                (moment.at, 1),
                xycoords=("data", "axes fraction"),
                xytext=(0, points(5)),
                textcoords="offset points",
                fontsize=points(8),
                color=MUTED,
                ha="center",
                va="center",
            )

    def _style(self, panel: Panel, series: Series) -> Style:
        """Return how a series looks: as all in its panel, but for what an override says of its name."""
        custom = panel.defaults["custom"]
        changes = {
            changed["id"]: changed["value"]
            for one in panel.spec["fieldConfig"]["overrides"]
            if re.search(one["matcher"]["options"].strip("/"), series.name)
            for changed in one["properties"]
        }
        return Style(
            color=self._colors.of(series),
            width=1.3 * changes.get("custom.lineWidth", custom["lineWidth"]),
            dash=tuple(changes.get("custom.lineStyle", {}).get("dash", ())),
            fill=changes.get("custom.fillOpacity", custom["fillOpacity"]) / 100,
        )


def clock(at: float) -> str:
    """Return the time of day, in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S")


def _draw_limits(chart: Axes, defaults: Mapping[str, Any]) -> None:
    if "thresholdsStyle" in defaults["custom"]:
        for step in defaults["thresholds"]["steps"]:
            if step["value"] is not None:
                color = values.NAMED_COLORS[step["color"]]
                chart.axhline(step["value"], color=color, linewidth=points(1), linestyle=(0, (6, 5)))


def _scale(chart: Axes, values_of_all: NDArray[np.float64], defaults: Mapping[str, Any]) -> None:
    """Let the axis of values reach from where to where the panel says, and farther if the values do, with some room."""
    custom, lowest, highest = defaults["custom"], np.nanmin(values_of_all), np.nanmax(values_of_all)
    room = 0.05 * (highest - lowest)
    bottom = custom["axisSoftMin"] if lowest >= custom["axisSoftMin"] else lowest - room
    top = defaults.get("max") or max(highest + room, custom.get("axisSoftMax", 0))
    chart.set_ylim(bottom, top)
    chart.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10], min_n_ticks=3))
    chart.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
