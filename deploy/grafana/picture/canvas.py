"""What the picture is drawn on: lengths are pixels of a page 900 wide, counted from the upper left corner."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from PIL import Image
from PIL.PngImagePlugin import PngInfo

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from matplotlib.axes import Axes

PAGE: Final = "#111217"
PANEL: Final = "#181b1f"
BORDER: Final = "#2a2e35"
GRID: Final = "#262a31"
TEXT: Final = "#d8dae0"
MUTED: Final = "#9a9fa9"

_PER_INCH: Final = 100
_SCALE: Final = 2
"""Pixels of the file to one of the page, for screens that have them."""


class Box(NamedTuple):
    """A part of the page."""

    left: float
    top: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """Where it ends."""
        return self.left + self.width

    @property
    def bottom(self) -> float:
        """Where it ends."""
        return self.top + self.height


class Canvas:
    """A page to draw on.

    Args:
        width: of the page.
        height: of the page.
    """

    def __init__(self, width: float, height: float) -> None:
        self._width, self._height = width, height
        self._figure = Figure(figsize=(width / _PER_INCH, height / _PER_INCH), dpi=_PER_INCH * _SCALE, facecolor=PAGE)
        self._agg = FigureCanvasAgg(self._figure)
        self._page = self._figure.add_axes((0, 0, 1, 1))
        self._page.set_xlim(0, width)
        self._page.set_ylim(height, 0)
        self._page.set_axis_off()

    def text(
        self,
        left: float,
        top: float,
        text: str,
        size: float = 10,
        *,
        color: str = TEXT,
        bold: bool = False,
        at: str = "left",
    ) -> float:
        """Write a line, its middle at `top` and its beginning or end (`at`) at `left`; return its width."""
        written = self._page.text(
            left,
            top,
            text,
            fontsize=points(size),
            color=color,
            fontweight="bold" if bold else "normal",
            ha=at,
            va="center_baseline",
        )
        return float(written.get_window_extent(self._agg.get_renderer()).width) / _SCALE

    def width_of(self, text: str, size: float = 10, *, bold: bool = False) -> float:
        """Return how wide a line would be."""
        written = self._page.text(0, 0, text, fontsize=points(size), fontweight="bold" if bold else "normal")
        width = float(written.get_window_extent(self._agg.get_renderer()).width) / _SCALE
        written.remove()
        return width

    def fill(self, box: Box, color: str, *, border: str | None = None, radius: float = 2, alpha: float = 1) -> None:
        """Fill a part of the page."""
        shape = FancyBboxPatch(
            (box.left, box.top),
            box.width,
            box.height,
            boxstyle=f"round,pad=0,rounding_size={radius}",
            facecolor=color,
            edgecolor=border or "none",
            linewidth=points(1),
            alpha=alpha,
        )
        self._page.add_patch(shape)

    def axes(self, box: Box) -> Axes:
        """Return axes of which the inner part, without ticks, is this part of the page."""
        rectangle = (
            box.left / self._width,
            1 - box.bottom / self._height,
            box.width / self._width,
            box.height / self._height,
        )
        made = self._figure.add_axes(rectangle, facecolor="none")
        for side in ("top", "right", "left"):
            made.spines[side].set_visible(False)
        made.spines["bottom"].set_color(BORDER)
        made.tick_params(colors=MUTED, labelsize=points(9), length=0, pad=points(4))
        made.grid(visible=True, axis="y", color=GRID, linewidth=points(1))
        made.set_axisbelow(True)
        return made

    def save(self, path: Path, texts: Mapping[str, str]) -> None:
        """Write it as PNG, with these texts in it by their keywords.

        A palette of 256 colours halves the file; one round of k-means keeps those right that are rare, as in legends.
        """
        self._agg.draw()
        drawn = Image.fromarray(np.asarray(self._agg.buffer_rgba())).convert("RGB")
        carried = PngInfo()
        for keyword, text in texts.items():
            carried.add_text(keyword, text)
        drawn.quantize(256, kmeans=1, dither=Image.Dither.NONE).save(path, optimize=True, pnginfo=carried)


def points(pixels: float) -> float:
    """Return the points that so many pixels of the page are."""
    return pixels * 72 / _PER_INCH
