"""One workspace that asks for as much as it can, from a process of its own, and what its neighbor feels of that."""

from __future__ import annotations

import signal
import struct
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from statistics import quantiles
from typing import TYPE_CHECKING, Any

import grpc

from tests.support.builders import CREATED, contact
from tests.support.client import Service, Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_LENGTH = struct.Struct(">I")
_PAUSE_S = 0.005


@contextmanager
def attacking(
    address: str, method: str, requests: Sequence[Any], callers: int, folder: Path
) -> Iterator[Callable[[bool], None]]:
    """Make calls of one method, with these requests in turn, so many at once, until the context ends.

    What it yields says whether to go on, or to wait. It runs at the lowest priority: what is to be seen is what waits
    in the service, not who gets the processor.
    """
    path = folder / "requests"
    with path.open("wb") as file:
        for request in requests:
            message = request.SerializeToString()
            file.write(_LENGTH.pack(len(message)) + message)
    command = ["nice", "-n", "19", sys.executable, "-m", "tests.support.neighbors", address, method, path, str(callers)]
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


def _attack(address: str, method: str, path: Path, callers: int) -> None:
    call = Service(address).channel.unary_unary(method)
    messages = cycle(list(_read(path)))

    def go_on(_number: int) -> None:
        while True:
            try:
                call(next(messages), timeout=60)
            except grpc.RpcError as error:
                if error.code() is not grpc.StatusCode.RESOURCE_EXHAUSTED:
                    raise

    with ThreadPoolExecutor(callers) as pool:
        running = [pool.submit(go_on, number) for number in range(callers)]
        sys.stdout.write("attacking\n")
        sys.stdout.flush()
        for each in running:
            each.result()


if __name__ == "__main__":
    _attack(sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]))
