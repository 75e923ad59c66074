"""The last line of `make test` says what was skipped, and what would un-skip it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import wants

ROOT = Path(__file__).parents[2]
SUITE = """
import pytest
from tests.support import wants

def test_passes():
    pass

@pytest.mark.parametrize("number", range(3))
def test_wants_an_engine(number):
    pytest.skip(wants.reason("no engine answers", wants.ENGINE))

@pytest.mark.skipif(True, reason=wants.reason("no compiler", wants.COMPILER))
def test_wants_a_compiler():
    pass

def test_wants_cores():
    pytest.skip("this machine has one core")
"""


@pytest.mark.parametrize(
    ("reasons", "line"),
    [
        ([], "Nothing was skipped."),
        (["this machine has one core"], "Skipped: 1; this machine cannot run 1."),
        (
            [wants.reason("no engine", wants.ENGINE)] * 2 + [wants.reason("no promtool", wants.PROMETHEUS)],
            "Skipped: 3; to run them: Debian's package prometheus (1), `make lab` (2).",
        ),
    ],
)
def test_the_summary_counts_by_remedy(reasons: list[str], line: str):
    """Each remedy is named once, with how many tests it un-skips; what has none is said to have none."""
    assert wants.summary(reasons) == line


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_run_ends_with_it(tmp_path: Path, workers: str):
    """The line is the last of the run, on one process or several, whether a mark or the test itself skips."""
    (tmp_path / "test_made_up.py").write_text(SUITE)
    command = [sys.executable, "-m", "pytest", "-q", "-n", workers, "-p", "tests.conftest", "--rootdir", str(ROOT)]
    done = subprocess.run([*command, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False)
    *_, before, last = done.stdout.splitlines()
    assert re.match(r"1 passed, 5 skipped", before), done.stdout
    compiler, engine = f"{wants.COMPILER} (1)", f"{wants.ENGINE} (3)"
    assert last == f"Skipped: 5; to run them: {compiler}, {engine}; this machine cannot run 1."
