"""Where commands print tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.text import Text

from service.telemetry.logs import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

_PIPED_WIDTH: Final = 250  # characters; what is read by a program must not be cut to a terminal's width
_LINE: Final = 80  # characters, in which a line fits if what stands in it does
_GAP: Final = "  "


def console() -> Console:
    """Return a console that prints texts as they are, as wide as the terminal."""
    made = Console(highlight=False, markup=False)
    if not made.is_terminal:
        made.width = _PIPED_WIDTH
    return made


def cell(text: str, style: str = "") -> Text:
    """Return a text that others have named, as it stands in a table: see `service.cli.saying`."""
    return Text(printable(text), style=style)


def print_lines(headings: Sequence[str], rows: Sequence[Sequence[Text]]) -> None:
    """Print a row a line, in columns: each within 80 characters if its own texts are, and without space at its end.

    A text that is too long for its column moves only what stands behind it in its own line.
    """
    lines = [[Text(heading, style="bold") for heading in headings], *rows]
    widths = _widths(lines)
    out = console()
    for line in lines:
        out.print(_joined(line, widths), soft_wrap=True)


def _widths(lines: Sequence[Sequence[Text]]) -> list[int]:
    """Return the widths of columns: those of the lines that fit, less what all together take too much."""
    fitting = [line for line in lines if Text(_GAP).join(line).cell_len <= _LINE]
    widths = [max(each.cell_len for each in column) for column in zip(*fitting, strict=True)]
    while sum(widths) + len(_GAP) * (len(widths) - 1) > _LINE:
        widths[widths.index(max(widths))] -= 1
    return widths


def _joined(line: Sequence[Text], widths: Sequence[int]) -> Text:
    """Return a line with its texts in columns or, where that takes too much, one behind the other."""
    padded = [each.copy() for each in line]
    for each, width in zip(padded[:-1], widths, strict=False):
        each.pad_right(max(0, width - each.cell_len))
    aligned = Text(_GAP).join(padded)
    joined = aligned if aligned.cell_len <= _LINE else Text(_GAP).join(line)
    joined.rstrip()
    return joined
