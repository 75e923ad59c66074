"""One run: the system is started, called and attacked for so long, healed, read, and its history judged."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from service.redis_client.durability import Durability
from tests.chaos.checker import check
from tests.chaos.clients import Caller
from tests.chaos.health import HealthWatch
from tests.chaos.history import History, Violation
from tests.chaos.nemesis import Nemesis
from tests.chaos.pair import Pair
from tests.chaos.stalls import StallWatch
from tests.chaos.system import System
from tests.chaos.workload import WORKSPACES, Contacts

if TYPE_CHECKING:
    from collections.abc import Sequence

SYSTEMS = (Pair, System)
"""The system of even seeds, and that of odd ones."""

_SETTLES_S = 2.0
_READERS = 4
_READ_AGAIN = 5
_READ_PAUSE_S = 1.0
_JOINED_WITHIN_S = 30.0


@dataclass
class Outcome:
    """What came of a run.

    Attributes:
        seed: of the run.
        seconds: how long the system was attacked.
        history: what happened.
        violations: what breaks a promise.
    """

    seed: int
    seconds: float
    history: History
    violations: list[Violation]

    @property
    def system(self) -> str:
        """What the system is called that was attacked."""
        return SYSTEMS[self.seed % 2].NAME


def run(seed: int, seconds: float) -> Outcome:
    """Attack a system of its own for so long, and judge what happened."""
    history, contacts = History(), Contacts()
    with (
        SYSTEMS[seed % 2](seed) as system,
        StallWatch(system, history),
        HealthWatch(system.addresses, history) as health,
    ):
        callers = [
            Caller(system.addresses, history, contacts, seed * 1000 + at, at) for at in range(system.CLIENTS + _READERS)
        ]
        try:
            _configure(callers[0])
            nemesis = Nemesis(system, history, health, (callers[-1], callers[-2]), seed)
            _attack(nemesis, callers[: system.CLIENTS], seconds)
            time.sleep(_SETTLES_S)
            _read(callers[-_READERS:], contacts, history)
            for workspace in WORKSPACES:
                callers[0].read_all(workspace)
                history.audits[workspace] = _audit(system.redis.url, workspace)
        finally:
            for caller in callers:
                caller.close()
    history.replicated = system.DURABILITY == Durability.REPLICATED
    history.promotions, history.unconfirmed = system.promotions, system.unconfirmed
    return Outcome(seed, seconds, history, check(history))


def _configure(caller: Caller) -> None:
    for workspace in WORKSPACES:
        caller.roster(workspace)
        caller.rules(workspace)
        caller.presence(workspace, everybody=True)


def _attack(nemesis: Nemesis, callers: Sequence[Caller], seconds: float) -> None:
    """Call and attack for so long; return when every call has ended and everything is healed."""
    over = threading.Event()
    with ThreadPoolExecutor(len(callers)) as pool:
        runs = [pool.submit(caller.run, over.is_set) for caller in callers]
        try:
            nemesis.start()
            over.wait(seconds)
            nemesis.end()
        finally:
            over.set()
        for each in runs:
            each.result(_JOINED_WITHIN_S)


def _read(callers: Sequence[Caller], contacts: Contacts, history: History) -> None:
    """Read every contact; one that cannot be read, with everything healed, is a violation."""

    def read(caller: Caller, names: Sequence[tuple[str, str]]) -> None:
        for workspace, name in names:
            sent = time.monotonic()
            if not any(caller.call("get", workspace, name) or time.sleep(_READ_PAUSE_S) for _ in range(_READ_AGAIN)):
                with history.lock:
                    history.problems.append(
                        Violation("well again", f"{workspace}/{name} cannot be read", sent, time.monotonic())
                    )

    names = list(contacts.calls)
    with ThreadPoolExecutor(len(callers)) as pool:
        for each in [pool.submit(read, caller, names[at :: len(callers)]) for at, caller in enumerate(callers)]:
            each.result()


def _audit(redis_url: str, workspace: str) -> str:
    """Return what `evenhand audit` finds; empty if all is well."""
    command = [Path(sys.executable).with_name("evenhand"), "audit", "-w", workspace, "--redis-url", redis_url]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("EVENHAND_")}
    done = subprocess.run(command, capture_output=True, text=True, env=kept, check=False)
    return "" if done.returncode == 0 else f"{done.stdout}{done.stderr}"
