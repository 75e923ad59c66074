"""One unary gRPC call by hand, over HTTP/2: for a probe, for which gRPC's library takes too long to load.

No flow control: a request or answer larger than 16 KiB is not for this. No Huffman code in headers: gRPC's servers do
not use it, and what a proxy writes so is left unread. See RFC 9113 (frames), RFC 7541 (headers), and gRPC's own
https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md.
"""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from ssl import SSLContext

_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RST_STREAM, _SETTINGS, _PING, _CONTINUATION = 0, 1, 3, 4, 6, 9
_END_STREAM, _ACK, _END_HEADERS, _PADDED, _PRIORITY = 0x1, 0x1, 0x4, 0x8, 0x20
_STREAM: Final = 1
_LARGEST_FRAME: Final = 16_384
# No table of headers to remember (setting 1), and no pushes (setting 2).
_NO_TABLE_NO_PUSH: Final = bytes([0, 1, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0])
# Fields 3, 6 and 7 of the static table: `:method: POST`, `:scheme: http`, `:scheme: https`.
_POST, _HTTP, _HTTPS = b"\x83", b"\x86", b"\x87"
_CONTENT_TYPE: Final = 31  # its name there; that of `:authority` is 1, of `:path` 4


class Answer(NamedTuple):
    """What came of a call.

    Attributes:
        message: the serialized message; None if there is none.
        headers: what headers and trailers say, as far as it was readable; of `grpc-status` and `grpc-message`, too.
    """

    message: bytes | None
    headers: dict[bytes, bytes]


class NotGrpcError(Exception):
    """What listens there does not speak HTTP/2."""


def call(address: str, path: str, message: bytes, timeout: float, tls: SSLContext | None = None) -> Answer:
    """Call a method.

    Args:
        address: `HOST:PORT`, `[IPV6]:PORT` or `unix:PATH`.
        path: `/package.Service/Method`.
        message: serialized request.
        timeout: deadline in seconds.
        tls: what to encrypt by, which offers h2 by ALPN; None: plain text.

    Raises:
        TimeoutError: no answer by then.
        NotGrpcError: see there.
        ConnectionResetError: the connection ended before the answer.
        OSError: nobody could be asked.
        ValueError: the address is none of these.
    """
    end = time.monotonic() + timeout
    with _connect(address, end, tls) as connection:
        headers = _POST + (_HTTP if tls is None else _HTTPS)
        for name, value in ((1, b"evenhand"), (4, path.encode()), (_CONTENT_TYPE, b"application/grpc")):
            headers += _integer(name, 4) + _text(value)
        headers += b"\0" + _text(b"te") + _text(b"trailers")
        body = b"\0" + len(message).to_bytes(4, "big") + message
        connection.sendall(
            _PREFACE
            + _frame(_SETTINGS, 0, 0, _NO_TABLE_NO_PUSH)
            + _frame(_HEADERS, _END_HEADERS, _STREAM, headers)
            + _frame(_DATA, _END_STREAM, _STREAM, body)
        )
        return _Reader(connection, end).answer()


def _connect(address: str, end: float, tls: SSLContext | None) -> socket.socket:
    """Connect to the first of an address's places that takes the connection; `end` by `time.monotonic`."""
    connection = _connect_plainly(address, end)
    if tls is None:
        return connection
    # As gRPC calls what listens on a unix socket.
    name = "localhost" if address.startswith("unix:") else address.rpartition(":")[0].strip("[]")
    try:
        connection.settimeout(_left(end))
        encrypted = tls.wrap_socket(connection, server_hostname=name)
    except BaseException:
        connection.close()
        raise
    if encrypted.selected_alpn_protocol() != "h2":
        encrypted.close()
        raise NotGrpcError
    return encrypted


def _connect_plainly(address: str, end: float) -> socket.socket:
    failed = OSError("there is no such address")
    for family, place in _places(address):
        connection = socket.socket(family)
        try:
            connection.settimeout(_left(end))
            connection.connect(place)
        except OSError as error:
            connection.close()
            failed = error
        else:
            return connection
    raise failed


def _places(address: str) -> Iterator[tuple[int, Any]]:
    if address.startswith("unix:"):
        yield socket.AF_UNIX, address.removeprefix("unix:").removeprefix("//")
        return
    host, _, port = address.rpartition(":")
    for family, _, _, _, place in socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM):
        yield family, place


def _left(end: float) -> float:
    """Return the seconds until then.

    Raises:
        TimeoutError: there are none.
    """
    left = end - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


class _Reader:
    """Reads frames until the one call is over.

    Args:
        connection: where they come from.
        end: when to give up, by `time.monotonic`.
    """

    def __init__(self, connection: socket.socket, end: float) -> None:
        self._connection = connection
        self._end = end

    def answer(self) -> Answer:
        """Read the answer."""
        body, block = b"", b""
        headers: dict[bytes, bytes] = {}
        first = True
        while True:
            kind, flags, stream, payload = self._frame()
            if first and kind != _SETTINGS:
                raise NotGrpcError
            first = False
            if kind in {_SETTINGS, _PING} and not flags & _ACK:
                self._connection.sendall(_frame(kind, _ACK, 0, payload if kind == _PING else b""))
            elif stream == _STREAM and kind == _RST_STREAM:
                raise ConnectionAbortedError("the call was reset")
            elif stream == _STREAM and kind == _DATA:
                body += _unpadded(flags, payload)
            elif stream == _STREAM and kind in {_HEADERS, _CONTINUATION}:
                block += _unpadded(flags, payload) if kind == _HEADERS else payload
                if flags & _END_HEADERS:
                    headers |= _fields(block)
                    block = b""
            if stream == _STREAM and kind in {_DATA, _HEADERS} and flags & _END_STREAM:
                return Answer(body[5:] if body else None, headers)

    def _frame(self) -> tuple[int, int, int, bytes]:
        head = self._read(9)
        length = int.from_bytes(head[:3], "big")
        if length > _LARGEST_FRAME:
            raise NotGrpcError
        return head[3], head[4], int.from_bytes(head[5:], "big") & 0x7FFFFFFF, self._read(length)

    def _read(self, count: int) -> bytes:
        found = b""
        while len(found) < count:
            self._connection.settimeout(_left(self._end))
            more = self._connection.recv(count - len(found))
            if not more:
                raise ConnectionResetError("the connection was closed")
            found += more
        return found


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def _unpadded(flags: int, payload: bytes) -> bytes:
    """Take padding and priority off the payload of DATA or HEADERS."""
    if flags & _PADDED:
        payload = payload[1 : len(payload) - payload[0]]
    return payload[5:] if flags & _PRIORITY else payload


def _integer(value: int, bits: int) -> bytes:
    """Write an integer with a prefix of some bits, the bits before it being zero."""
    limit = (1 << bits) - 1
    if value < limit:
        return bytes([value])
    written = bytearray([limit])
    value -= limit
    while value > 0x7F:  # noqa: PLR2004 (seven bits a byte)
        written.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*written, value])


def _text(value: bytes) -> bytes:
    return _integer(len(value), 7) + value


def _fields(block: bytes) -> dict[bytes, bytes]:
    """Read the header fields that are written out, without those that the static table has.

    Raises:
        NotGrpcError: that is no block of header fields.
    """
    try:
        return dict(_written_out(block))
    except IndexError as error:
        raise NotGrpcError from error


def _written_out(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0

    def integer(bits: int) -> int:
        nonlocal at
        limit = (1 << bits) - 1
        value = block[at] & limit
        at += 1
        if value < limit:
            return value
        shift, more = 0, True
        while more:
            value += (block[at] & 0x7F) << shift
            more = block[at] >= 0x80  # noqa: PLR2004 (the first bit)
            shift += 7
            at += 1
        return value

    def text() -> bytes:
        nonlocal at
        huffman = block[at] & 0x80
        length = integer(7)
        at += length
        return b"" if huffman else block[at - length : at]

    while at < len(block):
        first = block[at]
        if first & 0x80:  # name and value are in a table
            integer(7)
        elif first & 0xE0 == 0x20:  # noqa: PLR2004 (a new size of the table)
            integer(5)
        else:
            name = text() if not integer(6 if first & 0x40 else 4) else b""
            yield name, text()
