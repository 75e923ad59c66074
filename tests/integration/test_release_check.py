"""`make release-check`: nothing is tagged whose version is not the same everywhere."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PRODUCTION = "deploy/kubernetes/overlays/production/kustomization.yaml"
PLACES = ("pyproject.toml", "protos/pyproject.toml", PRODUCTION, "CHANGELOG.md")
VERSION = "7.8.9"


def git(folder: Path, *arguments: str) -> None:
    """Run git as somebody."""
    who = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.com", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", folder, *who, *arguments], check=True, capture_output=True)  # noqa: S607


def check(folder: Path) -> tuple[int, list[str]]:
    """Run the check; return its exit code, and each line that it prints."""
    command = [sys.executable, ROOT / "deploy" / "release_check.py", folder]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.returncode, done.stdout.splitlines()


def change(folder: Path, place: str, old: str, new: str) -> None:
    """Change what a file says, and commit that."""
    text = (folder / place).read_text()
    assert re.search(old, text), place
    (folder / place).write_text(re.sub(old, new, text, count=1))
    git(folder, "commit", "-qam", "Change it")


@pytest.fixture
def released(tmp_path: Path) -> Path:
    """A repository with the project's own files, made ready to be released as another version."""
    current = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert current is not None
    for place in PLACES:
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        text = shutil.copy(ROOT / place, tmp_path / place).read_text()
        (tmp_path / place).write_text(text.replace(current[1], VERSION))
    log = tmp_path / "CHANGELOG.md"
    entry = f"## [{VERSION}] - {datetime.now(UTC).date()}\n\n### Added\n"
    log.write_text(f"# Changelog\n\n{entry}\n## [0.1.0] - 2026-11-26\n")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "Begin")
    return tmp_path


def test_a_version_that_is_the_same_everywhere_can_be_released(released):
    """Where all is well, the check says what to do next."""
    assert check(released) == (0, [f'{VERSION} can be released: git tag -a v{VERSION} -m "Evenhand {VERSION}"'])


@pytest.mark.parametrize("place", [place for place in PLACES if place not in {"pyproject.toml", "CHANGELOG.md"}])
def test_a_place_with_another_version_is_named(released, place):
    """Each place that was forgotten is named, with both versions."""
    change(released, place, re.escape(VERSION), "7.8.8")
    assert check(released) == (1, [f"{place}: the version is 7.8.8, in pyproject.toml {VERSION}"])


def test_every_place_that_was_forgotten_is_named(released):
    """A new number in pyproject.toml alone is told of all others at once."""
    change(released, "pyproject.toml", f'version = "{VERSION}"', 'version = "8.0.0"')
    code, said = check(released)
    assert code == 1
    forgotten = {*PLACES, "pyproject.toml, evenhand-protos"} - {"pyproject.toml"}
    assert {line.partition(":")[0] for line in said} == forgotten


def test_a_chart_is_of_the_same_version(released):
    """A Helm chart names the version twice, and both count."""
    chart = released / "deploy" / "helm" / "shop" / "Chart.yaml"
    chart.parent.mkdir(parents=True)
    chart.write_text(
        f'apiVersion: v2\nname: shop\nversion: 7.8.8\nappVersion: "{VERSION}"\nkubeVersion: ">=1.30.0-0"\n'
    )
    git(released, "add", ".")
    git(released, "commit", "-qm", "Add a chart")
    said = f"deploy/helm/shop/Chart.yaml, version: the version is 7.8.8, in pyproject.toml {VERSION}"
    assert check(released) == (1, [said])
    change(released, "deploy/helm/shop/Chart.yaml", "version: 7.8.8", f"version: {VERSION}")
    assert check(released)[0] == 0


def test_what_is_unreleased_must_get_its_version(released):
    """A changelog that still begins with what is unreleased is not that of a version."""
    change(released, "CHANGELOG.md", r"## \[7", "## [Unreleased]\n\n## [7")
    assert check(released) == (1, [f"CHANGELOG.md: begins with [Unreleased], not with [{VERSION}]"])


@pytest.mark.parametrize("day", ["", " - soon", " - 2026-13-01"])
def test_a_version_without_a_date_is_refused(released, day):
    """The changelog says when each version was released."""
    change(released, "CHANGELOG.md", r"(## \[7.*\]) - .*", rf"\1{day}")
    assert check(released) == (1, [f"CHANGELOG.md: [{VERSION}] has no date (YYYY-MM-DD)"])


def test_a_date_to_come_is_refused(released):
    """A date that was guessed beforehand is not the day of the release."""
    tomorrow = datetime.now(UTC).date() + timedelta(days=2)
    change(released, "CHANGELOG.md", r"(## \[7.*\]) - .*", rf"\1 - {tomorrow}")
    assert check(released) == (1, [f"CHANGELOG.md: the date of [{VERSION}], {tomorrow}, is to come"])


def test_what_is_not_committed_is_not_released(released):
    """A tag would miss it."""
    (released / "new.py").touch()
    assert check(released) == (1, ["there are changes that are not committed"])


def test_a_version_is_released_once(released):
    """A tag stays where it is."""
    git(released, "tag", f"v{VERSION}")
    assert check(released) == (1, [f"there is a tag v{VERSION} already: a new version needs a new number"])


def test_the_places_of_this_project_agree():
    """Between releases, too, nothing but the changelog, the tree and the tag stands in the way."""
    _, said = check(ROOT)
    between = re.compile(r"CHANGELOG\.md: begins with \[Unreleased\]|there (are|is) |.* can be released: ")
    assert [line for line in said if not between.match(line)] == []
