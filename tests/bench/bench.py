"""`make bench`: how fast Evenhand is, side by side with what it is compared to, in one run on this machine.

Prints one table, and writes it with all samples as JSON; a full run of all rows renews the page of figures besides.
Nothing else should run on the machine meanwhile.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from tests.bench import page
from tests.bench.harness import EFFORTS, Bench
from tests.bench.machine import Company, describe
from tests.bench.rows import ROWS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.bench.findings import Finding

_CACHE = Path(__file__).parents[2] / ".bench"
_WIDTH = 170


def main() -> int:
    """Measure, and report."""
    options = _options()
    for stop in (signal.SIGTERM, signal.SIGINT):
        signal.signal(stop, lambda number, _: sys.exit(128 + number))
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed service has its bytecode, and starts twice as soon
    started = time.monotonic()
    bench = Bench(options.cache, EFFORTS[options.effort], fallback=options.fallback)
    if len(bench.generator) > 1 and not options.fallback:
        bench.say("no C compiler here: the load comes from Python, which takes much of a core")
    findings: dict[str, list[Finding]] = {}
    seconds: dict[str, float] = {}
    company: dict[str, float] = {}
    try:
        for name in options.row or ROWS:
            bench.say(f"{name} ...")
            begun, others = time.monotonic(), Company()
            findings[name] = ROWS[name](bench)
            seconds[name] = round(time.monotonic() - begun, 1)
            company[name] = round(others.share(), 3)
    finally:
        bench.close()
    report = {
        "date": datetime.now(tz=UTC).date().isoformat(),
        "machine": describe(bench.redis),
        "load_generator": "C" if len(bench.generator) == 1 else "Python",
        "effort": options.effort,
        "seconds": round(time.monotonic() - started, 1),
        "seconds_by_row": seconds,
        "used_by_others_by_row": company,
        "findings": [{"name": name, **one.as_json()} for name, found in findings.items() for one in found],
    }
    _print([one for found in findings.values() for one in found], report)
    options.json.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n")
    sys.stderr.write(f"All figures are in {options.json}\n")
    if page.is_due(report, list(ROWS)):
        page.write(report)
        sys.stderr.write(f"{page.FOLDER / page.PAGE} is renewed\n")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="How fast Evenhand is, side by side.")
    parser.add_argument("--row", action="append", choices=list(ROWS), help="measure only this; may be repeated")
    parser.add_argument(
        "--effort", choices=list(EFFORTS), default="full", help="smoke only shows that all works; figures mean nothing"
    )
    parser.add_argument("--quick", action="store_const", dest="effort", const="quick", help="rough figures, soon")
    parser.add_argument("--fallback", action="store_true", help="use the load generator that needs no C compiler")
    parser.add_argument("--json", type=Path, default=_CACHE / "result.json", metavar="PATH", help="where to write it")
    parser.add_argument("--cache", type=Path, default=_CACHE, help="where to compile the load generator")
    options = parser.parse_args()
    options.cache.mkdir(parents=True, exist_ok=True)
    if not options.json.parent.is_dir():
        parser.error(f"--json: there is no folder {options.json.parent}")
    return options


def _print(findings: Sequence[Finding], report: Mapping[str, Any]) -> None:
    table = Table(box=SIMPLE_HEAD)
    for title in ("", "row", "this", "against", "ratio", "to reach", "spread", "reached"):
        table.add_column(title, justify="right" if title in {"", "ratio", "to reach", "spread"} else "left")
    for number, one in enumerate(findings, 1):
        spread = f"± {one.ratio.spread / 2:.1%}" if one.ratio.spread else ""
        known = None if report["effort"] == "smoke" else one.reached
        reached = {True: "yes", False: "[bold]no[/bold]", None: ""}[known]
        ratio = f"{one.ratio.median:.2f}"
        table.add_row(str(number), one.row, one.this, one.against, ratio, one.to_reach, spread, reached)
    console = Console(width=_WIDTH, highlight=False)
    console.print(table)
    for number, one in enumerate(findings, 1):
        console.print(f"{number:2} {one.note}")
    console.print("\nµs: processor time of the server a call; spread: half the distance of the ratio's quartiles\n")
    for name, text in report["machine"].items():
        console.print(f"{name}: {text}")
    console.print(f"load generator: {report['load_generator']}; effort: {report['effort']}; {report['seconds']} s")
    if crowded := page.crowded(report):
        console.print(crowded)


if __name__ == "__main__":
    sys.exit(main())
