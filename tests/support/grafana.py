"""The dashboards as Grafana reads them, what it fills in before it asks, and what the README's pictures are made of."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FOLDER = Path(__file__).parents[2] / "deploy" / "grafana"
DASHBOARDS: dict[str, dict[str, Any]] = {
    path.stem: json.loads(path.read_text()) for path in sorted((FOLDER / "dashboards").glob("*.json"))
}
PICTURES = {
    FOLDER / "pictures" / "distribution-fairness.png": "fairness-shop-of-8-dark",
    FOLDER / "pictures" / "service.png": "service-light",
}
"""The pictures that the repository has, each named after its dashboard, and which `make picture` draws it is."""

DRAWN_FROM = "Drawn from"
"""The keyword under which the picture carries `fingerprints` of its dashboard."""

_NOT_DRAWN = {"description", "datasource"}
_PNG_HEAD = 8
_CHUNK_HEAD, _CHUNK_TAIL = 8, 4


def panels() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every panel, after the name of its dashboard; rows between panels are none."""
    for name, dashboard in DASHBOARDS.items():
        for panel in dashboard["panels"]:
            if panel["type"] != "row":
                yield name, panel


def filled_in(expression: str, values: Mapping[str, str]) -> str:
    """Put in what Grafana puts in before it asks; longer names first, as some begin like others."""
    for name in sorted(values, key=len, reverse=True):
        expression = expression.replace(name, values[name])
    assert "$" not in expression, f"who fills this in? {expression}"
    return expression


def fingerprints(dashboard: Mapping[str, Any]) -> dict[str, str]:
    """Return a digest of all that is drawn of each panel: its place, kind, queries, names, units, and limits."""
    digests = {}
    for panel in dashboard["panels"]:
        drawn = {name: value for name, value in panel.items() if name not in _NOT_DRAWN}
        text = json.dumps(drawn, sort_keys=True)
        digests[f"{panel['id']}. {panel['title']}"] = hashlib.sha256(text.encode()).hexdigest()[:16]
    return digests


def png_texts(path: Path) -> dict[str, str]:
    """Return the texts that a PNG carries, by keyword (its chunks of type tEXt)."""
    image, at, texts = path.read_bytes(), _PNG_HEAD, {}
    while at < len(image):
        length, kind = int.from_bytes(image[at : at + 4]), image[at + 4 : at + 8]
        if kind == b"tEXt":
            keyword, _, text = image[at + _CHUNK_HEAD : at + _CHUNK_HEAD + length].decode("latin-1").partition("\0")
            texts[keyword] = text
        at += _CHUNK_HEAD + length + _CHUNK_TAIL
    return texts
