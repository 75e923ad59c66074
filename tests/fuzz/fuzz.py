"""`make fuzz`: a million odd requests over real gRPC. None is INTERNAL or UNKNOWN, and every error says what it is.

Several processes, each with many calls in flight, send them to one service with a Redis of its own. The inputs of a
chunk follow from the seed and its number, so what is found can be sent again: `--seed N --first CHUNK --inputs 1`.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import re
import signal
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path

import grpc
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass
from google.rpc import error_details_pb2
from google.rpc.status_pb2 import Status

from service.rpc import statuses
from tests.fuzz.inputs import OURS, Input, inputs
from tests.support.processes import EvenhandServer, RedisServer

CHUNK = 2000
IN_FLIGHT = 24
DEADLINE_S = 60.0
TRAILER_BYTES = 4096
REFUSALS = {"INVALID_ARGUMENT", "NOT_FOUND", "ABORTED", "FAILED_PRECONDITION"}
"""What a request may be refused with by a service that is well and has time."""
REASONS = set(re.findall(r"^\| (\w+) *\| (\w+) *\|", statuses.__doc__ or "", re.MULTILINE))
"""Each code with each reason that goes with it, by the table of the service."""

_STATUS_KEY = "grpc-status-details-bin"
_SHOWN = 20
_SAYS_EVERY_S = 30.0
_CHANGED = " INFO changed "  # of the audit trail, which no level leaves out


@dataclass
class Report:
    """What came of some inputs.

    Attributes:
        codes: how many calls ended with each code.
        kinds: how many inputs were made in each way.
        largest_trailer: the most bytes that an error took in trailing metadata.
        problems: what is wrong, each with the request that shows it.
    """

    codes: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    largest_trailer: int = 0
    problems: list[str] = field(default_factory=list)

    def add(self, other: Report) -> None:
        """Count what another one counted, too."""
        self.codes += other.codes
        self.kinds += other.kinds
        self.largest_trailer = max(self.largest_trailer, other.largest_trailer)
        self.problems += other.problems


def problem_of(code: str, details: str, trailer: list[tuple[str, str | bytes]], *, ours: bool) -> str:
    """Return what is wrong with the error that a call ended with; empty if nothing is.

    Args:
        code: name of the code.
        details: the message.
        trailer: the trailing metadata.
        ours: whether a service of ours answered, whose errors are a google.rpc.Status.
    """
    if code not in REFUSALS:
        return f"{code} is no way to refuse a request: {details}"
    size = trailer_bytes(details, trailer)
    if size > TRAILER_BYTES:
        return f"{code} takes {size} bytes: {details[:_SHOWN]!r}"
    return _problem_of_status(code, details, trailer) if ours else ""


def _problem_of_status(code: str, details: str, trailer: list[tuple[str, str | bytes]]) -> str:
    """Return what is wrong with the google.rpc.Status of an error of ours; empty if nothing is."""
    packed = next((value for key, value in trailer if key == _STATUS_KEY), None)
    if not isinstance(packed, bytes):
        return f"{code} without a google.rpc.Status: {details}"
    status = Status.FromString(packed)
    infos = [one for one in status.details if one.Is(error_details_pb2.ErrorInfo.DESCRIPTOR)]
    if len(infos) != 1:
        return f"{code} with {len(infos)} ErrorInfos: {details}"
    info = error_details_pb2.ErrorInfo.FromString(infos[0].value)
    if (status.message, info.domain) != (details, statuses.DOMAIN) or (code, info.reason) not in REASONS:
        return f"{code} says other things than its Status: {details!r}, {status}"
    return ""


def trailer_bytes(details: str, trailer: list[tuple[str, str | bytes]]) -> int:
    """Return how many bytes an error takes in trailing metadata: names and values, as they are written there."""
    size = len("grpc-status") + 2 + len("grpc-message") + sum(_written(byte) for byte in details.encode())
    for key, value in trailer:
        size += len(key) + (len(base64.b64encode(value)) if isinstance(value, bytes) else len(value))
    return size


def _written(byte: int) -> int:
    """Return how many bytes gRPC writes for one of a message."""
    return 1 if 0x20 <= byte <= 0x7E and byte != ord("%") else 3


def send_chunk(address: str, seed: int, number: int, count: int) -> Report:
    """Send the inputs of one chunk."""
    return asyncio.run(_send(address, number, list(inputs(hash((seed, number)), count))))


async def _send(address: str, number: int, chunk: list[Input]) -> Report:
    report, waiting = Report(), iter(chunk)
    options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_metadata_size", 1 << 16)]
    async with grpc.aio.insecure_channel(address, options) as channel:
        methods = {one.path: channel.unary_unary(one.path) for one in chunk}

        async def send_each() -> None:
            for one in waiting:
                await _send_one(methods[one.path], one, report, f"chunk {number}")

        await asyncio.gather(*(send_each() for _ in range(IN_FLIGHT)))
    return report


async def _send_one(method: grpc.aio.UnaryUnaryMultiCallable, one: Input, report: Report, where: str) -> None:
    call = method(one.body, timeout=DEADLINE_S)
    code = (await call.code()).name
    report.codes[code] += 1
    report.kinds[one.kind] += 1
    if code == "OK":
        problem = _unreadable(one, await call)
    else:
        details, trailer = await call.details() or "", list(await call.trailing_metadata() or ())
        report.largest_trailer = max(report.largest_trailer, trailer_bytes(details, trailer))
        problem = problem_of(code, details, trailer, ours=one.method.containing_service in OURS)
    if problem:
        report.problems.append(f"{problem}\n  {where}: {one.path}, {one.kind}, {one.body[:500].hex()}")


def _unreadable(one: Input, response: bytes) -> str:
    """Return what is wrong with a response; empty if nothing is."""
    try:
        GetMessageClass(one.method.output_type).FromString(response)
    except DecodeError as error:
        return f"OK with a response that is no message: {error}"
    return ""


def fuzz(seed: int, count: int, processes: int, first: int = 0) -> tuple[Report, str]:
    """Send so many inputs to a service of its own; return what came of them, and the errors that it logged."""
    sizes = [min(CHUNK, count - begin) for begin in range(0, count, CHUNK)]
    whole, said = Report(), time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="ehf-") as folder,
        RedisServer(workdir=Path(folder)) as redis,
        EvenhandServer(redis.url, options=["--log-level", "error"]) as server,
        ProcessPoolExecutor(processes, get_context("spawn")) as pool,
    ):
        chunks = [pool.submit(send_chunk, server.address, seed, first + at, size) for at, size in enumerate(sizes)]
        try:
            for chunk in chunks:
                whole.add(chunk.result())
                if time.monotonic() > said + _SAYS_EVERY_S:
                    said = time.monotonic()
                    sys.stderr.write(f"{whole.codes.total():,} inputs, {len(whole.problems)} problems\n")
        finally:
            pool.shutdown(cancel_futures=True)
        return whole, "\n".join(line for line in server.log().splitlines() if _CHANGED not in line)


def main() -> int:
    """Fuzz, and say what came of it; 1 if anything is wrong."""
    parser = argparse.ArgumentParser(description="Odd requests by the million.")
    parser.add_argument("--inputs", type=int, default=1_000_000, help="how many")
    parser.add_argument("--seed", type=int, default=1, help="the same seed sends the same")
    parser.add_argument("--first", type=int, default=0, metavar="CHUNK", help=f"begin with this chunk of {CHUNK}")
    parser.add_argument("--processes", type=int, default=2, help="how many send")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # so that no process is left behind
    begun = time.monotonic()
    report, log = fuzz(options.seed, options.inputs, options.processes, options.first)
    for problem in report.problems[:_SHOWN]:
        sys.stdout.write(f"{problem}\n")
    if log:
        sys.stdout.write(f"The service said: {log[-4000:]}\n")
    sys.stdout.write(
        f"{report.codes.total():,} inputs of seed {options.seed} in {time.monotonic() - begun:.0f} s: "
        f"{', '.join(f'{code} {count:,}' for code, count in report.codes.most_common())}\n"
        f"made: {', '.join(f'{kind} {count:,}' for kind, count in report.kinds.most_common())}; "
        f"largest error {report.largest_trailer:,} bytes; {len(report.problems)} problems\n"
    )
    return 1 if report.problems or log else 0


if __name__ == "__main__":
    sys.exit(main())
