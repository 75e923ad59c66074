"""Tells what the machine does to Redis from what the attacks do: a disk that syncs slowly is no fault of ours."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Self

import redis

from tests.chaos.history import Attack, Violation

if TYPE_CHECKING:
    from tests.chaos.history import History
    from tests.chaos.system import System

STALLED = "(Redis stalled)"
"""What a stall is called among the attacks."""

_PAUSE_S = 0.05
_STALL_S = 0.3
_SLOW_COMMAND_US = 150_000
_RECOVERS_WITHIN_S = 1.0
_EVERYBODY = frozenset(range(3))


class StallWatch:
    """Writes to Redis itself, past the networks, inside a `with`, and notes when that takes long.

    A command that holds Redis so long is not the machine's: it breaks the promise that none does.

    Args:
        system: whose Redis it is.
        history: where it is noted.
    """

    def __init__(self, system: System, history: History) -> None:
        self._system = system
        self._history = history
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(_PAUSE_S):
            begun = time.monotonic()
            try:
                with self._system.admin() as client:
                    confirmed = self._system.confirm(client)
                    took = time.monotonic() - begun
                    if took > _STALL_S + self._system.lag_s and confirmed:
                        self._note(client, begun, begun + took)
            except redis.RedisError:
                continue  # an attack took it away

    def _note(self, client: redis.Redis, begun: float, ended: float) -> None:
        slow = [each for each in client.slowlog_get(16) if each["duration"] > _SLOW_COMMAND_US]
        client.slowlog_reset()
        with self._history.lock:
            taken = [each for each in self._history.attacks if each.without_redis == _EVERYBODY or each.without_second]
            if any(each.touches(begun, ended) for each in taken):
                return
            if slow:
                text = f"a command held Redis for {slow[0]['duration'] / 1e6:.2f} s: {slow[0]['command'][:60]!r}"
                self._history.problems.append(Violation("Redis goes on", text, begun, ended))
                return
            stall = Attack(STALLED, begun, ended, replicas=_EVERYBODY, healed=ended, alone=ended, serving=ended)
            stall.well = ended + _RECOVERS_WITHIN_S
            self._history.attacks.append(stall)
