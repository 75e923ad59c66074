"""The embedded Redis: a private server on a unix socket in the data folder, kept running, and keeping everything.

Its files in the data folder, readable by their owner only:

    evenhand.lock    locked by the service that uses the folder; holds its process id
    redis.lock       locked by the Redis that uses the folder, even after the service that started it died
    redis.sock       where it answers
    redis.log        its log
    appendonly*      every change, written before it is acknowledged, and on disk at most a second later

So acknowledged changes outlive the service and Redis; only the machine's own crash can take the last second.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import socket
import stat
import subprocess
import time
from typing import TYPE_CHECKING
from urllib.parse import quote

from service.runtime import die_with_parent, redis_binary, short_paths
from service.runtime.respawning import DidNotStartError, KeptProcess

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_log = logging.getLogger(__name__)

_SOCKET = "redis.sock"
_WRITTEN_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH
_ROOT = 0
_LOG = "redis.log"
_ANSWER_SECONDS = 1.0
_START_SECONDS = 30.0
_ORPHAN_SECONDS = 30.0
_STOP_SECONDS = 10.0
_POLL_SECONDS = 0.02


class EmbeddedRedisError(Exception):
    """The embedded Redis cannot be had; the text is one line that says why."""


@contextlib.contextmanager
def reach(data_dir: Path) -> Iterator[str]:
    """Give the URL by which a client reaches the embedded Redis of a service that runs, as long as the context lasts.

    Args:
        data_dir: the folder of that service.

    Raises:
        EmbeddedRedisError: no service has ever kept its Redis there, or it ended in an orderly way.
        OSError: the folder's path is too long for a unix socket, and there is no temporary folder to be had.
    """
    place = data_dir.absolute() / _SOCKET
    if not place.exists():
        raise EmbeddedRedisError(f"no service keeps its Redis in {place.parent}: there is no {place.name}")
    with short_paths.reached(place) as socket_path:
        yield _url(socket_path)


class EmbeddedRedis:
    """A Redis server of our own, in the folder `data_dir`.

    `start` and `stop` it once. In between, it is started again whenever it dies.

    Attributes:
        data_dir: its folder, as given.
        url: where it answers: `unix:///...`.
        version: such as "8.2.3"; known once it was started.
    """

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.version = ""
        self._folder = data_dir.absolute()
        self._socket = self._folder / _SOCKET
        self._link: Path | None = None
        self._locks: list[int] = []
        self._redis_lock = -1
        self._program: list[str] = []
        self._redis = KeptProcess("the embedded Redis", self._spawn, self._answers, subprocess.Popen.terminate)

    @property
    def url(self) -> str:
        """Where it answers, in the form of `--redis-url`."""
        return _url(self._socket)

    def start(self) -> None:
        """Take the folder, end a Redis that a dead service left there, start ours, wait until it answers.

        However long it takes Redis to load its data, that is waited for.

        Raises:
            NoRedisBinaryError: there is no Redis server on this machine.
            EmbeddedRedisError: another service uses the folder, or Redis does not start in it.
        """
        found = redis_binary.find()
        self.version = found.version
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._say_who_else_may_write()
            self._take_folder()
            self._shorten_socket()
            self._take_over_from_orphan()
            self._program = _program(found.path, self._folder)
            self._redis.start()
            self._redis.wait()
        except DidNotStartError as error:
            self.stop()
            raise EmbeddedRedisError(f"the embedded Redis does not start ({error}): {self._last_words()}") from error
        except OSError as error:
            self.stop()
            raise EmbeddedRedisError(f"cannot use the data folder {self.data_dir}: {error}") from error
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End it, in an orderly way if it can, and give the folder back. May be called again."""
        self._redis.stop(_STOP_SECONDS)
        if self._link is not None:
            self._link.unlink(missing_ok=True)
            self._link = None
        while self._locks:
            os.close(self._locks.pop())

    def _spawn(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            die_with_parent.command(self._program),
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(self._redis_lock,),
            umask=0o077,
            start_new_session=True,  # a Ctrl-C in the terminal is for the service, which ends Redis last
        )

    def _answers(self, process: subprocess.Popen[bytes]) -> bool:
        """Wait until Redis answers and has loaded its data; false if it ended, or has to be ended for its silence."""
        end = time.monotonic() + _START_SECONDS
        while process.poll() is None and not self._redis.stopping:
            reply = self._ask(b"PING")
            if reply == b"+PONG":
                return True
            if reply.startswith(b"-LOADING"):
                end = time.monotonic() + _START_SECONDS
            elif time.monotonic() > end:
                process.kill()
            time.sleep(_POLL_SECONDS)
        return False

    def _ask(self, command: bytes) -> bytes:
        """Send Redis a command of one word; return the first line of its reply, empty if it does not answer.

        By hand, because redis-py takes longer to load than Redis takes to start.
        """
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(_ANSWER_SECONDS)
            connection.connect(str(self._socket))
            connection.sendall(command + b"\r\n")
            with connection.makefile("rb") as reply:
                return reply.readline().rstrip()
        return b""

    def _take_folder(self) -> None:
        """Lock the folder for this service, as long as it lives.

        Raises:
            EmbeddedRedisError: another service has it.
        """
        lock = os.open(self._folder / "evenhand.lock", os.O_RDWR | os.O_CREAT, 0o600)
        self._locks.append(lock)
        if not _try_lock(lock):
            holder = os.pread(lock, 20, 0).decode(errors="replace").strip() or "unknown"
            raise EmbeddedRedisError(f"the data folder {self.data_dir} is in use by another service (process {holder})")
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)

    def _say_who_else_may_write(self) -> None:
        """Warn where somebody else could put other files in the place of Redis's; volumes of a cluster are often so."""
        folder = self._folder.stat()
        if folder.st_mode & _WRITTEN_BY_OTHERS or folder.st_uid not in {os.geteuid(), _ROOT}:
            mode = stat.S_IMODE(folder.st_mode)
            ours = folder.st_uid == os.geteuid()
            remedy = "chmod 700" if ours else f"chown it to user {os.geteuid()}, and chmod 700"
            _log.warning(
                "others may write to the data folder %s (mode %o, owner %d), and so change decisions: %s",
                *(self.data_dir, mode, folder.st_uid, remedy),
            )

    def _shorten_socket(self) -> None:
        """Where the folder's path is too long for a socket address, reach it by a link in the temporary folder."""
        if not short_paths.fits(self._socket):
            self._link = short_paths.link_to(self._folder)
            self._socket = self._link / _SOCKET

    def _take_over_from_orphan(self) -> None:
        """Lock the folder for our Redis; one that still has it lost its service, and is ended first.

        Raises:
            EmbeddedRedisError: it does not end.
        """
        self._redis_lock = os.open(self._folder / "redis.lock", os.O_RDWR | os.O_CREAT, 0o600)
        self._locks.append(self._redis_lock)
        if _try_lock(self._redis_lock):
            return
        _log.warning("a Redis of a service that died still runs in %s: ending it", self.data_dir)
        end = time.monotonic() + _ORPHAN_SECONDS
        while not _try_lock(self._redis_lock):
            if time.monotonic() > end:
                raise EmbeddedRedisError(
                    f"a Redis of a service that died still runs in the data folder {self.data_dir}, and does not end"
                )
            self._ask(b"SHUTDOWN")
            time.sleep(_POLL_SECONDS)

    def _last_words(self) -> str:
        """Return the end of Redis's log, in one line."""
        lines: list[str] = []
        with contextlib.suppress(OSError):
            lines = (self._folder / _LOG).read_text(errors="replace").splitlines()[-3:]
        return f"{' | '.join(line.strip() for line in lines) or 'it said nothing'} (see {self.data_dir / _LOG})"


def _url(socket_path: Path) -> str:
    return f"unix://{quote(str(socket_path))}"


def _try_lock(file: int) -> bool:
    """Lock an open file unless somebody else has; a process that inherits the file holds the lock as well."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _program(server: Path, folder: Path) -> list[str]:
    """Return the command line of Redis. Relative names are within `folder`, its current folder."""
    settings = {
        "dir": str(folder),
        "port": "0",
        "unixsocket": _SOCKET,
        "unixsocketperm": "700",
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
        "logfile": _LOG,
    }
    return [str(server), *(part for name, value in settings.items() for part in (f"--{name}", value))]
