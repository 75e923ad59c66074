"""The kinds of panels that show the end of the time: large numbers, bars, and pairs of bars."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.picture import values
from tests.picture.canvas import BORDER, MUTED, Box

if TYPE_CHECKING:
    from tests.picture.asking import Panel
    from tests.picture.canvas import Canvas

_LEGEND: Final = 18
"""What the legend below pairs of bars takes."""

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
    """Draw two lying bars for each agent, one of each query; the agents of a pool follow each other."""
    by = panel.spec["options"]["xField"]
    groups = sorted({(one.labels["pool"], one.labels["agent"], one.labels[by]) for one in panel.series})
    held = {(one.query, one.labels[by]): one.last for one in panel.series}
    names = max(canvas.width_of(who) for *_, who in groups) + 10
    room = box.width - names - canvas.width_of("100%") - 6
    height = (box.height - _LEGEND) / len(groups)
    for at, (*_, who) in enumerate(groups):
        middle = box.top + height * (at + 0.5)
        canvas.text(box.left, middle, who)
        for query, (color, side) in enumerate(zip(_PAIR, (-1, 1), strict=True)):
            share = held.get((query, who), 0.0)
            width = max(1.0, room * share / max(held.values()))
            centre = middle + side * height * 0.2
            canvas.fill(Box(box.left + names, centre - height * 0.18, width, height * 0.36), color)
            said = values.number(share, panel.defaults)
            canvas.text(box.left + names + width + 6, centre, said, 9, color=color)
    left = box.left + names
    for query, color in enumerate(_PAIR):
        name = next(one.name for one in panel.series if one.query == query)
        canvas.fill(Box(left, box.bottom - 6, 10, 3), color, radius=1)
        left += 14 + canvas.text(left + 14, box.bottom - 4.5, name) + 16
