"""A proxy before a Redis that loses replies: the command runs, and the connection breaks before the reply comes."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable

_CHUNK = 65536


class LossyProxy:
    """Passes bytes on between clients and a Redis on a port of 127.0.0.1, and loses some replies.

    Args:
        redis_port: where the Redis listens.
        pattern: the reply to what is sent is lost when it holds a text like this that was never seen before.

    Attributes:
        lost: the texts whose replies were lost.
    """

    def __init__(self, redis_port: int, pattern: bytes) -> None:
        self._redis = ("127.0.0.1", redis_port)
        self._pattern = re.compile(pattern)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self.lost: set[bytes] = set()

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for each in list(self._open):
            _shut(each)

    @property
    def url(self) -> str:
        """Its address as `--redis-url` takes it."""
        return f"redis://127.0.0.1:{self._listener.getsockname()[1]}/0"

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return  # the proxy is closed
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.create_connection(self._redis) as server:
            self._open |= {client, server}
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            losing = threading.Event()
            back = threading.Thread(target=_pump, args=(server, client, lambda _: losing.is_set()), daemon=True)
            back.start()

            def note(sent: bytes) -> bool:
                new = set(self._pattern.findall(sent)) - self.lost
                if new:
                    losing.set()
                    self.lost |= new
                return False

            _pump(client, server, note)
            back.join()
            self._open -= {client, server}


def _pump(source: socket.socket, target: socket.socket, stops: Callable[[bytes], bool]) -> None:
    """Pass on what the source sends, until it closes or a piece, which is not passed on, `stops` it; end both."""
    with contextlib.suppress(OSError):  # the other direction has shut them down
        while (received := source.recv(_CHUNK)) and not stops(received):
            target.sendall(received)
    _shut(source)
    _shut(target)


def _shut(end: socket.socket) -> None:
    """End both directions of a connection, so that who waits at it wakes."""
    with contextlib.suppress(OSError):  # it has ended already
        end.shutdown(socket.SHUT_RDWR)
