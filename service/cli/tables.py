"""Where commands print tables."""

from __future__ import annotations

from typing import Final

from rich.console import Console

_PIPED_WIDTH: Final = 250  # characters; what is read by a program must not be cut to a terminal's width


def console() -> Console:
    """Return a console that prints texts as they are, as wide as the terminal."""
    made = Console(highlight=False, markup=False)
    if not made.is_terminal:
        made.width = _PIPED_WIDTH
    return made
