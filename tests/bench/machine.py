"""The machine that a run is on: its cores, what a process uses of them, and how to name it in a report."""

from __future__ import annotations

import os
import platform
import resource
import time
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.runtime.redis_binary import Binary

_CAN_PIN = hasattr(os, "sched_setaffinity")
_PROCESS_CLOCK = 2  # CPUCLOCK_SCHED in the kernel's include/linux/posix-timers_types.h


@dataclass(frozen=True)
class Cores:
    """Who runs where.

    Attributes:
        server: for the server that is measured.
        others: for Redis and the load generator: all but the first core, so that the server is the bottleneck.
        everything: all that this run may use.
    """

    server: frozenset[int]
    others: frozenset[int]
    everything: frozenset[int]

    @classmethod
    def here(cls) -> Cores:
        """Return those of this machine; with a single core, or where nothing can be pinned, all share everything."""
        everything = frozenset(os.sched_getaffinity(0) if _CAN_PIN else range(os.cpu_count() or 1))
        if len(everything) == 1 or not _CAN_PIN:
            return cls(everything, everything, everything)
        first = min(everything)
        return cls(frozenset({first}), everything - {first}, everything)

    def text(self) -> str:
        """Say it."""
        if self.server == self.others:
            return "server, Redis and load generator share all cores: nothing is pinned"
        return f"server on core {min(self.server)}, Redis and load generator on core(s) {sorted(self.others)}"


@contextmanager
def on(cores: frozenset[int]) -> Iterator[None]:
    """Have processes that are started inside run on these cores alone."""
    if not _CAN_PIN:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def cpu_seconds(pid: int) -> float:
    """Return the processor time that a process has used so far, user and system, of all threads that it ever had."""
    if platform.system() == "Linux":
        return time.clock_gettime(~pid << 3 | _PROCESS_CLOCK)  # in nanoseconds; /proc/<pid>/stat counts in hundredths
    used = psutil.Process(pid).cpu_times()
    return used.user + used.system


class Company:
    """What others use of the processors meanwhile: a measurement should be alone."""

    def __init__(self) -> None:
        self._before = self._read()

    def share(self) -> float:
        """Return what processes other than this and its children used since, of all processors' time."""
        elapsed, busy, own = (now - was for now, was in zip(self._read(), self._before, strict=True))
        return max(0.0, (busy - own) / (elapsed * (os.cpu_count() or 1)))

    @staticmethod
    def _read() -> tuple[float, float, float]:
        """Return the time, and that of processors used by all and by our own processes that have ended (or this)."""
        everybody = psutil.cpu_times()
        own = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        return (
            time.monotonic(),
            everybody.user + everybody.system + everybody.nice,
            sum(used.ru_utime + used.ru_stime for used in own),
        )


def describe(redis: Binary) -> dict[str, str]:
    """Return what a reader of the figures has to know about the machine."""
    return {
        "processor": _processor(),
        "cores": str(len(Cores.here().everything)),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        **{name: metadata.version(name) for name in ("grpcio", "protobuf", "redis")},
        "redis-server": redis.version,
        "placement": Cores.here().text(),
    }


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    if path.exists():
        for line in path.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
