"""Checks that what is committed can be tagged as a version: every place that names it agrees, and nothing is left.

Otherwise an image, a package and a changelog would be of different versions. Run as `make release-check`.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tomllib
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_HEADING = re.compile(r"^## \[(?P<version>[^]]+)\](?: - (?P<date>\S+))?$", re.MULTILINE)
_CHART_VERSION = re.compile(r"^(version|appVersion): \"?([^\"\n]+)\"?$", re.MULTILINE)
_PROTOS = "evenhand-protos=="
_IMAGE_TAG = re.compile(r"- name: evenhand\n(?: +newName: .*\n)? +newTag: (?P<tag>\S+)")


def main() -> int:
    """Print each reason not to release, or how to; return the exit code."""
    parser = argparse.ArgumentParser(description="Check that what is committed can be tagged as a version.")
    parser.add_argument("root", nargs="?", type=Path, default=Path(__file__).parents[1], help="the repository")
    root: Path = parser.parse_args().root
    version = project_version(root)
    problems = [*disagreements(root, version), *changelog_problems(root, version), *git_problems(root, version)]
    for problem in problems:
        print(problem)
    if not problems:
        print(f'{version} can be released: git tag -a v{version} -m "Evenhand {version}"')
    return 1 if problems else 0


def project_version(folder: Path) -> str:
    """Return the version in a folder's pyproject.toml; all places follow that of the repository's."""
    return str(tomllib.loads((folder / "pyproject.toml").read_text())["project"]["version"])


def disagreements(root: Path, version: str) -> Iterator[str]:
    """Give a sentence for each other place that names another version."""
    production = "deploy/kubernetes/overlays/production/kustomization.yaml"
    tag = _IMAGE_TAG.search((root / production).read_text())
    needs = tomllib.loads((root / "pyproject.toml").read_text())["project"]["dependencies"]
    named = {
        "protos/pyproject.toml": project_version(root / "protos"),
        "pyproject.toml, evenhand-protos": next(
            (need[len(_PROTOS) :] for need in needs if need.startswith(_PROTOS)), "none"
        ),
        production: tag["tag"] if tag else "none",
    }
    for chart in sorted((root / "deploy").rglob("Chart.yaml")):
        for field, said in _CHART_VERSION.findall(chart.read_text()):
            named[f"{chart.relative_to(root)}, {field}"] = said
    for place, said in named.items():
        if said != version:
            yield f"{place}: the version is {said}, in pyproject.toml {version}"


def changelog_problems(root: Path, version: str) -> Iterator[str]:
    """Give a sentence if the changelog does not begin with this version and the day of its release."""
    heading = _HEADING.search((root / "CHANGELOG.md").read_text())
    first = heading["version"] if heading else "nothing"
    if heading is None or first != version:
        yield f"CHANGELOG.md: begins with [{first}], not with [{version}]"
        return
    try:
        released = date.fromisoformat(heading["date"] or "")
    except ValueError:
        yield f"CHANGELOG.md: [{version}] has no date (YYYY-MM-DD)"
        return
    if released > datetime.now(UTC).date():
        yield f"CHANGELOG.md: the date of [{version}], {released}, is to come"


def git_problems(root: Path, version: str) -> Iterator[str]:
    """Give a sentence if something is not committed, or the version has been released already."""
    if _git(root, "status", "--porcelain"):
        yield "there are changes that are not committed"
    if _git(root, "tag", "--list", f"v{version}"):
        yield f"there is a tag v{version} already: a new version needs a new number"


def _git(root: Path, *arguments: str) -> str:
    """Return what git says; end with its own words if it fails."""
    done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(done.stderr.strip())
    return done.stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
