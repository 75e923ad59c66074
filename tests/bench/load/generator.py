"""The load generator: the C program beside this file where there is a compiler, else the Python one."""

from __future__ import annotations

import hashlib
import json
import shutil
import struct
import subprocess
import sys
from collections import Counter
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

from tests.bench.machine import on

if TYPE_CHECKING:
    from collections.abc import Sequence

_FOLDER = Path(__file__).parent
_RECORD = struct.Struct("<IiII")
_FRAME_HEAD = 5
_FALLBACK_PROCESSES = 2


class Answer(NamedTuple):
    """What came of one call: the request's number, the gRPC status, microseconds, and the serialized message."""

    request: int
    status: int
    microseconds: int
    message: bytes


@dataclass(frozen=True)
class Outcome:
    """What came of many calls.

    Attributes:
        sent: how many there were.
        seconds: from the first call to the last answer.
        answers: one for each, as they came.
    """

    sent: int
    seconds: float
    answers: Sequence[Answer] = field(repr=False)

    @property
    def statuses(self) -> Counter[int]:
        """How many calls came out with each gRPC status."""
        return Counter(answer.status for answer in self.answers)

    @property
    def ok(self) -> int:
        """How many were answered with a message."""
        return self.statuses[0]

    def latency(self, share: float, status: int = 0) -> float:
        """Return the microseconds within which this share of the calls with that status was answered."""
        all_of_them = sorted(answer.microseconds for answer in self.answers if answer.status == status)
        return float(all_of_them[min(int(share * len(all_of_them)), len(all_of_them) - 1)]) if all_of_them else 0.0


class Load(AbstractContextManager["Load"]):
    """Calls under way, from processes of their own on the given cores.

    Args:
        generator: the command, as `command` returns it.
        address: of the server.
        method: as in the URL.
        requests: file of requests.
        count: how many of them to send, from the first.
        connections: how many connections to send them over.
        streams: how many calls to have under way on each.
        rate: calls a second; 0: the next when one is answered.
        seconds: begin no call after so many; 0: no end.
        authorization: metadata of that name, with each call; empty: none.
        cores: where to run.
    """

    def __init__(
        self,
        generator: Sequence[str],
        address: str,
        method: str,
        requests: Path,
        count: int,
        *,
        cores: frozenset[int],
        connections: int = 8,
        streams: int = 8,
        rate: float = 0,
        seconds: float = 0,
        authorization: str = "",
    ) -> None:
        host, _, port = address.rpartition(":")
        shares = _FALLBACK_PROCESSES if generator[0] == sys.executable and count >= _FALLBACK_PROCESSES else 1
        self._processes: list[tuple[subprocess.Popen[str], Path]] = []
        for number in range(shares):
            first, end = count * number // shares, count * (number + 1) // shares
            answers = requests.with_name(f"{requests.name}.answers-{number}")
            words = [host, port, method, requests, answers, first, end - first]
            words += [max(connections // shares, 1), streams, rate / shares, seconds, authorization]
            with on(cores):
                process = subprocess.Popen(
                    [*generator, *map(str, words)], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
                )
            self._processes.append((process, answers))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process, answers in self._processes:
            if process.poll() is None:
                process.kill()
                process.wait()
            if process.stdout is not None:
                process.stdout.close()
            answers.unlink(missing_ok=True)

    def wait(self) -> Outcome:
        """Return what came of the calls, when all are answered."""
        sent, seconds, answers = 0, 0.0, []
        for process, path in self._processes:
            said, _ = process.communicate()
            assert process.returncode == 0, "the load generator failed; its error is above"
            summary = json.loads(said)
            sent += summary["sent"]
            seconds = max(seconds, summary["seconds"])
            answers += _read(path.read_bytes())
        assert len(answers) == sent, f"{sent} calls, but {len(answers)} answers"
        return Outcome(sent, seconds, answers)


def command(cache: Path, *, fallback: bool = False) -> list[str]:
    """Return the generator's command: compiled into the folder `cache`, or the fallback."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if fallback or compiler is None or sys.platform != "linux":
        return [sys.executable, "-P", "-m", "tests.bench.load.fallback"]
    sources = [_FOLDER / "generator.c", *sorted(_FOLDER.glob("*.h"))]
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:16]
    program = cache / f"generator-{digest}"
    if not program.exists():
        cache.mkdir(parents=True, exist_ok=True)
        fresh = program.with_suffix(".new")
        subprocess.run([compiler, "-O2", "-o", fresh, sources[0]], check=True)
        fresh.rename(program)
    return [str(program)]


def _read(records: bytes) -> list[Answer]:
    answers, at = [], 0
    while at < len(records):
        request, status, microseconds, size = _RECORD.unpack_from(records, at)
        at += _RECORD.size
        answers.append(Answer(request, status, microseconds, records[at + _FRAME_HEAD : at + size]))
        at += size
    return answers
