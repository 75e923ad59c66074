"""The attacks: each a function that does its worst for some seconds and mends it. What it needs is in a `Scene`."""

from __future__ import annotations

import contextlib
import signal
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import redis as redis_py

from tests.chaos.system import REPLICAS
from tests.support.flood import flooding
from tests.support.half_sent import half_sent
from tests.support.processes import free_port

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from tests.chaos.clients import Caller
    from tests.chaos.system import System

ALL = frozenset(range(REPLICAS))
_FLUSH_PAUSE_S = 0.02
_FULL = 1_000_000  # bytes: less than Redis takes by itself
_FLOOD_CALLS = 400
_HALF_SENT = 300


@dataclass(frozen=True, slots=True)
class Scene:
    """What an attack has to do with.

    Attributes:
        system: what is attacked.
        chance: decides what is to be decided.
        target: the replica that it is about, if it is about one.
        seconds: how long it lasts.
        caller: a client of its own.
    """

    system: System
    chance: random.Random
    target: int
    seconds: float
    caller: Caller


class Kind(NamedTuple):
    """A kind of attack.

    Attributes:
        run: does it, and mends it.
        takes_redis: the replicas that have no Redis that serves meanwhile: "all", "one" or "none".
        unsettles: the replicas that may say NOT_SERVING meanwhile: the same.
        without_second: whether no second Redis confirms meanwhile what has to be confirmed by one.
        share: how often it comes, of all kinds that come one after another in an order by chance.
    """

    run: Callable[[Scene], None]
    takes_redis: str = "none"
    unsettles: str = "none"
    without_second: bool = False
    share: int = 1

    def replicas(self, which: str, target: int) -> frozenset[int]:
        """Return the replicas that "all", "one" or "none" means."""
        return {"all": ALL, "one": frozenset({target}), "none": frozenset[int]()}[which]


def kill_redis(scene: Scene) -> None:
    """End Redis without warning; what it acknowledged is on disk."""
    scene.system.redis.kill()
    time.sleep(scene.seconds)
    scene.system.redis.start()


def hang_redis(scene: Scene) -> None:
    """Stop Redis in its tracks: connections stay open, and nothing is answered."""
    scene.system.redis.pause()
    try:
        time.sleep(scene.seconds)
    finally:
        scene.system.redis.resume()


def fill_memory(scene: Scene) -> None:
    """Leave Redis no memory: it refuses every write."""
    with scene.system.admin() as client:
        client.config_set("maxmemory", _FULL)
        time.sleep(scene.seconds)
        client.config_set("maxmemory", 0)


def make_read_only(scene: Scene) -> None:
    """Make Redis the replica of one that is not there: it takes no writes."""
    with scene.system.admin() as client:
        client.replicaof("127.0.0.1", free_port())
        time.sleep(scene.seconds)
        client.replicaof("NO", "ONE")


def flush_scripts(scene: Scene) -> None:
    """Have Redis forget its scripts and functions, fifty times a second."""
    end = time.monotonic() + scene.seconds
    while time.monotonic() < end:
        with contextlib.suppress(redis_py.RedisError), scene.system.admin() as client:  # or another attack took it away
            client.script_flush()
            client.function_flush()
        time.sleep(_FLUSH_PAUSE_S)


def kill_replica(scene: Scene) -> None:
    """End a replica without warning."""
    replica = scene.system.replicas[scene.target]
    replica.kill()
    time.sleep(scene.seconds / 2)
    replica.start()


def hang_replica(scene: Scene) -> None:
    """Stop a replica in its tracks."""
    replica = scene.system.replicas[scene.target]
    replica.signal(signal.SIGSTOP)
    try:
        time.sleep(scene.seconds)
    finally:
        replica.signal(signal.SIGCONT)


def restart_all(scene: Scene) -> None:
    """Restart the replicas one after another, in an orderly way, as a rollout does."""
    for replica in scene.system.replicas:
        replica.terminate()
        replica.start()


def cut(scene: Scene) -> None:
    """Break a replica's connections to Redis, ten times a second."""
    end = time.monotonic() + scene.seconds
    while time.monotonic() < end:
        scene.system.networks[scene.target].cut()
        time.sleep(0.1)


def swallow(scene: Scene) -> None:
    """Let nothing through between a replica and Redis; nobody is told."""
    network = scene.system.networks[scene.target]
    network.swallow()
    time.sleep(scene.seconds)
    network.let_through()


def lose_replies(scene: Scene) -> None:
    """Break a replica's connection in the middle of every third reply."""
    network = scene.system.networks[scene.target]
    network.loses = 0.33
    time.sleep(scene.seconds)
    network.loses = 0.0


def slow_down(scene: Scene) -> None:
    """Make the way from a replica to Redis and back slow."""
    network = scene.system.networks[scene.target]
    network.delay_s = scene.chance.uniform(0.01, 0.06)
    time.sleep(scene.seconds)
    network.delay_s = 0.0


def send_halves(scene: Scene) -> None:
    """Begin calls and never send their requests."""
    address = scene.system.addresses[scene.target]
    with half_sent(address, "/evenhand.v1.AssignmentService/GetRules", _HALF_SENT):
        time.sleep(scene.seconds)


def flood(scene: Scene) -> None:
    """Make hundreds of calls at once, again and again."""
    end = time.monotonic() + scene.seconds
    while time.monotonic() < end:
        scene.caller.flood("keeps-owners", _FLOOD_CALLS, scene.target)
        time.sleep(0.2)


def reset_rapidly(scene: Scene) -> None:
    """Begin calls and cancel them at once, as fast as a connection takes it."""
    with flooding(scene.system.addresses[scene.target], "rapid-reset"):
        time.sleep(scene.seconds)


HEAVY = {
    "Redis killed": Kind(kill_redis, "all", "all"),
    "Redis hangs": Kind(hang_redis, "all", "all"),
    "Redis full": Kind(fill_memory, "all", "all"),
    "Redis read-only": Kind(make_read_only, "all", "all"),
    "replica killed": Kind(kill_replica, "none", "one"),
    "replica hangs": Kind(hang_replica, "none", "one"),
    "rolling restart": Kind(restart_all, "none", "all"),
    "connections cut": Kind(cut, "none", "one"),
    "black hole": Kind(swallow, "one", "one"),
}
"""Attacks of which there is one at a time."""

LIGHT = {
    "scripts flushed": Kind(flush_scripts),
    "replies lost": Kind(lose_replies, "none", "one"),
    "slow network": Kind(slow_down),
    "half-sent calls": Kind(send_halves),
    "flood of calls": Kind(flood),
    "rapid resets": Kind(reset_rapidly),
}
"""Attacks that come beside those."""
