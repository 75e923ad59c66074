"""The attacks on a pair: all that one Redis has to stand, and what takes one of two away."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.chaos.attacks import HEAVY, Kind, Scene
from tests.chaos.pair import Pair

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.chaos.system import System

LOST, HANGS = "Redis replica lost", "Redis replica hangs"
_PROMOTED_AFTER_S = (0.1, 0.9)


def promote(scene: Scene) -> None:
    """Kill the Redis and promote its replica; what was killed comes back, behind or empty, as the replica of that."""
    pair = _pair(scene)
    pair.wait()
    end = time.monotonic() + scene.seconds
    alone = pair.promote(scene.chance.uniform(*_PROMOTED_AFTER_S))
    time.sleep(max(0.0, end - time.monotonic()))
    pair.start_second(alone, empty=scene.chance.random() < 0.5)


def lose_second(scene: Scene) -> None:
    """Take the replica of the Redis away; it comes back, behind or empty."""
    pair = _pair(scene)
    alone = pair.kill_second()
    time.sleep(scene.seconds)
    pair.start_second(alone, empty=scene.chance.random() < 0.5)


def hang_second(scene: Scene) -> None:
    """Stop the replica of the Redis in its tracks: the Redis itself takes it for one that is there."""
    _pair(scene).hang_second(scene.seconds)


def _pair(scene: Scene) -> Pair:
    assert isinstance(scene.system, Pair)
    return scene.system


PAIR_HEAVY = HEAVY | {
    "promotion": Kind(promote, "all", "all", without_second=True, share=3),
    LOST: Kind(lose_second, "all", "all", without_second=True, share=2),
    HANGS: Kind(hang_second, "none", "all", without_second=True),
}
"""Attacks of which there is one at a time. Without a second Redis there is none that serves calls which change."""


def heavy_of(system: System) -> Mapping[str, Kind]:
    """Return the attacks on a system of which there is one at a time."""
    return PAIR_HEAVY if isinstance(system, Pair) else HEAVY
