"""The kinds of panels that show the end of the time: large numbers, bars, and pairs of bars."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from matplotlib.ticker import FuncFormatter, MaxNLocator

from tests.picture import values
from tests.picture.canvas import BORDER, MUTED, TEXT, Box, points

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from matplotlib.axes import Axes

    from tests.picture.asking import Panel
    from tests.picture.canvas import Canvas

AXIS: Final = 30
"""What the ticks beside a chart take."""

_BELOW: Final = 52
"""What is below pairs of bars: agents, pools, legend."""

_PAIR: Final = (values.ACCENT, MUTED)


def draw_numbers(canvas: Canvas, panel: Panel, box: Box) -> None:
    """Draw each value large: in the middle if it is the only one and goes without a name, else one below the other."""
    unit = values.unit(panel.defaults)
    several = len(panel.series) > 1
    named = several or panel.spec["options"]["textMode"] == "value_and_name"
    size = 18 if several else 32
    height = box.height / len(panel.series)
    for at, series in enumerate(sorted(panel.series, key=lambda one: one.name)):
        middle = box.top + height * (at + 0.5)
        said, color = values.judged(series.last, panel.defaults)
        right = box.right
        if named:
            canvas.text(box.left, middle, series.name, 11)
        else:
            width = canvas.width_of(said, size, bold=True) + canvas.width_of(unit) + (4 if unit else 0)
            right = box.left + (box.width + width) / 2
        if unit:
            right -= canvas.text(right, middle, unit, color=MUTED, at="right") + 4
        canvas.text(right, middle, said, size, color=color, bold=True, at="right")


def draw_bars(canvas: Canvas, colors: values.Colors, panel: Panel, box: Box) -> None:
    """Draw a lying bar for each value, in the order of the answer, between its name and the number."""
    height = box.height / len(panel.series)
    said = [values.number(series.last, panel.defaults) for series in panel.series]
    names = max(canvas.width_of(series.name) for series in panel.series) + 10
    room = box.width - names - max(canvas.width_of(one, 11, bold=True) for one in said) - 10
    highest = max(series.last for series in panel.series)
    for at, series in enumerate(panel.series):
        middle = box.top + height * (at + 0.5)
        color = colors.of(series)
        canvas.text(box.left, middle, series.name)
        whole = Box(box.left + names, middle - height * 0.36, room, height * 0.72)
        canvas.fill(whole, BORDER)
        canvas.fill(whole._replace(width=max(1.0, room * series.last / highest)), color)
        canvas.text(box.right, middle, said[at], 11, color=color, bold=True, at="right")


def draw_pairs(canvas: Canvas, panel: Panel, box: Box) -> None:
    """Draw two bars for each agent side by side, one of each query, and the agents of a pool beside each other."""
    options = panel.spec["options"]
    groups = sorted({(one.labels["pool"], one.labels["agent"], one.labels[options["xField"]]) for one in panel.series})
    chart = canvas.axes(box._replace(left=box.left + AXIS, width=box.width - AXIS, height=box.height - _BELOW))
    width = options["groupWidth"] / len(_PAIR)
    left = box.left + AXIS
    for query, (color, side, aligned) in enumerate(zip(_PAIR, (-1, 1), ("right", "left"), strict=True)):
        series = [one for one in panel.series if one.query == query]
        held = {one.labels[options["xField"]]: one.last for one in series}
        heights = [held.get(who, 0.0) for *_, who in groups]
        chart.bar(np.arange(len(groups)) + side * width / 2, heights, width * options["barWidth"], color=color)
        for at, height in enumerate(heights):
            # From the middle of the pair outwards, where it has more room than above its own bar.
            said = values.number(height, panel.defaults)
            chart.text(at + side * 0.03, height, said, fontsize=points(8), color=color, ha=aligned, va="bottom")
        canvas.fill(Box(left, box.bottom - 6, 10, 3), color, radius=1)
        left += 14 + canvas.text(left + 14, box.bottom - 4.5, series[0].name) + 16
    chart.set_xlim(-0.5, len(groups) - 0.5)
    chart.margins(y=0.12)
    chart.set_xticks(range(len(groups)), [agent for _, agent, _ in groups], color=TEXT)
    scale(chart, panel.defaults)
    _write_pools(chart, [pool for pool, *_ in groups])


def scale(chart: Axes, defaults: Mapping[str, Any]) -> None:
    """Let the axis of values reach from where to where the panel says, or else as far as the values do."""
    chart.set_ylim(defaults.get("min"), defaults.get("max"))
    if "max" not in defaults:
        chart.set_ylim(top=chart.get_ylim()[1] * 1.02)
    chart.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10], min_n_ticks=3))
    percent = defaults["unit"] == "percentunit"
    chart.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0%}" if percent else f"{value:g}"))


def _write_pools(chart: Axes, pools: Sequence[str]) -> None:
    """Write a pool's name once below all its agents, instead of each time as the rest of what they are called."""
    for pool in dict.fromkeys(pools):
        chart.annotate(
            pool,
            (pools.index(pool) + (pools.count(pool) - 1) / 2, 0),
            xytext=(0, -points(23)),
            textcoords="offset points",
            fontsize=points(9),
            color=MUTED,
            ha="center",
            va="center",
        )
