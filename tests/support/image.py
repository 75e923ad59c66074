"""The image without an engine: its Dockerfile in pieces, what a build is sent, and its stages gone through here."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import venv
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from docker.utils.build import exclude_paths

from tests.support.processes import EvenhandServer

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "image"
DOCKERFILE = FOLDER / "Dockerfile"

# The whole file system for reading only, in the eyes of one process; /tmp may be a mount of its own.
_READ_ONLY = 'for each in / /tmp; do ! mountpoint -q $each || mount -o remount,bind,ro $each; done && exec "$@"'
_AS_ROOT = [] if os.geteuid() == 0 else ["--map-root-user"]
CONFINED = ["unshare", *_AS_ROOT, "--mount", "sh", "-c", _READ_ONLY, "sh"]
CONFINED += ["setpriv", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"]


def instructions(keyword: str) -> list[str]:
    """The arguments of each such instruction of the Dockerfile, in order, each on one line."""
    lines = [line for line in DOCKERFILE.read_text().splitlines() if not line.startswith("#")]
    whole = "\n".join(lines).replace("\\\n", " ").splitlines()
    return [line.split(maxsplit=1)[1] for line in whole if line.split(maxsplit=1)[:1] == [keyword]]


def environment() -> dict[str, str]:
    """What ENV sets in the last stage."""
    return dict(word.split("=", 1) for word in shlex.split(instructions("ENV")[-1]))


def copies() -> list[tuple[list[str], str]]:
    """What each COPY takes from the repository, and whereto."""
    words = [shlex.split(line) for line in instructions("COPY") if "--from" not in line]
    return [(line[:-1], line[-1]) for line in words]


@cache
def context() -> frozenset[str]:
    """Every file that a build is sent: what .dockerignore leaves, relative to the repository."""
    lines = [line.strip() for line in (ROOT / ".dockerignore").read_text().splitlines()]
    patterns = [line for line in lines if line and not line.startswith("#")]
    return frozenset(path for path in exclude_paths(str(ROOT), patterns) if (ROOT / path).is_file())


def build_wheels(folder: Path) -> dict[str, Path]:
    """Make the wheels as the builder stage does, from nothing but what it copies; return each by its project's name."""
    for sources, destination in copies():
        for source in sources:
            for path in (path for path in context() if path == source or path.startswith(f"{source}/")):
                inside = Path(path).relative_to(source) if (ROOT / source).is_dir() else Path(Path(path).name)
                (folder / destination / inside).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / path, folder / destination / inside)
    run_pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", "dist", "./protos", ".", folder=folder)
    return {wheel.name.partition("-")[0]: wheel for wheel in (folder / "dist").iterdir()}


def install(wheels: Iterable[Path], folder: Path) -> Path:
    """Install wheels alone, as the image has them; return the folder of programs.

    What they depend on is this environment's, but for this project itself, which is there by a path file only.
    """
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    run_pip("--python", str(python), "install", "--no-deps", "--no-index", *map(str, wheels), folder=folder)
    own = Path(sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)}))
    (own / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python.parent


def run_pip(*arguments: str, folder: Path) -> None:
    """Run pip in a folder, in which no source of this project is."""
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check", *arguments],
        cwd=folder,
        env=clean,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def why_not_confined() -> str:
    """Why no process can be confined on this machine; empty if it can."""
    try:
        done = subprocess.run([*CONFINED, "true"], capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        return f"no {error.filename} here to confine a process with"
    return "" if done.returncode == 0 else f"no process can be confined here: {done.stderr.strip()}"


class ConfinedServer(EvenhandServer):
    """The installed `evenhand serve` as in a container: nothing to write to, no capability, no HOME, at `/`.

    Args:
        programs: Where `install` has put it.
        workdir: Where what it says is kept.
        redis_url: As `--redis-url` takes it.
        options: More command-line options.
        workers: As `--workers` takes it.
    """

    def __init__(
        self, programs: Path, workdir: Path, redis_url: str, options: tuple[str, ...] = (), workers: int = 1
    ) -> None:
        super().__init__(workdir=workdir, options=options, workers=workers)
        self.programs = programs
        self.variables = environment() | {"PATH": f"{programs}:/usr/bin:/bin", "EVENHAND_REDIS_URL": redis_url}

    def command(self) -> list[str]:
        """Return the command line: the image's entry point, on a port of loopback."""
        return self._confined(
            "evenhand", "serve", "--listen", self.listen, "--workers", str(self.workers), *self.options
        )

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run another command beside it, as the engine runs a health check."""
        variables = {"EVENHAND_SERVER": self.address}
        return subprocess.run(
            self._confined(*command, **variables), capture_output=True, text=True, check=False, timeout=60
        )

    def _confined(self, *command: str, **variables: str) -> list[str]:
        settings = [f"{name}={value}" for name, value in (self.variables | variables).items()]
        return [*CONFINED, "env", "--ignore-environment", "--chdir=/", *settings, *command]
