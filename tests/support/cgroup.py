"""A group of processes that Linux gives no more memory than a bound, where this machine lets tests make one."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path("/sys/fs/cgroup")


@contextmanager
def bounded_memory(pid: int, most: int) -> Iterator[bool]:
    """Have a process and its later children killed once they hold more memory than that; whether it could be done.

    What the process holds by now is not counted where groups are of the first version; beside VmHWM, that is enough.

    Args:
        pid: of the process.
        most: bytes.
    """
    group = _made(most)
    if group is None:
        yield False
        return
    home = _home_of(pid, group)
    (group / "cgroup.procs").write_text(str(pid))
    try:
        yield True
    finally:
        if Path(f"/proc/{pid}").exists():
            (home / "cgroup.procs").write_text(str(pid))
        group.rmdir()


def _made(most: int) -> Path | None:
    for folder, limit in ((HERE / "memory", "memory.limit_in_bytes"), (HERE, "memory.max")):
        group = folder / f"evenhand-test-{uuid4().hex[:8]}"
        try:
            group.mkdir()
        except OSError:
            continue
        if (group / limit).exists():
            (group / limit).write_text(str(most))
            return group
        group.rmdir()
    return None


def _home_of(pid: int, group: Path) -> Path:
    """Where the process is until now, in the hierarchy of the group."""
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == ("memory" if group.parent.name == "memory" else ""):
            return group.parent / os.path.relpath(path, "/")
    return group.parent
