"""The page of figures, deploy/figures.md: what a full run measured, beside the data that it is made of.

`make bench` writes both after a run of all rows, so nobody types a figure, and README and records link to the page.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FOLDER = Path(__file__).parents[2] / "deploy"
DATA, PAGE = "figures.json", "figures.md"

_ALONE = 0.03
"""What other programs may use of the processors."""

_HEAD = """# Figures

Written by `make bench` after a full run, from [figures.json](figures.json) beside this page: not to be edited by hand.
All rows are measured side by side, each in several rounds; a figure is the median of its rounds, and so is a ratio.
The steps to them, and why some rows are not better: [adr/0004-speed.md](adr/0004-speed.md).

| | what | here | against | ratio | to reach | reached |
| --: | --- | --- | --- | --: | --: | --- |
"""

_UNITS = """
µs: processor time of the server a call, and "in Redis" that of Redis, or, where the row says so, the time that Redis
itself tells of its scripts; ±: half the distance of the ratio's quartiles.
"""


def crowded(report: Mapping[str, Any]) -> str:
    """Say during which rows other programs used the processors; empty if during none."""
    rows = [f"{name} ({share:.0%})" for name, share in report["used_by_others_by_row"].items() if share > _ALONE]
    return f"Not to be trusted: other programs used the processors during {', '.join(rows)}." if rows else ""


def is_due(report: Mapping[str, Any], rows: Sequence[str]) -> bool:
    """Return whether a run is one for the page: all rows, in full, with a load generator that takes little itself."""
    measured = {finding["name"] for finding in report["findings"]}
    return report["effort"] == "full" and report["load_generator"] == "C" and measured == set(rows)


def write(report: Mapping[str, Any], folder: Path = FOLDER) -> None:
    """Write the page, and the data that it is made of."""
    data = {
        **report,
        "findings": [
            {key: value for key, value in finding.items() if key not in {"details", "ratio_by_round"}}
            for finding in report["findings"]
        ],
    }
    (folder / DATA).write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n")
    (folder / PAGE).write_text(render(data))


def render(data: Mapping[str, Any]) -> str:
    """Return the page that these data stand for."""
    findings = data["findings"]
    rows = "".join(_row(number, finding) for number, finding in enumerate(findings, 1))
    notes = "".join(f"{number}. {finding['note']}\n" for number, finding in enumerate(findings, 1))
    machine = "".join(f"* {name}: {text}\n" for name, text in data["machine"].items())
    minutes = data["seconds"] / 60
    run = f"Run on {data['date']}, in {minutes:.0f} minutes. {crowded(data)}".strip()
    return f"{_HEAD}{rows}{_UNITS}\n## Notes by row\n\n{notes}\n## The run\n\n{run}\n\n{machine}"


def _row(number: int, finding: Mapping[str, Any]) -> str:
    spread = f" ± {finding['spread'] / 2:.1%}" if finding["spread"] else ""
    reached = {True: "yes", False: "**no**", None: ""}[finding["reached"]]
    return (
        f"| {number} | {finding['row']} | {finding['this']} | {finding['against']} "
        f"| {finding['ratio']:.2f}{spread} | {finding['to_reach']} | {reached} |\n"
    )
