"""The way of a call through the service: which of its functions are passed, in order, from gRPC's thread to the answer.

As a program it walks EvaluateContact of a cached workspace, in a server of its own over a real Redis, and prints a JSON
list of file and function for each call. It is a process of its own, since it has every thread traced.

Left out is what does no part of the work: values that are made, and metrics, traces and logs that are only told.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from service.config import Settings
from service.runtime.server import Server
from tests.support import builders as b
from tests.support.client import Service, Workspace
from tests.support.processes import RedisServer

if TYPE_CHECKING:
    from types import FrameType

_ROOT = Path(__file__).parents[2]
_OURS = (str(_ROOT / "service"), str(_ROOT / "strategies"))
_OTHER_THREADS = ("redis-monitor",)
_TOLD = str(_ROOT / "service" / "telemetry")
_TELLING = ("__init__", "_tell", "_observed", "_sent", "add_done_callback", "why")


def walked() -> list[tuple[str, str]]:
    """Return file and function of every call that one EvaluateContact makes, by a program of its own."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", "tests.support.walk"], cwd=_ROOT, capture_output=True, text=True, check=True
    )
    return [(file, function) for file, function in json.loads(done.stdout)]


class _Recorder:
    """Notes what is called, in every thread that is started after it."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []
        self.on = False
        threading.setprofile(self._note)

    def _note(self, frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        ours = event == "call" and code.co_filename.startswith(_OURS) and not code.co_name.startswith("<")
        works = code.co_name not in _TELLING and not code.co_filename.startswith(_TOLD)
        if self.on and ours and works and threading.current_thread().name not in _OTHER_THREADS:
            self.calls.append((str(Path(code.co_filename).relative_to(_ROOT)), code.co_qualname))


def _main() -> None:
    with RedisServer() as redis:
        recorder = _Recorder()
        server = Server(Settings(listen="127.0.0.1:0"), redis.url)
        service = Service(server.start())
        workspace = Workspace("w", service)
        workspace.roster("ann", "bob")
        workspace.online("ann", "bob")
        workspace.rules(b.rule("r", online_only=True))
        for number in range(3):  # the first reads the rules, the second prepares what the third finds ready
            recorder.on = number == 2
            decision = workspace.evaluate(b.CREATED, b.contact(f"c-{number}"), request_id=f"r-{number}")
            assert decision.outcome == b.ASSIGNED
        recorder.on = False
        service.close()
        server.stop()
    sys.stdout.write(json.dumps(recorder.calls))


if __name__ == "__main__":
    _main()
