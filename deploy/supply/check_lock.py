"""Check that what is declared is locked, by hashes, and that what is installed is what was locked.

Imports of what is not declared are found by deptry; this finds a lock without hashes, a lock that pyproject.toml has
left behind, and packages in the running environment that are of another version, or were changed since.
"""

from __future__ import annotations

import base64
import hashlib
import re
import sys
import tomllib
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ROOT / "deploy" / "requirements"
OURS = {"evenhand", "evenhand-protos"}

Lock = dict[str, tuple[Requirement, list[str]]]
"""Each package's pin, and its hashes."""


def read_lock(path: Path) -> Lock:
    """Read a file that `make lock` wrote."""
    lock: Lock = {}
    for entry in re.split(r"\n(?=\S)", path.read_text()):
        if entry and not entry.startswith("#"):
            pin = Requirement(entry.split(" \\\n")[0].split("#")[0].strip())
            lock[canonicalize_name(pin.name)] = pin, re.findall(r"--hash=sha256:([0-9a-f]{64})\b", entry)
    return lock


def unpinned(lock: Lock) -> Iterator[str]:
    """Name each package without a hash, or without exactly one version."""
    for name, (pin, hashes) in lock.items():
        if not hashes:
            yield f"{name} has no hash"
        if not re.fullmatch(r"==[^,*]+", str(pin.specifier)):
            yield f"{name} is not pinned to one version"


def left_behind(declared: Iterable[str], lock: Lock) -> Iterator[str]:
    """Name each package that is declared, and is not locked in a version that fits."""
    for text in declared:
        wanted = Requirement(text)
        name = canonicalize_name(wanted.name)
        if name in OURS:
            continue
        if name not in lock:
            yield f"{name} is declared, and not locked"
        elif not wanted.specifier.contains(_version(lock[name][0]), prereleases=True):
            yield f"{name} is declared as {wanted.specifier}, and locked as {_version(lock[name][0])}"


def changed(lock: Lock, installed: Iterable[metadata.Distribution]) -> Iterator[str]:
    """Name each locked package that is missing, of another version, or not as its wheel had it."""
    there = {canonicalize_name(each.name): each for each in installed}
    for name, (pin, _) in lock.items():
        if pin.marker and not pin.marker.evaluate(default_environment()):
            continue
        if name not in there:
            yield f"{name} is locked, and not installed"
        elif there[name].version != _version(pin):
            yield f"{name} is locked as {_version(pin)}, and installed as {there[name].version}"
        else:
            yield from (f"{name}: {path} is not what the wheel had" for path in _changed_files(there[name]))


def _changed_files(package: metadata.Distribution) -> Iterator[str]:
    for file in package.files or ():
        # What pip writes itself is not of the wheel: its record has no hash, and commands name where Python is.
        if file.hash is None or file.suffix == ".pyc" or ".." in file.parts:
            continue
        path = Path(str(package.locate_file(file)))
        if not path.is_file() or _digest(path, file.hash.mode) != file.hash.value:
            yield str(file)


def _digest(path: Path, algorithm: str) -> str:
    with path.open("rb") as file:
        return base64.urlsafe_b64encode(hashlib.file_digest(file, algorithm).digest()).decode().rstrip("=")


def _version(pin: Requirement) -> str:
    return str(pin.specifier).removeprefix("==")


def declared_by_lock(root: Path = ROOT) -> dict[str, list[str]]:
    """List what is declared, by the name of the lock that must have it."""
    table = tomllib.loads((root / "pyproject.toml").read_text())
    runs = [*table["project"]["dependencies"]]
    runs += tomllib.loads((root / "protos" / "pyproject.toml").read_text())["project"]["dependencies"]
    for extra in table["project"]["optional-dependencies"].values():
        runs += extra
    groups = dict(table["dependency-groups"])
    return {"runtime": runs, "development": [*runs, *groups.pop("dev")], **groups}


def main() -> int:
    """Print each problem, if there are any; return the exit code."""
    problems = []
    for name, declared in declared_by_lock().items():
        lock = read_lock(LOCKS / f"{name}.txt")
        problems += [
            f"deploy/requirements/{name}.txt: {each}" for each in (*unpinned(lock), *left_behind(declared, lock))
        ]
    problems += changed(read_lock(LOCKS / "development.txt"), metadata.distributions())
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
