"""Short paths to folders with a unix socket, whose address holds about a hundred bytes: links in the temporary folder.

The service and a client may have different temporary folders, so each makes a link of its own. That of the service has
a name that follows from the folder, so that a service that is killed leaves no more than one behind.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_LONGEST = 100  # sockaddr_un.sun_path holds 108 bytes on Linux, 104 on macOS
_LONGEST_NAME = 40  # of a link, and of the socket in the folder it leads to


def fits(socket: Path) -> bool:
    """Tell whether the path is short enough for a socket's address."""
    return len(os.fsencode(socket)) <= _LONGEST


def link_to(folder: Path) -> Path:
    """Make a link to a folder, for as long as the caller has the folder for itself; the caller removes it.

    Args:
        folder: an absolute path.

    Raises:
        OSError: there is no link to be had, or somebody else's is in its place.
    """
    name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    link = _temporary() / f"evenhand-{name}"
    with contextlib.suppress(FileExistsError):  # left by a service that was killed
        link.symlink_to(folder)
    # Anybody may write to the temporary folder, so a link that was there could lead to somebody else's Redis.
    if not link.is_symlink() or link.lstat().st_uid != os.geteuid() or link.readlink() != folder:
        raise FileExistsError(f"its path is too long for a unix socket, and {link} is not a link to it")
    return link


@contextlib.contextmanager
def reached(socket: Path) -> Iterator[Path]:
    """Give a path to a socket that fits its address, and is there as long as the context lasts.

    Args:
        socket: an absolute path.

    Raises:
        OSError: there is no temporary folder to be had.
    """
    if fits(socket):
        yield socket
        return
    with tempfile.TemporaryDirectory(prefix="evenhand-", dir=_temporary()) as private:
        link = Path(private) / "data"
        link.symlink_to(socket.parent)
        yield link / socket.name


def _temporary() -> Path:
    """Return the temporary folder, or else the system's, if the path of that is long as well."""
    folder = Path(tempfile.gettempdir())
    return folder if len(os.fsencode(folder)) <= _LONGEST - _LONGEST_NAME else Path("/tmp")  # noqa: S108 - see link_to
