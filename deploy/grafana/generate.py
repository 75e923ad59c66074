"""Writes the dashboards: `python deploy/grafana/generate.py` after a change of fairness.py, on_call.py or panels.py.

A folder as argument is written to instead of dashboards/, which is how a test finds out that the two have parted.
"""

from __future__ import annotations

import sys
from pathlib import Path

import fairness
import on_call
from grafana_foundation_sdk.cog.encoder import JSONEncoder


def main(folder: Path) -> None:
    """Write a file for each dashboard, named after its place in Grafana's addresses."""
    folder.mkdir(parents=True, exist_ok=True)
    encoder = JSONEncoder(sort_keys=True, indent=2)
    for name, builder in (("distribution-fairness", fairness.dashboard()), ("service", on_call.dashboard())):
        dashboard = builder.build()
        # Links to a panel name its number, which Grafana would otherwise give out anew each time.
        for number, panel in enumerate(dashboard.panels or [], start=1):
            panel.id_val = number
        (folder / f"{name}.json").write_text(encoder.encode(dashboard) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("dashboards"))
