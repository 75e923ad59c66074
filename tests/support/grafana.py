"""The dashboards as Grafana reads them and what it fills in before it asks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER = Path(__file__).parents[2] / "deploy" / "grafana"
DASHBOARDS: dict[str, dict[str, Any]] = {
    path.stem: json.loads(path.read_text()) for path in sorted((FOLDER / "dashboards").glob("*.json"))
}


def filled_in(expression: str, values: Mapping[str, str]) -> str:
    """Put in what Grafana puts in before it asks; longer names first, as some begin like others."""
    for name in sorted(values, key=len, reverse=True):
        expression = expression.replace(name, values[name])
    assert "$" not in expression, f"who fills this in? {expression}"
    return expression
