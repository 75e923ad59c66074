"""What a Redis server says of itself that bears on whether state can be lost there: as far as the user may see it."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from service.redis_client.pipeline import withholds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from service.redis_client.endpoint import Endpoint

_SECTIONS: Final = (b"memory", b"persistence", b"replication")
_PARAMETERS: Final = (b"maxmemory-policy", b"appendonly", b"save", b"appendfsync")
_NO_EVICTION: Final = "noeviction"
_PAIRS: Final = re.compile(r"(\w+)=([^,]*)")
# Replicas say each second how far they are.
_LAG_SECONDS: Final = 5
NEVER: Final = "no"
"""The `appendfsync` of a server that leaves it to the system when its file is written to disk."""


class Kept(StrEnum):
    """What a server keeps on disk, and so over a restart."""

    EVERYTHING = "everything"  # an append-only file
    SNAPSHOTS = "snapshots"  # what was there when the last one was taken
    NOTHING = "nothing"


class Facts(NamedTuple):
    """One server; None in the place of what the user may not see.

    Attributes:
        policy: what it does when its memory is full: `maxmemory-policy`.
        kept: what it keeps on disk.
        replicas: how many follow it: are in sync, and said so a few seconds ago at the latest.
        appendfsync: when it has the append-only file written to disk. Whether that may be seen is no finding: it bears
            on what `--durability fsynced` waits for alone.
    """

    policy: str | None
    kept: Kept | None
    replicas: int | None
    appendfsync: str | None

    @property
    def evicts(self) -> bool:
        """Whether the server deletes keys when its memory is full.

        Every policy but `noeviction` does. Those that keep to keys with a time to live (`volatile-…`) do so, too: such
        are the records of closed contacts, the decisions that retries are answered with, and plans on their way. It
        makes no difference whether the memory has a bound (`maxmemory`), which can be set at any time.
        """
        return self.policy not in {None, _NO_EVICTION}

    def unseen(self) -> list[str]:
        """Return what the user may not see."""
        seen = {"maxmemory-policy": self.policy, "persistence": self.kept, "replicas": self.replicas}
        return [name for name, value in seen.items() if value is None]


def facts_of(server: Endpoint) -> Facts:
    """Ask a server, whose refusals say only that the user may not see this.

    Raises:
        redis.ConnectionError, redis.TimeoutError: it did not answer.
    """
    replies = server.ask(
        [*((b"INFO", section) for section in _SECTIONS), *((b"CONFIG", b"GET", name) for name in _PARAMETERS)]
    )
    information: dict[str, str] = {}
    for reply in replies[: len(_SECTIONS)]:
        information |= _fields(reply)
    parameters: dict[str, str] = {}
    for reply in replies[len(_SECTIONS) :]:
        if isinstance(reply, list) and reply:
            parameters[reply[0].decode()] = reply[1].decode()
    return Facts(
        information.get("maxmemory_policy") or parameters.get("maxmemory-policy"),
        _kept(information, parameters),
        _replicas(information),
        parameters.get("appendfsync"),
    )


def is_cluster(server: Endpoint) -> bool | None:
    """Ask a server whether it belongs to a cluster; None if it says neither way.

    Raises:
        redis.RedisError: it did not answer, or serves nobody now.
    """
    (said,) = server.ask([(b"INFO", b"cluster")])
    if isinstance(said, bytes):
        return b"cluster_enabled:1" in said
    if not withholds(said):
        raise said
    (said,) = server.ask([(b"HELLO",)])  # needs no right, but Redis 6
    if not isinstance(said, list) or b"mode" not in said:
        return None
    return bool(said[said.index(b"mode") + 1] == b"cluster")


def _fields(reply: Any) -> dict[str, str]:
    """Return the fields of a section of INFO; none of one that is withheld."""
    if not isinstance(reply, bytes):
        return {}
    lines = (line.partition(":") for line in reply.decode(errors="replace").splitlines())
    return {name: value for name, colon, value in lines if colon}


def _replicas(information: Mapping[str, str]) -> int | None:
    """Return how many replicas follow a server; None if it does not say.

    It counts those as connected, for a minute (`repl-timeout`), that hang or are cut off, and those that are being sent
    a copy of everything. None of them confirms anything.
    """
    connected = information.get("connected_slaves")
    if connected is None:
        return None
    each: list[dict[str, str]] = [
        dict(_PAIRS.findall(information.get(f"slave{at}", ""))) for at in range(int(connected))
    ]
    return sum(one.get("state") == "online" and int(one.get("lag", 0)) <= _LAG_SECONDS for one in each)


def _kept(information: Mapping[str, str], parameters: Mapping[str, str]) -> Kept | None:
    """Return what a server keeps; that it appends to no file says nothing about snapshots."""
    if information.get("aof_enabled") == "1" or parameters.get("appendonly") == "yes":
        return Kept.EVERYTHING
    if "aof_enabled" not in information and "appendonly" not in parameters:
        return None
    save = parameters.get("save")
    if save is None:
        return None
    return Kept.SNAPSHOTS if save else Kept.NOTHING
