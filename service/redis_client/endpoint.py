"""One Redis server, and the way to it.

redis-py's client would take a connection from a pool, look the command up and route its reply on every call; a
decision is one EVALSHA, so we keep redis-py's connections and leave out the rest. Nothing here retries: who calls
knows what is safe to repeat.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import hiredis
from redis import ConnectionError as RedisConnectionError
from redis import ConnectionPool
from redis.backoff import NoBackoff
from redis.exceptions import (
    AskError,
    ClusterDownError,
    MovedError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    TryAgainError,
)
from redis.retry import Retry

from service.redis_client.pipeline import Lane
from service.redis_client.socket_link import Link

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from redis.connection import AbstractConnection

Command = tuple[bytes | str | int, ...]
"""A command's words, as hiredis packs them."""

_REFUSING = (ReadOnlyError, OutOfMemoryError, NoPermissionError, ClusterDownError)
# Replies of a server that cannot serve now, for which redis-py has no class of their own.
# Redis 6.2 gives that of a command within a script as part of a longer text.
_REFUSING_REPLY = re.compile(
    r"(^|-)(BUSY|MISCONF|NOREPLICAS|MASTERDOWN|LOADING|NOAUTH|OOM|READONLY|CLUSTERDOWN|EXECABORT|TRYAGAIN)\b"
)
_PING = hiredis.pack_command((b"PING",))
_ASKING = hiredis.pack_command((b"ASKING",))
# How many quick commands go to the server together at most: more than there are threads to send them.
_QUICK_ABREAST = 1024


def probe(number: int) -> bytes:
    """Return a key that holds nothing, to find out by whether a server takes writes; one for each number."""
    return f"evenhand:{{{number}}}:probe".encode()


_PROBE = probe(0)


def _ignore(_seconds: float) -> None:
    """Is told how long the server took, and does nothing."""


def refuses(reply: Exception) -> bool:
    """Whether a server that replies this cannot serve now, whatever it is asked."""
    return isinstance(reply, _REFUSING) or bool(_REFUSING_REPLY.search(str(reply)))


def connection_settings(url: str, timeout_s: float) -> dict[str, Any]:
    """Return the settings of connections to `url`, with every wait bounded and no retry."""
    pool = ConnectionPool.from_url(url)
    return pool.connection_kwargs | {
        "connection_class": pool.connection_class,
        "socket_timeout": timeout_s,
        "socket_connect_timeout": timeout_s,
        "retry": Retry(NoBackoff(), 0),
        "retry_on_error": [],
        "health_check_interval": 0,
        "protocol": 2,
        "decode_responses": False,
    }


class Endpoint:
    """One Redis server.

    What takes it microseconds goes to it together. What takes milliseconds, such as each run of a batch, goes by a
    lane of its own, one after another: so a quick command waits for one such run of this process at most.

    Args:
        settings: see `connection_settings`.
        sent: told, whenever commands were answered that were sent together, how many seconds that took.
        probe: a key of its own to find out by whether it takes writes.

    Attributes:
        up: whether it served when last asked.
    """

    def __init__(
        self, settings: dict[str, Any], sent: Callable[[float], None] = _ignore, probe: bytes = _PROBE
    ) -> None:
        self.up = True
        self._takes_writes = False  # nobody knows yet
        write: Command = (b"SET", probe, b"", b"PX", b"1")
        self._write = hiredis.pack_command(write)  # type: ignore[arg-type]  # as below
        settings = dict(settings)
        connection_class: type[AbstractConnection] = settings.pop("connection_class")

        def lane(abreast: int) -> Lane:
            return Lane(Link(connection_class(**settings)), settings["socket_timeout"], abreast, self._failed, sent)

        self._quick = lane(_QUICK_ABREAST)
        self._slow = lane(1)

    def call(
        self, command: Command, timeout_s: float | None = None, *, slow: bool = False, asking: bool = False
    ) -> Any:
        """Send one command and return its reply; fail at once, without trying, while the server is away.

        Args:
            command: its words.
            timeout_s: how long to wait for the server, if shorter than the settings say.
            slow: whether the server may need milliseconds for it.
            asking: whether it goes to a server that is taking over the key's slot (ASKING).

        Raises:
            redis.ConnectionError, redis.TimeoutError: no reply came; the command may or may not have run.
            redis.ResponseError: the reply is an error.
        """
        if not self.up:
            raise RedisConnectionError("the server is away")
        packed = hiredis.pack_command(command)  # type: ignore[arg-type]  # its stub means words of any number
        lane = self._slow if slow else self._quick
        replies = lane.call(_ASKING + packed, 2, timeout_s) if asking else lane.call(packed, 1, timeout_s)
        reply = replies[-1]
        if isinstance(reply, Exception):
            if refuses(reply):
                self._failed()
            raise reply
        return reply

    def call_each(self, commands: Sequence[Command], timeout_s: float | None = None) -> list[Any]:
        """Send several quick commands at once; return their replies, exceptions where they are errors.

        Raises:
            redis.ConnectionError, redis.TimeoutError: not all replies came; each command may or may not have run.
        """
        if not self.up:
            raise RedisConnectionError("the server is away")
        packed = b"".join([hiredis.pack_command(command) for command in commands])  # type: ignore[arg-type]
        return self._quick.call(packed, len(commands), timeout_s)

    def ping(self) -> None:
        """Find out whether the server serves, and remember; raises as `call` does.

        Nobody else asks it as long as nobody knows. A server that answers may be full, or have become a replica; so
        after it failed, and before it is first used, it has to take a write.
        """
        try:
            try:
                self._prove()
            except RedisConnectionError:
                # A connection that broke says little (the server may be back already); a new one says all.
                self._prove()
        except Exception:
            self._failed()
            raise
        self._takes_writes = self.up = True

    def _prove(self) -> None:
        """Have the server answer, and take a write if nobody knows whether it does; raises as `call` does."""
        commands = [_PING] if self._takes_writes else [_PING, self._write]
        for reply in self._quick.call(b"".join(commands), len(commands), None):
            # A key whose slot has moved says that there is a server, which is all that can be known.
            if isinstance(reply, Exception) and not isinstance(reply, (MovedError, AskError, TryAgainError)):
                raise reply

    def close(self) -> None:
        """Close the connections."""
        self._quick.close()
        self._slow.close()

    def _failed(self) -> None:
        self.up = self._takes_writes = False
