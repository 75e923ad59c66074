"""Durations as people write them: `30d`, `12h`, `5m`, `1.5s`, `250ms`, or plain seconds."""

from __future__ import annotations

import re
from typing import Final

DAY: Final = 86_400.0
"""Seconds."""

_UNITS: Final = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": DAY}
_DURATION: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|)\s*")


def parse_duration(text: str) -> float:
    """Read a duration.

    Returns:
        seconds.

    Raises:
        ValueError: the text is no duration; says which forms are.
    """
    found = _DURATION.fullmatch(text)
    if found is None:
        raise ValueError(f'"{text}" is not a duration such as 500ms, 30s, 5m, 2h or 1d')
    return float(found[1]) * _UNITS[found[2]]


def format_duration(seconds: float) -> str:
    """Write a duration so that `parse_duration` reads it, in the largest unit that needs no fraction: "8h"."""
    if 0 < seconds < 1:
        return f"{seconds * 1000:g}ms"
    unit = next((unit for unit in ("d", "h", "m") if seconds and seconds % _UNITS[unit] == 0), "s")
    return f"{seconds / _UNITS[unit]:g}{unit}"
