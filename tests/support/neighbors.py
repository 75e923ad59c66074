"""One workspace that asks for as much as it can, from a process of its own, and what its neighbor feels of that."""

from __future__ import annotations

import asyncio
import signal
import struct
import subprocess
import sys
import time
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from statistics import quantiles
from typing import TYPE_CHECKING, Any

import grpc

from tests.support.builders import CREATED, contact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.support.client import Workspace

_LENGTH = struct.Struct(">I")
_PAUSE_S = 0.005
# What an attack is told that is too much; gRPC itself ends calls so that the service does not come to.
_TOO_MUCH = {grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.CANCELLED, grpc.StatusCode.UNAVAILABLE}


@contextmanager
def attacking(
    address: str, method: str, requests: Sequence[Any], callers: Sequence[int], folder: Path
) -> Iterator[Callable[[bool], None]]:
    """Make calls of one method, with these requests in turn, so many at once on each connection, until it ends.

    What it yields says whether to go on, or to wait. It runs at the lowest priority: what is to be seen is what waits
    in the service, not who gets the processor.
    """
    path = folder / "requests"
    with path.open("wb") as file:
        for request in requests:
            message = request.SerializeToString()
            file.write(_LENGTH.pack(len(message)) + message)
    command = ["nice", "-n", "19", sys.executable, "-m", "tests.support.neighbors", address, method, path]
    command += map(str, callers)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "attacking\n"
        try:
            yield lambda on: process.send_signal(signal.SIGCONT if on else signal.SIGSTOP)
            assert process.poll() is None, "the attack ended by itself"
        finally:
            process.kill()


def p99(neighbor: Workspace, seconds: float, prefix: str) -> float:
    """Have contacts of a workspace decided for a while, one after another; return the calls' p99 in seconds."""
    took = []
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        began = time.monotonic()
        neighbor.evaluate(CREATED, contact(f"{prefix}-{len(took)}"))
        took.append(time.monotonic() - began)
        time.sleep(_PAUSE_S)
    return quantiles(took, n=100, method="inclusive")[-1]


def _read(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while head := file.read(_LENGTH.size):
            yield file.read(_LENGTH.unpack(head)[0])


async def _attack(address: str, method: str, path: Path, callers: list[int]) -> None:
    messages = cycle(list(_read(path)))

    async def go_on(call: Any) -> None:
        while True:
            try:
                await call(next(messages), timeout=60)
            except grpc.RpcError as error:
                if error.code() not in _TOO_MUCH:
                    raise

    options = [("grpc.use_local_subchannel_pool", 1)]
    calls = [grpc.aio.insecure_channel(address, options).unary_unary(method) for _ in callers]
    running = [go_on(call) for call, count in zip(calls, callers, strict=True) for _ in range(count)]
    sys.stdout.write("attacking\n")
    sys.stdout.flush()
    await asyncio.gather(*running)


if __name__ == "__main__":
    asyncio.run(_attack(sys.argv[1], sys.argv[2], Path(sys.argv[3]), list(map(int, sys.argv[4:]))))
