"""Redis, as the store sees it: run a script for a workspace, and say at once when Redis is away."""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from redis import ConnectionError as RedisConnectionError
from redis import RedisError, ResponseError
from redis import TimeoutError as RedisTimeoutError
from redis.exceptions import ClusterDownError, NoScriptError, RedisClusterException

from service.redis_client.endpoint import refuses
from service.redis_client.router import Router, find_router

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


_log = logging.getLogger(__name__)

# How often a server that answers, and one that does not, is asked whether it does.
_PING_SECONDS = 1.0
_PING_SECONDS_AWAY = 0.1

_AWAY = (RedisConnectionError, RedisTimeoutError, RedisClusterException, ClusterDownError, OSError)


class Script(NamedTuple):
    """A script's name, its text, and the digest under which Redis keeps it."""

    name: str
    text: bytes
    digest: bytes


class Timings(Protocol):
    """Is told how long Redis takes."""

    def sent(self, seconds: float, /) -> None:
        """Note that commands which were sent together were all answered after so many seconds."""

    def ran(self, script: str, seconds: float, /) -> None:
        """Note that a script by that name was answered after so many seconds, waiting for its turn included."""


class NoTimings:
    """Listens to nobody."""

    def sent(self, seconds: float) -> None:
        """Ignore it."""

    def ran(self, script: str, seconds: float) -> None:
        """Ignore it."""


class RedisAwayError(ConnectionError):
    """Redis is away, does not serve, or did not answer in time. What was asked may or may not have happened."""


class Redis:
    """The way to one Redis, or one Redis Cluster.

    While Redis is away every call fails at once, without trying; a thread of our own finds out when it is back.
    """

    def __init__(self, url: str, timeout_s: float, timings: Timings | None = None) -> None:
        self._url = url
        self._timeout_s = timeout_s
        self._timings = timings or NoTimings()
        self._router: Router | None = None
        self._up: bool | None = None  # nobody knows yet
        self._listeners: list[Callable[[bool], None]] = []
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._closed = False
        self._ping()
        self._monitor = threading.Thread(target=self._watch, name="redis-monitor", daemon=True)
        self._monitor.start()

    @property
    def up(self) -> bool:
        """Whether Redis answered when last asked."""
        return bool(self._up)

    def on_change(self, listener: Callable[[bool], None]) -> None:
        """Have `listener` called with whether Redis is up, now and whenever that changes."""
        with self._lock:
            self._listeners.append(listener)
            listener(self.up)

    def run(
        self,
        script: Script,
        root: bytes,
        *arguments: bytes | str | int,
        repeatable: bool = False,
        slow: bool = False,
        timeout_s: float | None = None,
    ) -> Any:
        """Run a script for the workspace whose keys begin with `root`.

        Args:
            script: what to run.
            root: KEYS[1].
            arguments: ARGV.
            repeatable: whether it may run a second time when the connection breaks before its reply.
            slow: whether it may take milliseconds.
            timeout_s: how long to wait for the reply, if shorter than the settings say.

        Raises:
            RedisAwayError: there is no answer to be had now.
            redis.ResponseError: the script failed, which is a mistake of ours.
        """
        begun = perf_counter()
        try:
            return self._run(script, root, arguments, repeatable=repeatable, slow=slow, timeout_s=timeout_s)
        finally:
            self._timings.ran(script.name, perf_counter() - begun)

    def _run(
        self,
        script: Script,
        root: bytes,
        arguments: tuple[bytes | str | int, ...],
        *,
        repeatable: bool,
        slow: bool,
        timeout_s: float | None,
    ) -> Any:
        router = self.router()
        command = (b"EVALSHA", script.digest, b"1", root, *arguments)
        try:
            try:
                return router.call(root, command, timeout_s, slow=slow)
            except RedisConnectionError:
                if not repeatable:
                    raise
                return router.call(root, command, timeout_s, slow=slow)
            except NoScriptError:
                # A Redis that was restarted has forgotten its scripts. EVAL loads this one again.
                return router.call(root, (b"EVAL", script.text, b"1", root, *arguments), timeout_s, slow=slow)
        except NoScriptError:
            return self._run(script, root, arguments, repeatable=False, slow=slow, timeout_s=timeout_s)
        except _AWAY as error:
            raise self._away(router, error) from error
        except ResponseError as error:
            if refuses(error):
                raise self._away(router, error) from error
            raise

    def run_each(
        self, script: Script, calls: Sequence[tuple[bytes, Sequence[bytes | str | int]]], timeout_s: float | None = None
    ) -> list[Any]:
        """Run a quick script that may run twice for several workspaces at once.

        Args:
            script: what to run.
            calls: KEYS[1] and ARGV for each.
            timeout_s: how long to wait for the replies, if shorter than the settings say.

        Returns:
            The replies; None where there is none to be had this way, so that `run` is to be asked.

        Raises:
            RedisAwayError: there are no replies to be had now. Each of the scripts may or may not have run.
        """
        if not calls:
            return []
        router = self.router()
        commands = [(root, (b"EVALSHA", script.digest, b"1", root, *arguments)) for root, arguments in calls]
        begun = perf_counter()
        try:
            replies = router.call_each(commands, timeout_s)
        except RedisConnectionError:
            return [None] * len(calls)
        except _AWAY as error:
            raise self._away(router, error) from error
        finally:
            self._timings.ran(script.name, perf_counter() - begun)
        return [None if isinstance(reply, Exception) else reply for reply in replies]

    def _away(self, router: Router, why: BaseException) -> RedisAwayError:
        """Note that Redis did not answer, or does not serve, have that looked into, and return what to raise."""
        self._wake.set()
        self._set_up(up=any(endpoint.up for endpoint in router.masters()), why=why)
        return RedisAwayError("Redis is away")

    def router(self) -> Router:
        """Return the way to the servers; raises RedisAwayError as long as none ever answered."""
        if self._router is None:
            raise RedisAwayError("Redis is away")
        return self._router

    def close(self) -> None:
        """Close all connections and end the monitor."""
        self._closed = True
        self._wake.set()
        self._monitor.join(timeout=self._timeout_s + _PING_SECONDS)
        if self._router is not None:
            self._router.close()

    def _watch(self) -> None:
        while not self._closed:
            self._wake.wait(_PING_SECONDS if self._up else _PING_SECONDS_AWAY)
            self._wake.clear()
            if not self._closed:
                self._ping()

    def _ping(self) -> None:
        problem: BaseException | None = None
        try:
            if self._router is None:
                self._router = find_router(self._url, self._timeout_s, self._timings.sent)
            elif not self._up:
                self._router.refresh()
            masters = self._router.masters()
        except (*_AWAY, RedisError) as error:
            self._set_up(up=False, why=error)
            return
        for endpoint in masters:
            try:
                endpoint.ping()
            except (*_AWAY, RedisError) as error:
                problem = error
        self._set_up(up=any(endpoint.up for endpoint in masters), why=problem)

    def _set_up(self, *, up: bool, why: BaseException | None = None) -> None:
        with self._lock:
            if up == self._up:
                return
            self._up = up
            _log.log(
                logging.INFO if up else logging.WARNING,
                "redis is %s%s",
                "up" if up else "away",
                f": {type(why).__name__}: {why}" if why else "",
            )
            for listener in self._listeners:
                with suppress(Exception):
                    listener(up)
