"""How values read: numbers and their units in words, and one colour for each name all over the picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from matplotlib.colors import to_hex, to_rgb

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tests.picture.asking import Panel, Series

ACCENT: Final = "#7c8cf8"
NAMED_COLORS: Final = {"green": "#6ccf8e", "yellow": "#f2c94c", "red": "#ff5c6c"}
_POOLS: Final = ("#4fc3a1", "#5b9dff", "#f5a25d", "#c58af9")
"""One for each pool; agents have shades of the one of theirs."""

_SHADES: Final = (0.6, 0.1, -0.22, 0.35, -0.35)
"""Towards white, or (negative) towards black."""

_UNASSIGNED: Final = {"no_rule_matched": "#f2c94c", "no_agent_available": "#ff5c6c"}
_REASONS: Final = {
    "rule": ACCENT,
    "fallback": "#b48ef0",
    "owner": "#5fd0e0",
    "replay": "#9a9fa9",
}
_SUFFIX: Final = "suffix:"


def number(value: float, defaults: Mapping[str, Any]) -> str:
    """Write a value without its unit, unless that is per cent; as many decimals as asked for, else as it takes."""
    decimals = defaults.get("decimals")
    if defaults["unit"] == "percentunit":
        return f"{value:.{decimals or (1 if value < 0.1 else 0)}%}"
    if decimals is None:
        decimals = 0 if value.is_integer() or value >= 10 else 1
    return f"{value:,.{decimals}f}"


def unit(defaults: Mapping[str, Any]) -> str:
    """Return what the values are of, in words; empty for nothing."""
    asked: str = defaults["unit"]
    return asked.removeprefix(_SUFFIX).strip() if asked.startswith(_SUFFIX) else ""


def judged(value: float, defaults: Mapping[str, Any]) -> tuple[str, str]:
    """Return what to write for a value, the panel's word for it or a number, and the colour that its limits give it."""
    for mapping in defaults.get("mappings", ()):
        if found := mapping["options"].get(f"{value:g}"):
            return found["text"], NAMED_COLORS[found["color"]]
    steps = [step for step in defaults["thresholds"]["steps"] if step["value"] is None or value >= step["value"]]
    return number(value, defaults), NAMED_COLORS[steps[-1]["color"]]


class Colors:
    """One colour for each pool, agent and decision, the same in all panels.

    Args:
        panels: what will be drawn.
    """

    def __init__(self, panels: Iterable[Panel]) -> None:
        labels = [series.labels for panel in panels for series in panel.series]
        pools = sorted({one["pool"] for one in labels if "pool" in one})
        self._pools = dict(zip(pools, _POOLS, strict=False))
        agents = sorted({(one["pool"], one["agent"]) for one in labels if {"pool", "agent"} <= one.keys()})
        self._agents = {
            agent: _shaded(self._pools[pool], _SHADES[[name for at, name in agents if at == pool].index(agent)])
            for pool, agent in agents
        }

    def of(self, series: Series) -> str:
        """Return the colour of a series; paler, where a second query of a panel asks about the same pools."""
        if "agent" in series.labels:
            return self._agents[series.labels["agent"]]
        if "pool" in series.labels:
            return _shaded(self._pools[series.labels["pool"]], 0.5 if series.query else 0)
        return _UNASSIGNED.get(series.labels["outcome"]) or _REASONS[series.labels["reason"]]


def _shaded(color: str, shade: float) -> str:
    end = 1.0 if shade > 0 else 0.0
    return str(to_hex([part + (end - part) * abs(shade) for part in to_rgb(color)]))
