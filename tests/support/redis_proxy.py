"""A proxy before a Redis: what passes, and what becomes of it, is for those who derive from it."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from typing import Self

_CHUNK = 65536

Way = Callable[[bytes], tuple[bytes, bool]]
"""One direction of a connection: from a piece that came, what is passed on, and whether the connection goes on."""


class RedisProxy:
    """Passes bytes on between clients and a Redis on a port of 127.0.0.1.

    Args:
        redis_port: where the Redis listens.
    """

    def __init__(self, redis_port: int) -> None:
        self._redis = ("127.0.0.1", redis_port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    @property
    def url(self) -> str:
        """Its address as `--redis-url` takes it."""
        return f"redis://127.0.0.1:{self._listener.getsockname()[1]}/0"

    def cut(self) -> None:
        """Break every connection."""
        for each in list(self._open):
            shut(each)

    def ways(self) -> tuple[Way, Way]:
        """Return both directions of a new connection: to Redis, and back."""
        raise NotImplementedError

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return  # the proxy is closed
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError), socket.create_connection(self._redis) as server:
            self._open |= {client, server}
            for each in (client, server):
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            there, back = self.ways()
            replies = threading.Thread(target=_pump, args=(server, client, back), daemon=True)
            replies.start()
            _pump(client, server, there)
            replies.join()
            self._open -= {client, server}


def _pump(source: socket.socket, target: socket.socket, way: Way) -> None:
    """Pass on what the source sends, until it closes or its way ends; end both."""
    with contextlib.suppress(OSError):  # the other direction has shut them down
        goes_on = True
        while goes_on and (received := source.recv(_CHUNK)):
            passed, goes_on = way(received)
            target.sendall(passed)
    shut(source)
    shut(target)


def shut(end: socket.socket) -> None:
    """End both directions of a connection, so that who waits at it wakes."""
    with contextlib.suppress(OSError):  # it has ended already
        end.shutdown(socket.SHUT_RDWR)
