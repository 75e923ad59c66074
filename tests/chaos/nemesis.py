"""Who attacks: two threads, one for what takes something away, one for what comes beside it; by chance, by a seed."""

from __future__ import annotations

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from tests.chaos.attacks import LIGHT, Kind, Scene
from tests.chaos.history import FOREVER, Attack, Violation
from tests.chaos.pair_attacks import heavy_of
from tests.chaos.system import REPLICAS
from tests.chaos.workload import WORKSPACES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.chaos.clients import Caller
    from tests.chaos.health import HealthWatch
    from tests.chaos.history import History
    from tests.chaos.system import System

LONGEST_S = 4.0
WELL_WITHIN_S = 10.0
_CALM_S = 0.6
_POLL_S = 0.02
_STAYS_S = 0.3
_LATEST = 20


class Nemesis:
    """Attacks the system until told to end, heals everything, and measures how long it takes to be well.

    Args:
        system: what it attacks.
        history: where it notes all.
        health: tells what the replicas say of themselves.
        callers: a client for each of its threads.
        seed: of its choices.
    """

    def __init__(
        self, system: System, history: History, health: HealthWatch, callers: tuple[Caller, Caller], seed: int
    ) -> None:
        self._system = system
        self._history = history
        self._health = health
        self._over = threading.Event()
        self.failures: list[BaseException] = []
        self._threads = [
            threading.Thread(target=self._attack, args=(kinds, caller, random.Random(f"{seed} {at}")), daemon=True)
            for at, (kinds, caller) in enumerate(zip((heavy_of(system), LIGHT), callers, strict=True))
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """End after what is under way is healed."""
        self._over.set()
        for thread in self._threads:
            thread.join()
        if self.failures:
            raise self.failures[0]

    def _attack(self, kinds: Mapping[str, Kind], caller: Caller, chance: random.Random) -> None:
        """Make all kinds of attacks in one order by chance after another."""
        try:
            while not self._over.is_set():
                shares = [kind.share for kind in kinds.values()]
                for name in chance.sample(list(kinds), sum(shares), counts=shares):
                    self._over.wait(chance.uniform(0.2, 1) * _CALM_S)
                    if self._over.is_set():
                        return
                    self._attack_once(name, kinds[name], caller, chance)
        except BaseException as failure:  # noqa: BLE001 - it is raised where the run ends
            self.failures.append(failure)

    def _attack_once(self, name: str, kind: Kind, caller: Caller, chance: random.Random) -> None:
        target = chance.randrange(REPLICAS)
        scene = Scene(self._system, chance, target, chance.uniform(0.3, 1) * LONGEST_S, caller)
        now = time.monotonic()
        attack = Attack(
            name,
            now,
            now + scene.seconds,
            kind.replicas(kind.takes_redis, target),
            kind.replicas(kind.unsettles, target),
            kind.without_second,
        )
        with self._history.lock:
            self._history.attacks.append(attack)
        kind.run(scene)
        attack.healed = time.monotonic()
        attack.alone = attack.healed
        attack.serving = self._serving_since(attack.replicas or frozenset({target}), attack, caller)
        attack.well = FOREVER if attack.serving == FOREVER else time.monotonic()

    def _serving_since(self, replicas: frozenset[int], attack: Attack, caller: Caller) -> float:
        """Wait until replicas say that they serve, do, and go on to; return since when, and note where that is late."""
        workspace = next(iter(WORKSPACES))
        since = FOREVER
        while min(since, time.monotonic()) < attack.alone + WELL_WITHIN_S:
            away = [replica for replica in sorted(replicas) if not self._health.serves(replica, attack.healed)]
            if not away:
                with ThreadPoolExecutor(REPLICAS) as pool:  # at once: a call to a pair takes a while
                    serve = pool.map(partial(caller.probe, workspace), sorted(replicas))
                    away = [replica for replica, serves in zip(sorted(replicas), serve, strict=True) if not serves]
            since = FOREVER if away else min(since, time.monotonic())
            if time.monotonic() > since + _STAYS_S:
                return since
            time.sleep(_POLL_S)
            if any(replicas & each.replicas and each.well == FOREVER for each in self._others(attack)):
                attack.alone = time.monotonic()
        text = f"replicas {away} do not serve, {WELL_WITHIN_S} s after {attack.kind}"
        self._history.problems.append(Violation("well again", text, attack.healed, time.monotonic()))
        return FOREVER

    def _others(self, attack: Attack) -> list[Attack]:
        """Return the latest attacks beside this one."""
        with self._history.lock:
            return [each for each in self._history.attacks[-_LATEST:] if each is not attack]
