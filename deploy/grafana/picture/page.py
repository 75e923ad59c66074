"""The picture of a whole dashboard: its head, its rows, and its panels where its file places them."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from tests.picture.canvas import BORDER, MUTED, PANEL, TEXT, Box, Canvas
from tests.picture.charts import draw_bars, draw_numbers, draw_pairs
from tests.picture.lines import Lines, clock
from tests.picture.values import Colors, unit

from tests.support.grafana import DRAWN_FROM, fingerprints

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from tests.picture.asking import Panel, Range
    from tests.picture.story import Moment

_WIDTH: Final = 900
_MARGIN: Final = 12
_GAP: Final = 8
_COLUMNS: Final = 24
_UNIT: Final = 28
"""Width of the page, and height of a unit of the dashboard's grid."""

_TITLE: Final = 50
_LINE: Final = 16
_HEADING: Final = 28
_INSIDE: Final = 10


def draw(
    path: Path,
    *,
    dashboard: Mapping[str, Any],
    panels: Sequence[Panel],
    shown: Range,
    moments: Sequence[Moment],
    chosen: Mapping[str, str],
) -> None:
    """Draw a dashboard into a PNG, which tells what it was drawn from.

    Args:
        path: where to.
        dashboard: as its file has it.
        panels: its panels, answered.
        shown: which time.
        moments: what happened then.
        chosen: what the reader sees chosen for which of its variables.
    """
    head = _TITLE + _LINE * -(-len(moments) // 2) + _GAP
    rows = max(panel.spec["gridPos"]["y"] + panel.spec["gridPos"]["h"] for panel in panels)
    canvas = Canvas(_WIDTH, head + rows * _UNIT + _MARGIN)
    _draw_head(canvas, title=dashboard["title"], shown=shown, moments=moments, chosen=chosen)
    colors = Colors(panels)
    kinds: dict[str, Callable[[Panel, Box], None]] = {
        "stat": partial(draw_numbers, canvas),
        "bargauge": partial(draw_bars, canvas, colors),
        "barchart": partial(draw_pairs, canvas),
        "timeseries": Lines(canvas, colors, shown, moments).draw,
    }
    column = (_WIDTH - 2 * _MARGIN + _GAP) / _COLUMNS
    for panel in panels:
        at = panel.spec["gridPos"]
        box = Box(_MARGIN + at["x"] * column, head + at["y"] * _UNIT, at["w"] * column - _GAP, at["h"] * _UNIT - _GAP)
        if panel.spec["type"] == "row":
            canvas.text(box.left, box.top + _UNIT / 2 - 2, f"▾ {panel.spec['title']}", 12, bold=True)
        else:
            kinds[panel.spec["type"]](panel, _framed(canvas, panel, box))
    canvas.save(path, {"Title": dashboard["title"], DRAWN_FROM: json.dumps(fingerprints(dashboard))})


def _framed(canvas: Canvas, panel: Panel, box: Box) -> Box:
    """Draw a panel's frame, title and unit; return what is left for its contents."""
    canvas.fill(box, PANEL, border=BORDER)
    middle = box.top + _HEADING / 2 + 1
    canvas.text(box.left + _INSIDE, middle, panel.spec["title"], 11.5, bold=True)
    # Large numbers have the unit beside them.
    if panel.spec["type"] != "stat":
        canvas.text(box.right - _INSIDE, middle, unit(panel.defaults), 9, color=MUTED, at="right")
    return Box(box.left + _INSIDE, box.top + _HEADING, box.width - 2 * _INSIDE, box.height - _HEADING - _INSIDE)


def _draw_head(
    canvas: Canvas,
    *,
    title: str,
    shown: Range,
    moments: Sequence[Moment],
    chosen: Mapping[str, str],
) -> None:
    canvas.text(_MARGIN, 24, title, 17, bold=True)
    right: float = _WIDTH - _MARGIN
    texts = [("Time", f"{clock(shown.start)} to {clock(shown.end)}"), *reversed(chosen.items())]
    for name, value in texts:
        width = canvas.width_of(f"{name}  {value}") + 18
        canvas.fill(Box(right - width, 13, width, 22), PANEL, border=BORDER)
        canvas.text(right - width + 8, 24, name, color=MUTED)
        canvas.text(right - 8, 24, value, color=TEXT, at="right")
        right -= width + 6
    half = -(-len(moments) // 2)
    for at, moment in enumerate(moments):
        left, top = _MARGIN + (at // half) * _WIDTH / 2, _TITLE + (at % half) * _LINE + 2
        canvas.text(left, top, f"{at + 1}", color=MUTED, bold=True)
        canvas.text(left + 14, top, clock(moment.at), color=MUTED)
        canvas.text(left + 66, top, moment.what)
