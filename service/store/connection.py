"""One Redis server, with a connection of its own for every thread.

redis-py's client would take a connection from a pool, look the command up and route its reply on every call; a
decision is one EVALSHA, so we keep redis-py's connections (handshake, TLS, parsing) and leave out the rest.
Nothing here retries: who calls knows what is safe to repeat.
"""

from __future__ import annotations

import threading
from time import monotonic
from typing import TYPE_CHECKING, Any

import hiredis
from redis import ConnectionError as RedisConnectionError
from redis import ConnectionPool
from redis import TimeoutError as RedisTimeoutError
from redis.backoff import NoBackoff
from redis.retry import Retry

if TYPE_CHECKING:
    from redis.connection import AbstractConnection

Command = tuple[bytes | str | int, ...]
"""A command's words, as hiredis packs them."""

# A connection that was idle for so long may have been closed by the other side without our noticing.
_IDLE_SECONDS = 0.5


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

    Attributes:
        up: whether it answered when last asked.
    """

    def __init__(self, settings: dict[str, Any]) -> None:
        self.up = True
        settings = dict(settings)
        self._class: type[AbstractConnection] = settings.pop("connection_class")
        self._settings = settings
        self._local = threading.local()
        self._opened: list[AbstractConnection] = []

    def call(self, command: Command, timeout_s: float | None = None) -> Any:
        """Send one command and return its reply; fail at once, without trying, while the server is away.

        Args:
            command: its words.
            timeout_s: how long to wait for the reply, if shorter than the settings say.

        Raises:
            redis.ConnectionError, redis.TimeoutError: no reply came; the command may or may not have run.
            redis.ResponseError: the reply is an error.
        """
        if not self.up:
            raise RedisConnectionError("the server is away")
        connection = self._connection()
        established = connection.is_connected
        try:
            packed = hiredis.pack_command(command)  # type: ignore[arg-type]  # its stub means words of any number
            connection.send_packed_command([packed], check_health=False)
            # redis-py disconnects by itself when no reply comes, so that a late one is never taken for another's.
            if timeout_s is None:
                reply = connection.read_response(disable_decoding=True)
            else:
                reply = connection.read_response(disable_decoding=True, timeout=timeout_s)
        except RedisTimeoutError:
            # A deadline shorter than our own patience says nothing about the server.
            self.up = timeout_s is not None
            raise
        except RedisConnectionError:
            # A connection that broke says little (the server may be back already); one that cannot be made says all.
            self.up = established
            raise
        self._local.used = monotonic()
        return reply

    def ping(self) -> None:
        """Find out whether the server answers, and remember; raises as `call` does."""
        self.up = True
        self.call((b"PING",))

    def close(self) -> None:
        """Close the connections of all threads."""
        for connection in self._opened:
            connection.disconnect()

    def _connection(self) -> AbstractConnection:
        connection: AbstractConnection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._class(**self._settings)
            self._local.used = 0.0
            self._opened.append(connection)
        elif monotonic() - self._local.used > _IDLE_SECONDS and connection.is_connected:
            try:
                stale = connection.can_read(0)
            except (RedisConnectionError, OSError):
                stale = True
            if stale:
                connection.disconnect()
        return connection
