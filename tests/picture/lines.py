"""The kind of panel that shows values over time, with the table of names and figures below."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from matplotlib.ticker import FuncFormatter

from tests.picture import values
from tests.picture.canvas import MUTED, Box, points
from tests.picture.charts import AXIS, scale

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from tests.picture.asking import Panel, Range, Series
    from tests.picture.canvas import Canvas
    from tests.picture.story import Moment

_ABOVE: Final = 8
_TICKS: Final = 17
"""What the numbers of moments take above a chart, and the times below."""

_LINE: Final = 13.5
_FIGURE: Final = 40
_NAME: Final = 17
_GAP: Final = 24
"""In a legend: height of a line, width of a figure, where names begin, and what is between two columns."""

_EVERY_S: Final = 30
_CALCS: Final = {"lastNotNull": ("Last", lambda series: series.last), "max": ("Max", lambda series: series.highest)}


@dataclass(frozen=True)
class _Style:
    """How a series looks.

    Attributes:
        color: of its line.
        width: of its line.
        opacity: of its line.
        dash: lengths of what is drawn and what is not; empty for a line without gaps.
        fill: opacity of what is below.
    """

    color: str
    width: float
    opacity: float
    dash: tuple[float, ...]
    fill: float


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
        """Draw lines, stacked if the panel says so, above their legend."""
        styles = [self._style(panel, series) for series in panel.series]
        left, top = box.left + AXIS, box.top + _ABOVE
        chart = self._canvas.axes(
            Box(left, top, box.right - left, self._draw_legend(panel, styles, box) - _TICKS - top)
        )
        times = np.arange(self._shown.start, self._shown.end + self._shown.step / 2, self._shown.step)
        below = np.zeros(len(times))
        for series, style in zip(panel.series, styles, strict=True):
            heights = np.full(len(times), np.nan)
            for at, value in series.points:
                heights[round((at - self._shown.start) / self._shown.step)] = value
            stacked = "stacking" in panel.defaults["custom"]
            top_line = below + np.nan_to_num(heights) if stacked else heights
            look: dict[str, Any] = {"color": style.color, "linewidth": points(style.width), "alpha": style.opacity}
            if style.dash:
                look["linestyle"] = (0, [points(length) for length in style.dash])
            chart.plot(times, top_line, **look)
            chart.fill_between(times, below, top_line, color=style.color, alpha=style.fill, linewidth=0)
            below = top_line if stacked else below
        scale(chart, panel.defaults)
        self._mark_times(chart)

    def _mark_times(self, chart: Axes) -> None:
        chart.set_xlim(self._shown.start, self._shown.end)
        first = -(-self._shown.start // _EVERY_S) * _EVERY_S
        chart.set_xticks(np.arange(first, self._shown.end + 1, _EVERY_S))
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

    def _style(self, panel: Panel, series: Series) -> _Style:
        """Return how a series looks: as all in its panel, but for what an override says of its name.

        Where two queries ask about the same pools, the first is drawn broad and pale: their lines often cover each
        other.
        """
        custom, overrides = panel.defaults["custom"], panel.spec["fieldConfig"]["overrides"]
        changes = {
            changed["id"]: changed["value"]
            for one in overrides
            if re.search(one["matcher"]["options"].strip("/"), series.name)
            for changed in one["properties"]
        }
        pale = not overrides and series.query < max(one.query for one in panel.series)
        color = changes.get("color", {}).get("fixedColor")
        return _Style(
            color=values.NAMED_COLORS[color] if color else self._colors.of(series),
            width=5 if pale else 1.3 * custom["lineWidth"],
            opacity=0.45 if pale else 1,
            dash=tuple(changes.get("custom.lineStyle", {}).get("dash", ())),
            fill=changes.get("custom.fillOpacity", custom["fillOpacity"]) / 100,
        )

    def _draw_legend(self, panel: Panel, styles: Sequence[_Style], box: Box) -> float:
        """Draw the table at the bottom, in two columns if it has many lines and these fit; return where it begins."""
        calcs = [_CALCS[name] for name in reversed(panel.spec["options"]["legend"]["calcs"])]
        names = max(self._canvas.width_of(series.name) for series in panel.series)
        columns = 2 if 2 * (_NAME + names + _FIGURE * len(calcs)) + _GAP <= box.width else 1
        columns = max(1, min(columns, len(panel.series) // 2))
        rows = -(-len(panel.series) // columns)
        top = box.bottom - _LINE * (rows + 1)
        width = (box.width - _GAP * (columns - 1)) / columns
        for number, (series, style) in enumerate(zip(panel.series, styles, strict=True)):
            column, row = divmod(number, rows)
            left, middle = box.left + column * (width + _GAP), top + _LINE * (row + 1.5)
            self._draw_swatch(style, left, middle)
            self._canvas.text(left + _NAME, middle, series.name)
            for at, (title, of) in enumerate(calcs):
                right = left + width - _FIGURE * at
                self._canvas.text(right, middle, values.number(of(series), panel.defaults), at="right")
                if row == 0:
                    self._canvas.text(right, top + _LINE / 2, title, 9, color=MUTED, at="right")
        return top

    def _draw_swatch(self, style: _Style, left: float, middle: float) -> None:
        height = min(max(3.0, style.width), 6)
        # Two dashes for what is dashed.
        for begin, length in ((0, 5), (7, 5)) if style.dash else ((0, 12),):
            self._canvas.fill(
                Box(left + begin, middle - height / 2, length, height), style.color, radius=1, alpha=style.opacity
            )


def clock(at: float) -> str:
    """Return the time of day, in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S")
