"""Links to folders whose path is too long for the address of a unix socket."""

from __future__ import annotations

import socket
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from service.runtime import short_paths

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A temporary folder that nothing else uses, with a short path."""
    with tempfile.TemporaryDirectory() as folder:
        monkeypatch.setattr(tempfile, "tempdir", folder)
        yield Path(folder)


def test_a_link_that_was_left_is_taken_again(temporary: Path, tmp_path: Path) -> None:
    """A service that was killed leaves its link; the next one on the folder takes it, so that one is the most."""
    link = short_paths.link_to(tmp_path / "data")
    assert short_paths.link_to(tmp_path / "data") == link
    assert [one.readlink() for one in temporary.iterdir()] == [tmp_path / "data"]


def test_a_link_to_elsewhere_is_refused(temporary: Path, tmp_path: Path) -> None:
    """Anybody may write to the temporary folder; what leads to another Redis is not followed."""
    link = short_paths.link_to(tmp_path / "data")
    link.unlink()
    link.symlink_to(tmp_path)
    with pytest.raises(FileExistsError, match=r"too long for a unix socket, and .*/evenhand-\w+ is not a link to it"):
        short_paths.link_to(tmp_path / "data")
    assert link.parent == temporary


def test_a_short_path_stays_as_it_is(temporary: Path) -> None:
    """No link is made where none is needed."""
    with short_paths.reached(Path("/run/redis.sock")) as path:
        assert path == Path("/run/redis.sock")
        assert not list(temporary.iterdir())


@pytest.mark.parametrize("long", ["tmp", "t" * 99])
def test_a_socket_is_reached_through_a_short_path(
    long: str, temporary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client connects as if the folder's path were short, also where that of the temporary folder is not."""
    monkeypatch.setattr(tempfile, "tempdir", str(temporary / long))
    (temporary / long).mkdir()
    folder = tmp_path / ("long" * 25)
    folder.mkdir()
    with socket.socket(socket.AF_UNIX) as server, short_paths.reached(folder / "redis.sock") as path:
        server.bind(str(path))
        server.listen()
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
    assert (folder / "redis.sock").is_socket()
    assert not path.parent.parent.exists()
