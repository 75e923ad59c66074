"""An ordinary client that begins calls and never sends their requests. As a program it is a process of its own."""

from __future__ import annotations

import asyncio
import sys
from contextlib import contextmanager
from subprocess import PIPE, Popen
from typing import TYPE_CHECKING

import grpc

if TYPE_CHECKING:
    from collections.abc import Iterator

CALLS_A_CONNECTION = 100
PAUSE_S = 0.04


@contextmanager
def half_sent(address: str, method: str, calls: int) -> Iterator[Popen[str]]:
    """Begin so many calls, a hundred every 40 ms; they are there until the context ends, or the server ends them.

    The client is given, which says `begun` once all are begun, and then the code and details with which they ended,
    once for each that is different.
    """
    command = [sys.executable, "-m", "tests.support.half_sent", address, method, str(calls)]
    with Popen(command, stdin=PIPE, stdout=PIPE, text=True) as client:
        try:
            yield client
        finally:
            client.kill()


async def _main(address: str, method: str, calls: int) -> None:
    channels, begun = [], []
    options = [("grpc.use_local_subchannel_pool", 1)]
    while len(begun) < calls:
        channels.append(grpc.aio.insecure_channel(address, options))
        begin = channels[-1].stream_stream(method)
        begun += [begin() for _ in range(min(CALLS_A_CONNECTION, calls - len(begun)))]
        await asyncio.sleep(PAUSE_S)
    await asyncio.gather(*(channel.channel_ready() for channel in channels))
    sys.stdout.write("begun\n")
    sys.stdout.flush()
    ends = {(await call.code(), await call.details()) for call in begun}
    sys.stdout.writelines(f"{code.name}: {details}\n" for code, details in sorted(ends, key=str))


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
