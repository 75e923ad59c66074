"""What `generator.c` does, by grpcio's own client: where there is no C compiler. Same arguments and files.

It costs about as much as the servers that it drives, so it seldom drives one to its limit: processor time per call
holds, calls per second do not.
"""

from __future__ import annotations

import json
import struct
import sys
import threading
import time
from pathlib import Path
from typing import NamedTuple

import grpc

_RECORD = struct.Struct("<IiII")
_TICK = 0.0002


class Order(NamedTuple):
    """The command line; see the head of `generator.c`."""

    host: str
    port: int
    method: str
    requests: str
    answers: str
    first: int
    count: int
    connections: int
    streams: int
    rate: float
    seconds: float
    authorization: str


class Sender:
    """Sends the requests of an order, and remembers what came of them."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._bodies = _bodies(Path(order.requests).read_bytes())[order.first : order.first + order.count]
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_http_proxy", 0)]
        self._channels = [
            grpc.insecure_channel(f"{order.host}:{order.port}", options) for _ in range(order.connections)
        ]
        self._calls = [channel.unary_unary(order.method) for channel in self._channels]
        self._room = threading.Semaphore(order.connections * order.streams)
        self._answered = threading.Semaphore(0)
        self.records: list[bytes] = []

    def run(self) -> tuple[int, float]:
        """Send all; return how many, and in how many seconds."""
        for channel in self._channels:
            grpc.channel_ready_future(channel).result(timeout=30)
        beginning = time.perf_counter()
        sent = 0
        for number, body in enumerate(self._bodies):
            if self._order.rate:
                due = beginning + number / self._order.rate
                while time.perf_counter() < due:
                    time.sleep(_TICK)
            self._room.acquire()
            if not self._order.rate:
                due = time.perf_counter()
            if self._order.seconds and time.perf_counter() > beginning + self._order.seconds:
                break
            self._start(number, body, due)
            sent += 1
        for _ in range(sent):
            self._answered.acquire()
        return sent, time.perf_counter() - beginning

    def _start(self, number: int, body: bytes, due: float) -> None:
        def answered(call: grpc.Future[bytes]) -> None:
            microseconds = int((time.perf_counter() - due) * 1e6)
            status = call.code().value[0]
            answer = b"" if status else call.result()
            frame = b"" if status else b"\0" + struct.pack(">I", len(answer)) + answer
            self.records.append(_RECORD.pack(self._order.first + number, status, microseconds, len(frame)) + frame)
            self._room.release()
            self._answered.release()

        metadata = [("authorization", self._order.authorization)] if self._order.authorization else None
        self._calls[number % len(self._calls)].future(body, metadata=metadata).add_done_callback(answered)


def _bodies(frames: bytes) -> list[bytes]:
    """Return the messages in a file of requests."""
    bodies, at = [], 0
    while at < len(frames):
        (size,) = struct.unpack_from("<I", frames, at)
        bodies.append(frames[at + 9 : at + 4 + size])
        at += 4 + size
    return bodies


def main() -> None:
    """Carry out the order of the command line."""
    host, port, method, requests, answers, *numbers = sys.argv[1:]
    first, count, connections, streams = (int(word) for word in numbers[:4])
    rate, seconds = (float(word) for word in numbers[4:6])
    order = Order(
        *(host, int(port), method, requests, answers, first, count, connections, streams, rate, seconds), numbers[6]
    )
    sender = Sender(order)
    sent, seconds = sender.run()
    Path(order.answers).write_bytes(b"".join(sender.records))
    sys.stdout.write(json.dumps({"sent": sent, "seconds": seconds}) + "\n")


if __name__ == "__main__":
    main()
