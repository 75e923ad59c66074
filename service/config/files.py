"""Files that are read again when they change."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def stamps(paths: Iterable[str | Path]) -> list[tuple[int, int, int] | None]:
    """Return what changes with files, through symbolic links: Kubernetes renews a Secret by moving one."""
    seen: list[tuple[int, int, int] | None] = []
    for path in paths:
        try:
            found = Path(path).stat()
        except OSError:
            seen.append(None)
        else:
            seen.append((found.st_ino, found.st_size, found.st_mtime_ns))
    return seen
