"""The names of a panel's lines, with figures: in a table below or beside them, or in a row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tests.picture import values
from tests.picture.canvas import MUTED, Box

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.picture.asking import Panel, Series
    from tests.picture.canvas import Canvas

_LINE: Final = 13.5
_FIGURE: Final = 40
_NAME: Final = 17
_GAP: Final = 14
"""Height of a line, width of a figure, where names begin, and what is left free beside or between names."""

_CALCS: Final = {
    "lastNotNull": ("Last", lambda series: series.last),
    "max": ("Max", lambda series: series.highest),
    "min": ("Min", lambda series: series.lowest),
}


@dataclass(frozen=True)
class Style:
    """How a series looks.

    Attributes:
        color: of its line.
        width: of its line.
        dash: lengths of what is drawn and what is not; empty for a line without gaps.
        fill: opacity of what is below.
    """

    color: str
    width: float
    dash: tuple[float, ...]
    fill: float


def draw_legend(canvas: Canvas, panel: Panel, styles: Sequence[Style], box: Box) -> Box:
    """Draw it as the panel says; return what it leaves of the box."""
    options = panel.spec["options"]["legend"]
    if options["displayMode"] == "list":
        return _draw_row(canvas, panel.series, styles, box)
    height = _LINE * (len(styles) + 1)
    if options["placement"] == "bottom":
        _draw_table(canvas, panel, styles, box._replace(top=box.bottom - height))
        return box._replace(height=box.height - height)
    names = max(canvas.width_of(series.name) for series in panel.series)
    width = _NAME + names + _FIGURE * len(options["calcs"])
    _draw_table(canvas, panel, styles, box._replace(left=box.right - width, width=width))
    return box._replace(width=box.width - width - _GAP)


def _draw_table(canvas: Canvas, panel: Panel, styles: Sequence[Style], box: Box) -> None:
    calcs = [_CALCS[name] for name in panel.spec["options"]["legend"]["calcs"]]
    rights = [box.right - _FIGURE * after for after in reversed(range(len(calcs)))]
    for (title, _), right in zip(calcs, rights, strict=True):
        canvas.text(right, box.top + _LINE / 2, title, 9, color=MUTED, at="right")
    for row, (series, style) in enumerate(zip(panel.series, styles, strict=True), start=1):
        middle = box.top + _LINE * (row + 0.5)
        _draw_swatch(canvas, style, box.left, middle)
        canvas.text(box.left + _NAME, middle, series.name)
        for (_, of), right in zip(calcs, rights, strict=True):
            canvas.text(right, middle, values.number(of(series), panel.defaults), at="right")


def _draw_row(canvas: Canvas, names: Sequence[Series], styles: Sequence[Style], box: Box) -> Box:
    widths = [_NAME + canvas.width_of(series.name) for series in names]
    places = []
    left, row = box.left, 0
    for width in widths:
        if left + width > box.right:
            left, row = box.left, row + 1
        places.append((left, row))
        left += width + _GAP
    top = box.bottom - _LINE * (row + 1)
    for series, style, (left, row) in zip(names, styles, places, strict=True):
        middle = top + _LINE * (row + 0.5)
        _draw_swatch(canvas, style, left, middle)
        canvas.text(left + _NAME, middle, series.name)
    return box._replace(height=top - box.top)


def _draw_swatch(canvas: Canvas, style: Style, left: float, middle: float) -> None:
    # Two dashes for what is dashed.
    for begin, length in ((0, 5), (7, 5)) if style.dash else ((0, 12),):
        canvas.fill(Box(left + begin, middle - 1.5, length, 3), style.color, radius=1)
