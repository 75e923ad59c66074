"""A proxy between a replica and its master, through which the replica hears everything later than it happened."""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
import time

from tests.support.redis_proxy import RedisProxy, shut

_CHUNK = 65536


class LaggingProxy(RedisProxy):
    """Passes on what a master sends after a delay, and at once what its replica says.

    Args:
        master_port: where the master listens on 127.0.0.1.
        lag_s: how much later the replica hears of everything, in seconds.
    """

    def __init__(self, master_port: int, lag_s: float) -> None:
        super().__init__(master_port)
        self._lag_s = lag_s
        self.port = int(self._listener.getsockname()[1])

    def _serve(self, replica: socket.socket) -> None:
        try:
            master = socket.create_connection(self._redis)
        except OSError:
            replica.close()  # the master has ended
            return
        with replica, master:
            self._open |= {replica, master}
            under_way: queue.SimpleQueue[tuple[float, bytes]] = queue.SimpleQueue()
            later = threading.Thread(target=self._deliver, args=(under_way, replica), daemon=True)
            later.start()
            said = threading.Thread(target=_pass_on, args=(replica, master), daemon=True)
            said.start()
            with contextlib.suppress(OSError):  # a master that is killed may reset the connection
                while received := master.recv(_CHUNK):
                    under_way.put((time.monotonic() + self._lag_s, received))
            under_way.put((0.0, b""))
            later.join()
            said.join()
            self._open -= {replica, master}

    @staticmethod
    def _deliver(under_way: queue.SimpleQueue[tuple[float, bytes]], replica: socket.socket) -> None:
        """Pass each piece on when it is due, until there are no more; end the connection."""
        while piece := (due := under_way.get())[1]:
            time.sleep(max(0.0, due[0] - time.monotonic()))
            with contextlib.suppress(OSError):  # it was cut
                replica.sendall(piece)
        shut(replica)


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    """Pass on what the source sends until it closes; end both."""
    with contextlib.suppress(OSError):  # the other direction has shut them down
        while received := source.recv(_CHUNK):
            target.sendall(received)
    shut(source)
    shut(target)
