"""A DNS server on loopback for one name, which hears of changes late, as a cluster's does."""

from __future__ import annotations

import socket
import socketserver
import struct
import time
from typing import TYPE_CHECKING

from tests.support.serving import Serving

if TYPE_CHECKING:
    from collections.abc import Iterable

_A, _IN = 1, 1
_HEADER = struct.Struct("!6H")
_ANSWER, _UNKNOWN = 0x8580, 0x8583  # an answer with authority; the same, and that there is no such name
_TTL_SECONDS = 5  # what CoreDNS gives in Kubernetes
_QUESTION_ENDS = 5  # bytes: the empty label, type and class
_THE_NAME = 0xC00C  # a pointer to the name in the question


class NameServer(Serving):
    """Answers with the addresses that were published some time ago, as a context manager.

    Args:
        name: The one name that it knows.
        lag: Seconds until what is published is what it answers.
    """

    def __init__(self, name: str, lag: float) -> None:
        self._labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
        self.lag = lag
        self._published: list[tuple[float, tuple[str, ...]]] = [(float("-inf"), ())]
        outer = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                question, connection = self.request
                connection.sendto(outer.answer(question), self.client_address)

        self._server = socketserver.UDPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self._server.server_address[1]}"

    def publish(self, addresses: Iterable[str], *, at_once: bool = False) -> None:
        """Let the name have these IPv4 addresses, after the lag or at once."""
        now = time.monotonic()
        self._published.append((now - self.lag if at_once else now, tuple(addresses)))

    def answer(self, question: bytes) -> bytes:
        """Answer one question. There are A records only; for other types of the name the answer is empty."""
        number, *_ = _HEADER.unpack_from(question)
        end = question.index(b"\0", _HEADER.size) + _QUESTION_ENDS
        asked = question[_HEADER.size : end]
        kind, _ = struct.unpack("!2H", asked[-4:])
        known = asked[:-_QUESTION_ENDS].lower() == self._labels
        heard = time.monotonic() - self.lag
        current = next(addresses for since, addresses in reversed(self._published) if since <= heard)
        records = [
            struct.pack("!3HIH", _THE_NAME, _A, _IN, _TTL_SECONDS, 4) + socket.inet_aton(address)
            for address in (current if known and kind == _A else ())
        ]
        flags = _ANSWER if known else _UNKNOWN
        return _HEADER.pack(number, flags, 1, len(records), 0, 0) + asked + b"".join(records)
