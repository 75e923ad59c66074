"""The page of figures is what the bench wrote, and a reader of README and record finds it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.bench import page
from tests.bench.rows import ROWS

ROOT = Path(__file__).parents[2]


@pytest.fixture
def report() -> dict:
    """What a full run leaves: every row with its samples."""
    findings = [
        {
            "name": name, "row": f"what {name} measures", "this": "3.00 µs", "against": "the floor: 1.50 µs",
            "ratio": 2.0, "spread": 0.02, "to_reach": "≤ 1.5", "reached": False, "note": f"note on {name}",
            "ratio_by_round": [2.0], "details": {"samples": [3.0]},
        }
        for name in ROWS
    ]  # fmt: skip
    return {
        "date": "2026-11-27",
        "machine": {"processor": "P"},
        "load_generator": "C",
        "effort": "full",
        "seconds": 600.0,
        "used_by_others_by_row": dict.fromkeys(ROWS, 0.01),
        "findings": findings,
    }


def test_the_page_is_what_the_bench_writes():
    """The committed page is made of the committed data, to the letter."""
    data = json.loads((page.FOLDER / page.DATA).read_text())
    assert (page.FOLDER / page.PAGE).read_text() == page.render(data)
    assert {finding["name"] for finding in data["findings"]} == set(ROWS)


@pytest.mark.parametrize("path", ["README.md", "deploy/adr/0004-speed.md"])
def test_readme_and_record_link_to_the_page(path: str):
    """Both link to the page, from where they stand."""
    link = "deploy/figures.md" if path == "README.md" else "../figures.md"
    assert f"]({link})" in (ROOT / path).read_text()


def test_what_is_written_holds_every_row_and_no_samples(tmp_path, report):
    """Data and page have a line and a note for each finding; the data, what the page needs."""
    page.write(report, tmp_path)
    data, text = json.loads((tmp_path / page.DATA).read_text()), (tmp_path / page.PAGE).read_text()
    assert text == page.render(data)
    assert all(not {"details", "ratio_by_round"} & finding.keys() for finding in data["findings"])
    for number, name in enumerate(ROWS, 1):
        line = f"| {number} | what {name} measures | 3.00 µs | the floor: 1.50 µs | 2.00 ± 1.0% | ≤ 1.5 | **no** |"
        assert line in text.splitlines()
        assert f"{number}. note on {name}" in text.splitlines()
    assert "Run on 2026-11-27, in 10 minutes." in text


def test_a_run_beside_other_programs_says_so(tmp_path, report):
    """The page names the rows during which others used the processors."""
    report["used_by_others_by_row"]["batch"] = 0.2
    page.write(report, tmp_path)
    assert "Not to be trusted: other programs used the processors during batch (20%)." in (
        (tmp_path / page.PAGE).read_text()
    )


@pytest.mark.parametrize("change", [{"effort": "quick"}, {"load_generator": "Python"}, {"findings": []}])
def test_only_a_full_run_renews_the_page(report, change):
    """Rough figures, a load generator that takes much itself, or some of the rows are not for the page."""
    assert page.is_due(report, list(ROWS))
    assert not page.is_due(report | change, list(ROWS))
    assert not page.is_due(report | {"findings": report["findings"][:-1]}, list(ROWS))
