"""One connection to a Redis server: bytes out, replies in.

redis-py makes the connection (handshake, TLS, authentication) and knows the errors; commands then go through it with
two calls to the operating system. redis-py's own way would take some ten Python calls for each.
"""

from __future__ import annotations

import struct
from functools import partial
from socket import SO_RCVTIMEO, SO_SNDTIMEO, SOL_SOCKET
from ssl import SSLSocket
from typing import TYPE_CHECKING, Any

import hiredis
from redis import ConnectionError as RedisConnectionError
from redis import RedisError
from redis import TimeoutError as RedisTimeoutError

if TYPE_CHECKING:
    from collections.abc import Callable
    from socket import socket

    from redis.connection import AbstractConnection

TRUSTED_SECONDS = 0.5
"""A connection that was idle for longer may have been closed by the other side without our noticing."""

_READ_BYTES = 16_384
_GREETING_SECONDS = 0.2
# Linux counts these waits in ticks of its clock, of 10 ms at most, and the first one is under way already: without
# another one a wait may end before the deadline that it is bounded by.
_TICK_SECONDS = 0.01


class SocketLink:
    """A connection that is made when it is first needed, and made anew after it broke. For one thread at a time.

    Waits are bounded by the socket's own options where that is possible: a Python timeout would poll before every
    read and write, and with each of these calls the thread releases the GIL and has to acquire it again.

    Attributes:
        established: whether there is a connection. While there is:
        trusted_until: until when, by `time.perf_counter`, it is taken for alive without a look.
        timeout_s: how long a send or a read waits for the server at most.
        send: sends bytes; raises OSError.
        receive: waits for bytes and returns them, none if the server closed the connection; raises OSError.
        reader: is fed what was received, and gets replies out of it, in order; False where none is complete.
    """

    __slots__ = ("_connection", "_socket", "established", "reader", "receive", "send", "timeout_s", "trusted_until")

    receive: Callable[[], bytes]
    send: Callable[[bytes], None]
    reader: hiredis.Reader

    def __init__(self, connection: AbstractConnection) -> None:
        self._connection = connection
        # redis-py calls it with the connection, whatever its types say.
        connection.redis_connect_func = self._shake_hands  # type: ignore[assignment]
        self.established = False
        self.trusted_until = 0.0
        self.timeout_s = 0.0

    def is_alive(self) -> bool:
        """Look whether the other side has closed the connection; if it has, close it here too."""
        try:
            stale = self._connection.can_read(0)
        except (RedisConnectionError, OSError):
            stale = True
        if stale:
            self.close()
        return not stale

    def connect(self) -> None:
        """Make the connection.

        Raises:
            redis.ConnectionError, redis.TimeoutError: it cannot be made.
        """
        self._connection.connect()
        # redis-py keeps these two to itself.
        connection: Any = self._connection
        self._socket: socket = connection._sock  # noqa: SLF001
        self.reader = hiredis.Reader(replyError=connection._parser.parse_error)  # noqa: SLF001
        self.send = self._socket.sendall
        self.receive = partial(self._socket.recv, _READ_BYTES)
        self.timeout_s = 0.0
        self.established = True

    def _shake_hands(self, connection: AbstractConnection) -> None:
        """Introduce ourselves on a connection that has just been made.

        A server that turns everybody away says why (protected mode, too many clients) and closes the connection, so
        that introducing ourselves fails before its reason is read, and the reason is lost with the connection.

        Raises:
            redis.ConnectionError: with the server's reason, if it has one.
        """
        try:
            connection.on_connect()
        except RedisConnectionError as error:
            reason = self._greeting() if type(error) is RedisConnectionError else ""
            if reason:
                raise RedisConnectionError(reason) from error
            raise

    def _greeting(self) -> str:
        """Return the first sentence of the error that the server says before it is asked anything; empty if none."""
        connection: Any = self._connection
        try:
            with connection._connect() as stranger:  # noqa: SLF001 - redis-py keeps it to itself
                stranger.settimeout(_GREETING_SECONDS)
                said = stranger.recv(_READ_BYTES).decode(errors="replace")
        except OSError:
            return ""
        return said[1:].partition(". ")[0].strip() if said.startswith("-") else ""

    def bound_waits(self, timeout_s: float) -> None:
        """Have each send and read wait for the server no longer than this from now on."""
        if isinstance(self._socket, SSLSocket):
            self._socket.settimeout(timeout_s)
        else:
            self._socket.settimeout(None)
            microseconds = int((timeout_s + _TICK_SECONDS) * 1_000_000)
            timeval = struct.pack("@ll", *divmod(microseconds, 1_000_000))
            self._socket.setsockopt(SOL_SOCKET, SO_RCVTIMEO, timeval)
            self._socket.setsockopt(SOL_SOCKET, SO_SNDTIMEO, timeval)
        self.timeout_s = timeout_s

    def close(self) -> None:
        """Close the connection."""
        self.established = False
        self._connection.disconnect()

    def broken(self, error: Exception) -> Exception:
        """Close the connection, on which this happened; return the error that says so in redis-py's terms."""
        self.close()
        if isinstance(error, RedisError):
            return error
        if isinstance(error, (TimeoutError, BlockingIOError)):
            return RedisTimeoutError("the server did not answer in time")
        return RedisConnectionError(f"the connection broke: {error}")
