"""The commands that a Redis is sent, word for word, and what its scripts take there."""

from __future__ import annotations

import ast
import re
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.processes import RedisServer

_WORD = re.compile(rb'"(?:[^"\\]|\\.)*"')
_END = "that was all"
_RUN_A_SCRIPT = ("evalsha", "eval", "fcall")


@contextmanager
def recorded(redis: RedisServer) -> Iterator[list[list[bytes]]]:
    """Give a list that holds, after the block, the words of each command that clients sent meanwhile."""
    commands: list[list[bytes]] = []
    with socket.socket(socket.AF_UNIX) as monitor:
        monitor.connect(str(redis.socket))
        monitor.sendall(b"MONITOR\r\n")
        assert monitor.recv(16) == b"+OK\r\n"
        yield commands
        with redis.client() as client:
            client.echo(_END)
        seen = b""
        while _END.encode() not in seen:
            seen += monitor.recv(65536)
    for line in seen.splitlines():
        source, _, words = line.partition(b"] ")
        if not source.endswith(b" lua"):  # what a script does itself
            commands.append([ast.literal_eval("b" + word.decode()) for word in _WORD.findall(words)])


def scripts_run(redis: RedisServer) -> tuple[int, int]:
    """Return how many scripts and functions a Redis has run so far, and in how many microseconds."""
    with redis.client() as client:
        seen = client.info("commandstats")
    stats = [seen[f"cmdstat_{name}"] for name in _RUN_A_SCRIPT if f"cmdstat_{name}" in seen]
    return sum(one["calls"] for one in stats), sum(one["usec"] for one in stats)
