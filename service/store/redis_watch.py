"""Looks after the Redis that keeps the state: whether it may lose some, and whether its user may do what calls need.

| what is found                        | then                                                                     |
| ------------------------------------ | ------------------------------------------------------------------------ |
| it evicts keys when memory is full   | the service is not ready, unless a setting allows it; critical alert     |
| it keeps nothing on disk             | a warning in the log, and an alert                                       |
| it keeps only snapshots on disk      | a warning in the log                                                     |
| it has no replica                    | a metric; where changes have to be replicated an error in the log, and   |
|                                      | the service is not ready while no server has one                         |
| it leaves it to the system when its   | a metric; where changes have to be on disk an error in the log, and the  |
| file is written to disk              | service is not ready while all servers do                                |
| its user may not see one of these    | a warning in the log                                                     |
| its user may not run what calls need | the service is not ready                                                 |

The log has each once, and again when it changes, for each server: of a cluster each master counts, and behind Sentinels
the one that they name. Why it is so: deploy/adr/0011-what-redis-may-lose.md.
"""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, Final, NamedTuple

from redis import RedisError, ResponseError

from service.redis_client.client import RedisDeniedError
from service.redis_client.durability import Durability
from service.redis_client.facts import NEVER, Kept, facts_of
from service.store.scripts import load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from service.redis_client.client import RedisClient
    from service.redis_client.endpoint import Endpoint
    from service.redis_client.facts import Facts

_log = logging.getLogger(__name__)

_RIGHTS = load("rights")

_EVERY_SECONDS: Final = 60.0
_UNFIT_SECONDS: Final = 1.0
_PROBE: Final = b":probe"

_LOST_ON_RESTART: Final = {
    Kept.NOTHING: "keeps nothing on disk, so that a restart loses all state",
    Kept.SNAPSHOTS: "keeps only snapshots on disk, so that a crash loses what came after the last one",
}

# What is found of a server that confirms no change, by how durable that has to be.
_UNCONFIRMING: Final = {Durability.REPLICATED: "without_replica", Durability.FSYNCED: "without_fsync"}


class Found(NamedTuple):
    """One server, as last seen.

    Attributes:
        facts: what it says of itself.
        denied: what its user may not run of what calls need; None: nobody could find out.
    """

    facts: Facts
    denied: tuple[str, ...] | None

    def unseen(self) -> list[str]:
        """Return what the user may not see."""
        return [*self.facts.unseen(), *(["rights"] if self.denied is None else [])]


class Findings(NamedTuple):
    """All servers that hold keys.

    Attributes:
        counts: how many servers there are by what was found: as the catalogue of metrics names it.
        fit: whether the service may be ready on them.
    """

    counts: Mapping[str, int]
    fit: bool


class RedisWatch:
    """Looks at start, every minute, when Redis comes or goes, denies a call or does not confirm a change.

    While it is not fit: each second.

    Args:
        redis: where the state is.
        told: is told what was found, each time.
        allow_eviction: whether the service is ready on a Redis that evicts keys.
        durability: what must have happened to a change before it is acknowledged.
        every_s: how often to look.
    """

    def __init__(
        self,
        redis: RedisClient,
        told: Callable[[Findings], None],
        *,
        allow_eviction: bool,
        durability: Durability = Durability.ACKNOWLEDGED,
        every_s: float = _EVERY_SECONDS,
    ) -> None:
        self._redis = redis
        self._allow_eviction = allow_eviction
        self._durability = durability
        self._told = told
        self._every_s = every_s
        self._found: dict[str, Found] = {}
        self._said: dict[tuple[str, str], str] = {}
        self._fit = False
        self._doubted = False  # a call was denied something, or not confirmed, since the last look
        self._looked = 0.0
        self._closed = False
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="redis-watch", daemon=True)

    def start(self) -> None:
        """Look for the first time, if Redis answers, and go on in a thread of its own."""
        self._look()
        self._thread.start()
        self._redis.on_change(lambda _: self._wake.set())
        self._redis.on_doubt(self._doubt)

    def close(self) -> None:
        """End it, if it was started."""
        self._closed = True
        self._wake.set()
        if self._thread.ident is not None:
            self._thread.join(timeout=self._every_s)

    def _watch(self) -> None:
        while not self._closed:
            self._wake.wait(self._every_s if self._fit else min(self._every_s, _UNFIT_SECONDS))
            self._wake.clear()
            if self._doubted:
                self._wake.wait(max(0.0, self._looked + _UNFIT_SECONDS - monotonic()))
                self._doubted = False
            try:
                self._look()
            except Exception:  # noqa: BLE001 - the next look may succeed
                _log.exception("what redis says of itself could not be looked at")

    def _doubt(self) -> None:
        """Look within a second, since a call was denied something, or not confirmed; but not for each such call."""
        if self._fit and not self._doubted:
            self._doubted = True
            self._wake.set()

    def _look(self) -> None:
        """Look at every server that serves; of the others stays what was seen of them before."""
        self._looked = monotonic()
        found: dict[str, Found] = {}
        for server in self._redis.masters():
            before = self._found.get(server.name)
            if server.up:
                with suppress(RedisError, OSError):
                    before = self._look_at(server)
            if before is not None:
                found[server.name] = before
        if not found:
            return
        self._found = found
        self._say({key: said for name, one in found.items() for key, said in self._sentences(name, one)})
        findings = self._findings()
        self._fit = findings.fit
        self._told(findings)

    def _look_at(self, server: Endpoint) -> Found:
        """Look at one server.

        Raises:
            redis.RedisError, RedisUnavailableError: it does not serve.
        """
        facts = facts_of(server)
        denied: tuple[str, ...] | None
        try:
            reply = self._redis.run(_RIGHTS, server.probe.removesuffix(_PROBE), repeatable=True)
            denied = tuple(name.decode() for name in reply)
        except RedisDeniedError as error:
            denied = (str(error.__cause__),)
        except ResponseError:
            _log.exception("the rights of the user of redis could not be found out")
            denied = None
        return Found(facts, denied)

    def _sentences(self, name: str, found: Found) -> Iterable[tuple[tuple[str, str], tuple[int, str]]]:
        """Yield what the log is to have of a server: the server and the topic; the level and the text."""
        facts = found.facts
        if facts.evicts:
            text = f"redis at {name} deletes records when its memory is full (maxmemory-policy {facts.policy})"
            if self._allow_eviction:
                yield (name, "eviction"), (logging.WARNING, f"{text}, as --allow-eviction has it")
            else:
                demand = "not ready until it is set to noeviction, or --allow-eviction yes is given"
                yield (name, "eviction"), (logging.ERROR, f"{text}: {demand}")
        if facts.kept in _LOST_ON_RESTART:
            text = f"redis at {name} {_LOST_ON_RESTART[facts.kept]}: set appendonly yes"
            yield (name, "persistence"), (logging.WARNING, text)
        if self._durability is Durability.REPLICATED and facts.replicas == 0:
            text = f"redis at {name} has no replica to confirm changes (--durability replicated): each is answered"
            demand = "NOT_DURABLE, and the service is not ready while no server has one"
            yield (name, "replicas"), (logging.ERROR, f"{text} {demand}")
        if self._durability is Durability.FSYNCED and facts.appendfsync == NEVER:
            text = f"redis at {name} confirms hardly any change (--durability fsynced, but appendfsync no): most are"
            demand = "answered NOT_DURABLE, and the service is not ready until it is always or everysec"
            yield (name, "appendfsync"), (logging.ERROR, f"{text} {demand}")
        if found.denied:
            text = f"the user of redis at {name} may not run what calls need: not ready until it may"
            yield (name, "the rights of its user"), (logging.ERROR, f"{text}: {', '.join(found.denied)}")
        if unseen := found.unseen():
            text = f"the user of redis at {name} may not see (INFO, CONFIG GET): {', '.join(unseen)}"
            yield (name, "what its user may see"), (logging.WARNING, f"{text}; nobody watches these")

    def _say(self, sentences: Mapping[tuple[str, str], tuple[int, str]]) -> None:
        """Log what is new, and what is over."""
        for key, (level, text) in sentences.items():
            if self._said.get(key) != text:
                _log.log(level, text)
        for key in self._said:
            if key not in sentences:
                _log.info("redis at %s: no problem any more with %s", *key)
        self._said = {key: text for key, (_, text) in sentences.items()}

    def _findings(self) -> Findings:
        servers = self._found.values()
        evicting = sum(one.facts.evicts for one in servers)
        counts = {
            "all": len(servers),
            "evicting": 0 if self._allow_eviction else evicting,
            "eviction_allowed": evicting if self._allow_eviction else 0,
            "not_persistent": sum(one.facts.kept is Kept.NOTHING for one in servers),
            "snapshots_only": sum(one.facts.kept is Kept.SNAPSHOTS for one in servers),
            "without_replica": sum(one.facts.replicas == 0 for one in servers),
            "without_fsync": sum(one.facts.appendfsync == NEVER for one in servers),
            "denying": sum(bool(one.denied) for one in servers),
            "unseen": sum(bool(one.unseen()) for one in servers),
        }
        # As with slots: what a part of a cluster cannot do is no reason to turn away who calls for the rest.
        unconfirming = counts.get(_UNCONFIRMING.get(self._durability, "")) == counts["all"]
        return Findings(counts, not counts["denying"] and not counts["evicting"] and not unconfirming)
