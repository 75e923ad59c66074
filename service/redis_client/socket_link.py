"""One connection to a Redis server: bytes out, replies in.

redis-py makes the connection (handshake, TLS, authentication) and knows the errors; commands then go through it with
two calls to the operating system. redis-py's own way would take some ten Python calls for each.
"""

from __future__ import annotations

import struct
from socket import SO_RCVTIMEO, SO_SNDTIMEO, SOL_SOCKET
from ssl import SSLSocket
from time import monotonic
from typing import TYPE_CHECKING, Any

import hiredis
from redis import ConnectionError as RedisConnectionError
from redis import TimeoutError as RedisTimeoutError

if TYPE_CHECKING:
    from socket import socket

    from redis.connection import AbstractConnection

# A connection that was idle for so long may have been closed by the other side without our noticing.
_IDLE_SECONDS = 0.5
_READ_BYTES = 16_384


class Link:
    """A connection that is made when it is first needed, and made anew after it broke. For one thread at a time.

    Waits are bounded by the socket's own options where that is possible: a Python timeout would poll before every
    read and write, and with each of these calls the thread gives the interpreter away and has to get it back.
    """

    __slots__ = ("_connection", "_established", "_reader", "_receive", "_send", "_socket", "_used", "_wait_s")

    def __init__(self, connection: AbstractConnection) -> None:
        self._connection = connection
        self._established = False
        self._used = 0.0

    def is_established(self) -> bool:
        """Whether there is a connection; one that was idle is looked at, and closed if the other side closed it."""
        if self._established and monotonic() - self._used > _IDLE_SECONDS:
            try:
                stale = self._connection.can_read(0)
            except (RedisConnectionError, OSError):
                stale = True
            if stale:
                self.close()
        return self._established

    def connect(self) -> None:
        """Make the connection.

        Raises:
            redis.ConnectionError, redis.TimeoutError: it cannot be made.
        """
        self._connection.connect()
        # redis-py keeps these two to itself.
        connection: Any = self._connection
        self._socket: socket = connection._sock  # noqa: SLF001
        self._reader = hiredis.Reader(replyError=connection._parser.parse_error)  # noqa: SLF001
        self._send = self._socket.sendall
        self._receive = self._socket.recv
        self._wait_s = 0.0
        self._established = True

    def send(self, packed: bytes, wait_s: float) -> None:
        """Send commands; from now on each wait for the server takes `wait_s` at most.

        Raises:
            redis.ConnectionError, redis.TimeoutError: they were not sent, or not wholly. The connection is closed.
        """
        try:
            if wait_s != self._wait_s:
                self._bound_waits(wait_s)
            self._send(packed)
        except OSError as error:
            raise self._broken(error) from error

    def receive(self) -> list[Any]:
        """Wait for replies and return those that came, at least one, the first one last. A reply may be an exception.

        Raises:
            redis.ConnectionError, redis.TimeoutError: none came, or something else. The connection is closed.
        """
        reader = self._reader
        replies: list[Any] = []
        try:
            while not replies:
                received = self._receive(_READ_BYTES)
                if not received:
                    raise ConnectionResetError("the server closed the connection")
                reader.feed(received)
                while (reply := reader.gets()) is not False:
                    replies.append(reply)
        except (OSError, hiredis.ProtocolError) as error:
            raise self._broken(error) from error
        self._used = monotonic()
        replies.reverse()
        return replies

    def close(self) -> None:
        """Close the connection."""
        self._established = False
        self._connection.disconnect()

    def _broken(self, error: Exception) -> Exception:
        self.close()
        if isinstance(error, (TimeoutError, BlockingIOError)):
            return RedisTimeoutError("the server did not answer in time")
        return RedisConnectionError(f"the connection broke: {error}")

    def _bound_waits(self, seconds: float) -> None:
        if isinstance(self._socket, SSLSocket):
            self._socket.settimeout(seconds)
        else:
            self._socket.settimeout(None)
            timeval = struct.pack("@ll", *divmod(max(1, int(seconds * 1_000_000)), 1_000_000))
            self._socket.setsockopt(SOL_SOCKET, SO_RCVTIMEO, timeval)
            self._socket.setsockopt(SOL_SOCKET, SO_SNDTIMEO, timeval)
        self._wait_s = seconds
