"""A hostile client that asks and does not take the responses. As a program, a process of its own."""

from __future__ import annotations

import struct
import sys
import time
from contextlib import ExitStack, contextmanager
from socket import create_connection
from subprocess import PIPE, Popen
from typing import TYPE_CHECKING

from tests.support.flood import END_HEADERS, GET_RULES, HEADERS, PREFACE, SETTINGS, frame, head

if TYPE_CHECKING:
    from collections.abc import Iterator
    from socket import socket

    from google.protobuf.message import Message

DATA = 0
END_STREAM = 1
INITIAL_WINDOW_SIZE = 4
CALLS_A_SEND = 20
MOST_CALLS = 1000
PAUSE_S = 0.02
SECONDS = 60


class Unread:
    """One connection that begins call after call.

    Args:
        connection: to the service.
        path: of the method that it calls.
        request: the message of each call, serialized.
        reads: whether it reads what comes in, though HTTP/2's windows are shut; else not a byte is read.
    """

    def __init__(self, connection: socket, path: str, request: bytes, *, reads: bool) -> None:
        self._connection = connection
        self._head = head(path)
        self._message = b"\0" + struct.pack(">I", len(request)) + request
        self._reads = reads
        self._calls = 0
        windows = struct.pack(">HI", INITIAL_WINDOW_SIZE, 0) if reads else b""
        connection.sendall(PREFACE + frame(SETTINGS, 0, 0, windows))

    def ask(self) -> None:
        """Begin some more calls, until a connection has as many as it may have.

        Raises:
            OSError: the service has closed the connection, or takes nothing more.
        """
        count = min(CALLS_A_SEND, MOST_CALLS - self._calls)
        streams = [2 * (self._calls + at) + 1 for at in range(count)]
        self._connection.sendall(
            b"".join(
                frame(HEADERS, END_HEADERS, stream, self._head) + frame(DATA, END_STREAM, stream, self._message)
                for stream in streams
            )
        )
        self._calls += count
        while self._reads:
            self._connection.setblocking(False)
            try:
                if not self._connection.recv(1 << 16):
                    raise ConnectionResetError
            except BlockingIOError:
                break
            finally:
                self._connection.settimeout(0.5)


def _main(address: str, path: str, request: bytes, connections: int, *, reads: bool) -> None:
    host, port = address.rsplit(":", 1)
    until = time.monotonic() + SECONDS
    with ExitStack() as stack:

        def connect() -> Unread:
            connection = stack.enter_context(create_connection((host, int(port)), timeout=5))
            return Unread(connection, path, request, reads=reads)

        clients: list[Unread | None] = [None] * connections
        while time.monotonic() < until:
            for at in range(connections):
                client = clients[at]
                try:
                    if client is None:
                        client = clients[at] = connect()
                    client.ask()
                except OSError:  # one that is not read takes no further calls at some time, and stays
                    clients[at] = client if not reads else None
            time.sleep(PAUSE_S)


@contextmanager
def unread(
    address: str, request: Message, connections: int, *, reads: bool, path: str = GET_RULES
) -> Iterator[Popen[str]]:
    """Call over and over, and take no response, until the context ends.

    Args:
        address: of the service.
        request: of each call.
        connections: how many; each that the service ends is made again.
        reads: see `Unread`.
        path: of the method.
    """
    command = [sys.executable, "-m", "tests.support.unread", address, path, request.SerializeToString().hex()]
    command += [str(connections), *(["reads"] if reads else [])]
    with Popen(command, stdin=PIPE, stdout=PIPE, text=True) as client:
        try:
            yield client
        finally:
            client.kill()


if __name__ == "__main__":
    _main(sys.argv[1], sys.argv[2], bytes.fromhex(sys.argv[3]), int(sys.argv[4]), reads="reads" in sys.argv)
