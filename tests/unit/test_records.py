"""The records in deploy/adr say since when they hold, and every text that is cited is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RECORDS = sorted((ROOT / "deploy" / "adr").glob("*.md"))
FOLDERS = (".github", "deploy", "protos", "service", "strategies", "tests")
TEXTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "Makefile", ROOT / "pyproject.toml"] + [
    path
    for folder in FOLDERS
    for path in (ROOT / folder).rglob("*")
    if path.suffix in {".py", ".md", ".lua", ".proto", ".yaml", ".env"} and not path.stem.endswith(("_pb2", "_grpc"))
]


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_a_record_has_a_number_a_date_and_a_status(path: Path):
    """A record begins with its number as in its name, then says since when, and whether it holds."""
    title, _, status, *_ = path.read_text().splitlines()
    assert title.startswith(f"# {int(path.stem[:4])}. ")
    assert re.match(r"\d{4}-\d\d-\d\d\b.*\b(Accepted|Superseded by record \d+)\b", status)


def test_records_that_are_cited_exist():
    """Each `adr/0001-...` and `record 1` in code, tests and documentation names a record."""
    numbers, stems = {int(path.stem[:4]) for path in RECORDS}, {path.stem for path in RECORDS}
    cited = 0
    for path in TEXTS:
        text = path.read_text()
        named = re.findall(r"\badr/(\d{4}(?:-[\w-]+)?)", text)
        assert [
            name for name in named if name not in stems and not any(stem.startswith(f"{name}-") for stem in stems)
        ] == []
        of_number = re.findall(r"\brecord (\d)\b", text) if path in RECORDS or path.suffix == ".md" else []
        assert {int(number) for number in of_number} <= numbers, path
        cited += len(named) + len(of_number)
    assert cited > 10


@pytest.mark.parametrize(
    "path", [path for path in TEXTS if path.suffix == ".md"], ids=lambda path: str(path.relative_to(ROOT))
)
def test_links_lead_somewhere(path: Path):
    """Each link to a file of the repository leads to one, and to a heading that it has."""
    for target, anchor in re.findall(r"\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]+))?\)", path.read_text()):
        file = path.parent / target if target else path
        assert file.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", file.read_text(), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}, anchor
