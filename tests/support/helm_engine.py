"""Renders and lints a chart by Helm's own engine: `python helm_engine.py`, with what to do as JSON on standard input.

In a process of its own, because that engine brings Go's runtime along. {"chart": FOLDER, "values": {...}} is answered
with {"files": {PATH: TEXT}}, or {"error": TEXT} if Helm refuses. With "package": FOLDER the chart is first made an
archive in that folder, and that is rendered; with "lint": true the answer is what `helm lint --strict` finds.
"""

from __future__ import annotations

import json
import sys

import helm_python

RELEASE = "evenhand"


def _render(chart: str, values: dict[str, object]) -> dict[str, object]:
    with helm_python.Chart.load(chart) as loaded:
        try:
            return {"files": loaded.render(values, name=RELEASE, namespace=RELEASE)}
        except helm_python.HelmError as error:
            return {"error": str(error)}


if __name__ == "__main__":
    asked = json.load(sys.stdin)
    if "package" in asked:
        asked["chart"] = helm_python.package(asked["chart"], destination=asked["package"])
    if asked.get("lint"):
        done = helm_python.lint(asked["chart"], asked["values"], strict=True, namespace=RELEASE)
    else:
        done = _render(asked["chart"], asked["values"])
    json.dump(done, sys.stdout)
