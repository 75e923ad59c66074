"""A Redis Cluster: the workspaces' slots lie on several masters, which fail, take over and hand slots on."""

from __future__ import annotations

import random
import threading
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from operator import attrgetter
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any, Final

from redis import RedisError
from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot
from redis.exceptions import AskError, ClusterDownError, MovedError, RedisClusterException, TryAgainError

from service.redis_client.endpoint import Endpoint, connection_settings, probe
from service.redis_client.pipeline import Pipeline

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from service.redis_client.durability import Confirmation
    from service.redis_client.endpoint import Listener
    from service.redis_client.pipeline import KeyedCommand, Send

Address = tuple[str, int]
"""Host and port of a server."""

_SLOTS: Final = REDIS_CLUSTER_HASH_SLOTS
# A slot can move again while a command follows it; more often than this, something else is wrong.
_REDIRECTS: Final = 5
# So many keys lie on any server that has a thousandth of the slots, as good as certainly.
_PROBES: Final = 10_000
# How often the masters are asked who has which slots, as long as that is in doubt.
_REFRESH_SECONDS: Final = 0.1
# How often a command is sent again whose slot is half here and half there.
_MOVING_SECONDS: Final = 0.02
# After so many times as long as a command may take, none is under way any more to a server that is no longer asked.
_LEAVING_TIMEOUTS: Final = 10
# Says a script that found keys of its workspace gone in the middle of its run.
_HALF_GONE: Final = "non local key"

_Lane = Callable[[Endpoint], Pipeline]
"""Which connection of a server commands go by."""


class Cluster:
    """Keys lie on many servers, by slot.

    The slots are looked up again as long as any of them lies on a server that does not serve: a master that died
    answers nothing, so no MOVED ever says who took its place. One that moved says so itself.

    A command whose slot is being handed on (ASK, TRYAGAIN) waits until all of the slot is in one place: a script that
    followed ASK would find a part of its workspace only, and decide again what is decided on the other part. Where a
    migration takes longer than one command may, later commands no longer wait for it.

    Args:
        url: a server of the cluster; asked whenever no other one answers.
        timeout_s: how long one command may take, and how long to wait for one slot to arrive.
        sent: told how long servers took.
        confirmation: how masters are asked whether changes are durable; None: nobody asks.
    """

    fence = b":moving"

    def __init__(self, url: str, timeout_s: float, sent: Listener, confirmation: Confirmation | None) -> None:
        self._sent = sent
        self._confirmation = confirmation
        self._timeout_s = timeout_s
        self._settings = connection_settings(url, timeout_s)
        self._seed: Address = self._settings.get("host", "localhost"), int(self._settings.get("port", 6379))
        self.quick: Send = partial(self._send, by=attrgetter("quick"))
        self.slow: Send = partial(self._send, by=attrgetter("slow"))
        self.durable_quick: Send = partial(self._send, by=attrgetter("durable_quick"))
        self.durable_slow: Send = partial(self._send, by=attrgetter("durable_slow"))
        self._endpoints: dict[Address, Endpoint] = {}
        self._left: dict[Address, float] = {}  # of those that hold no slots any more, and since when
        self._owners: list[Endpoint | None] = [None] * _SLOTS
        self._sizes: dict[Endpoint, int] = {}  # how many slots each master has
        self._known: set[Address] = set()  # masters and replicas
        self._lock = threading.Lock()
        self._moving: dict[int, float] = {}  # slots in two places, and when that was first met
        self._stale = True
        self._refreshed = 0.0
        self.refresh()

    def masters(self) -> list[Endpoint]:
        """Return the servers that hold keys."""
        return list(self._sizes)

    def served(self) -> float:
        """Return the share of slots that lie on servers which serve."""
        return sum(slots for master, slots in self._sizes.copy().items() if master.up) / _SLOTS

    def refresh(self) -> None:
        """Ask again who has which slots, if that is in doubt and was not asked just now.

        Raises:
            redis.RedisError: nobody answers.
        """
        up = [endpoint for endpoint in self.masters() if endpoint.up]
        now = monotonic()
        if (not self._stale and self.served() == 1) or now - self._refreshed < _REFRESH_SECONDS:
            return
        self._refreshed = now
        self._stale = False
        try:
            self._adopt(*self._asked(up))
        except RedisError:
            self._stale = True
            raise

    def close(self) -> None:
        """Close all connections."""
        for endpoint in self._endpoints.values():
            endpoint.close()

    def _asked(self, up: Sequence[Endpoint]) -> tuple[str, list[Any]]:
        """Return the answer of the first server that says who has which slots, and its host."""
        problem: RedisError | None = None
        for endpoint in random.sample(up, len(up)):  # one of them may not have heard yet
            try:
                return endpoint.host, endpoint.call((b"CLUSTER", b"SLOTS"))
            except RedisError as error:
                problem = error
        # Servers that hold nothing, or did not answer, are asked on connections that are not kept.
        for host, port in sorted(self._known | {self._seed}):
            stranger = Endpoint(self._settings | {"host": host, "port": port})
            try:
                return host, stranger.call((b"CLUSTER", b"SLOTS"))
            except RedisError as error:
                problem = error
            finally:
                stranger.close()
        raise problem or RedisClusterException("the cluster has no servers")

    def _adopt(self, asked: str, ranges: Iterable[Any]) -> None:
        """Take over an answer to CLUSTER SLOTS by the server on this host, which may leave its own host out."""
        owners: list[Endpoint | None] = [None] * _SLOTS
        holders: dict[Address, list[int]] = {}
        known = set()
        for first, last, *servers in ranges:
            addresses = [((host or b"").decode() or asked, int(port)) for host, port, *_ in servers]
            known.update(addresses)
            holders.setdefault(addresses[0], []).extend(range(first, last + 1))
        sizes = {}
        for address, slots in holders.items():
            endpoint = self._endpoint(address, frozenset(slots))
            sizes[endpoint] = len(slots)
            for slot in slots:
                owners[slot] = endpoint
        self._owners, self._sizes, self._known = owners, sizes, known
        self._let_go(holders)

    def _let_go(self, holders: Collection[Address]) -> None:
        """Close connections to servers that hold no slots, once calls under way to them have ended."""
        now = monotonic()
        with self._lock:
            self._left = {
                address: self._left.get(address, now) for address in self._endpoints if address not in holders
            }
            gone = [
                address for address, since in self._left.items() if now - since > _LEAVING_TIMEOUTS * self._timeout_s
            ]
            for address in gone:
                del self._left[address]
                self._endpoints.pop(address).close()

    def _endpoint(self, address: Address, slots: frozenset[int] = frozenset()) -> Endpoint:
        """Return the server at an address, made if it is new, with a key to try that lies in one of these slots."""
        with self._lock:
            endpoint = self._endpoints.get(address)
            if endpoint is None:
                keys = (probe(number) for number in range(_PROBES))
                key = next((key for key in keys if key_slot(key) in slots), probe(0))
                settings = self._settings | {"host": address[0], "port": address[1]}
                endpoint = self._endpoints[address] = Endpoint(settings, self._sent, key, self._confirmation)
            return endpoint

    def _send(self, commands: Sequence[KeyedCommand], timeout_s: float, *, by: _Lane) -> list[Any]:
        """Send commands, those for one server together, following redirections, and return their replies."""
        of_endpoint: defaultdict[Endpoint, list[int]] = defaultdict(list)
        replies: list[Any] = [None] * len(commands)
        for at, (key, _) in enumerate(commands):
            owner = self._owners[key_slot(key)]
            if owner is None:
                replies[at] = RedisClusterException(f"slot {key_slot(key)} lies on no server")
                self._stale = True
            else:
                of_endpoint[owner].append(at)
        deadline = monotonic() + min(timeout_s, self._timeout_s)
        for endpoint, places in of_endpoint.items():
            came = by(endpoint).send([commands[at] for at in places], timeout_s)
            for at, reply in zip(places, came, strict=True):
                replies[at] = reply
        # Only now, since a slot that moves keeps waiting who asks for it.
        for at, reply in enumerate(replies):
            if isinstance(reply, Exception) or self._moving:
                replies[at] = self._settled(commands[at], reply, deadline, by)
        return replies

    def _settled(self, command: KeyedCommand, reply: Any, deadline: float, by: _Lane) -> Any:
        """Return the reply, or where it only says that the key's slot moves, the one of the server that has it then."""
        slot = key_slot(command[0])
        redirects = 0
        while isinstance(reply, (MovedError, AskError, TryAgainError)):
            if isinstance(reply, MovedError):
                redirects += 1
                if redirects > _REDIRECTS:
                    return RedisClusterException(f"slot {slot} kept moving")
                self._follow(slot, reply)
            elif not self._may_wait(slot, deadline):
                return RedisClusterException(f"slot {slot} is moving")
            owner = self._owners[slot]
            if owner is None:
                return RedisClusterException(f"slot {slot} lies on no server")
            (reply,) = by(owner).send([command], max(0.0, deadline - monotonic()))
        if isinstance(reply, ClusterDownError):
            self._stale = True
        if isinstance(reply, Exception) and _HALF_GONE in str(reply):
            return RedisClusterException(f"slot {slot} began to move")
        if not isinstance(reply, Exception):
            self._moving.pop(slot, None)
        return reply

    def _follow(self, slot: int, moved: MovedError) -> None:
        """Note where a slot lies now."""
        owner = self._owners[slot]
        host = moved.host or (owner.host if owner is not None else self._seed[0])
        self._owners[slot] = self._endpoint((host, moved.port), frozenset({slot}))
        self._stale = True

    def _may_wait(self, slot: int, deadline: float) -> bool:
        """Wait a little for a slot that lies in two places; False if there is no time, or others waited in vain."""
        now = monotonic()
        if now - self._moving.setdefault(slot, now) >= self._timeout_s or now + _MOVING_SECONDS >= deadline:
            return False
        sleep(_MOVING_SECONDS)
        return True
