"""Redis, as the store sees it: run scripts, each for one key, and say at once when Redis is unavailable."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from time import monotonic, perf_counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from redis import ConnectionError as RedisConnectionError
from redis import RedisError, ResponseError
from redis import TimeoutError as RedisTimeoutError
from redis.exceptions import ClusterDownError, NoScriptError, RedisClusterException

from service.redis_client.durability import CONFIRMATIONS, Durability, NotDurableError
from service.redis_client.pipeline import denies, has_no_functions, refuses
from service.redis_client.router import Router, find_router

if TYPE_CHECKING:
    from service.redis_client.endpoint import Endpoint
    from service.redis_client.pipeline import KeyedCommand
    from service.redis_client.script import Script

_log = logging.getLogger(__name__)

# How often a server that answers, and one that does not, is asked whether it does.
_PING_SECONDS = 1.0
_PING_SECONDS_UNAVAILABLE = 0.1
# Of servers that do not answer, so many at most are waited for at once.
_PINGS = 16

WAITS_BEFORE_REPEAT: Final = 4
"""How many waits of one timeout there may be until a run happens a second time.

For the reply that is lost, for another exchange on the connection, for a new connection, and for the server.
"""

_UNAVAILABLE = (RedisConnectionError, RedisTimeoutError, RedisClusterException, ClusterDownError, OSError)

_NOT_LOADED, _ALREADY_LOADED = "Function not found", "already exists"

Run = tuple[bytes, Sequence[bytes | str | int]]
"""One run of a script: KEYS[1], and ARGV."""

AsRepeat = Callable[[Sequence[bytes | str | int], int], Sequence[bytes | str | int]]
"""Returns ARGV of a run that happens a second time, of ARGV at first, and since when that may have run.

In milliseconds since 1970, by the clock of the server: late by no more than it takes to ask for its time.
"""


def _says(reply: Any, text: str) -> bool:
    """Whether a reply is an error that says this."""
    return isinstance(reply, ResponseError) and text in str(reply)


class Timings(Protocol):
    """Is told how long Redis takes. What it raises is logged, and nothing else."""

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


class RedisUnavailableError(ConnectionError):
    """Redis does not serve, or did not answer in time. What was asked may or may not have happened."""

    def __init__(self) -> None:
        super().__init__("Redis is unavailable")


class RedisDeniedError(RedisUnavailableError):
    """The user has no right to what was asked. Redis may well serve, but not us."""


class RedisClient:
    """The way to one Redis, or one Redis Cluster.

    While Redis is unavailable every call fails at once, without trying; a thread of our own finds out when it is back.

    Scripts run as functions. A server that misses them is given the library when it is first asked, each master of a
    cluster by itself. Where the server, or what the user may do, allows no functions, scripts run by EVALSHA from then
    on, until Redis has been unavailable: what comes back may be a newer server, and is asked for functions again.
    An upgrade that a proxy hides, or another right of the user, counts only after a restart of ours.

    Args:
        url: where Redis is.
        timeout_s: how long one command may take.
        timings: is told how long Redis takes.
        reread: returns where Redis is now, with the password of now; asked once a second. ValueError if nobody knows.
        durability: what must have happened to a durable run before its reply comes.
    """

    def __init__(
        self,
        url: str,
        timeout_s: float,
        timings: Timings | None = None,
        reread: Callable[[], str] | None = None,
        durability: Durability = Durability.ACKNOWLEDGED,
    ) -> None:
        self._url = url
        self._confirmation = CONFIRMATIONS.get(durability)
        self._reread = reread
        self._replaced: tuple[Router, float] | None = None  # the last router, and since when it is
        self._timeout_s = timeout_s
        self._timings = timings or NoTimings()
        self._router: Router | None = None
        self._served: float | None = None  # nobody knows yet
        self._denied_listeners: list[Callable[[], None]] = []
        self._denials: set[str] = set()  # those that the log has
        self._listeners: list[Callable[[float], None]] = []
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._closed = False
        # Until a server says otherwise. They save making all that a script is made of anew for every run.
        self._has_functions = True
        self._pings = ThreadPoolExecutor(_PINGS, thread_name_prefix="redis-ping")
        self._pinged: dict[Endpoint, Future[BaseException | None]] = {}
        self._ping()
        self._monitor = threading.Thread(target=self._watch, name="redis-monitor", daemon=True)
        self._monitor.start()

    @property
    def up(self) -> bool:
        """Whether Redis answered when last asked; of a cluster, any of its masters."""
        return bool(self._served)

    @property
    def longest_repeat_s(self) -> float:
        """How many seconds after a run its repeat may come, at most: `run_each`, where it is repeatable."""
        if self._confirmation is None:
            return WAITS_BEFORE_REPEAT * self._timeout_s
        # First for the reply, and then until it is durable.
        return WAITS_BEFORE_REPEAT * 2 * (self._timeout_s + self._confirmation.patience_s)

    def masters(self) -> list[Endpoint]:
        """Return the servers that hold keys now; none as long as nobody knows them."""
        return self._router.masters() if self._router is not None else []

    def on_change(self, listener: Callable[[float], None]) -> None:
        """Have `listener` called with the share of keys that are served, from 0 to 1, now and whenever it changes."""
        with self._lock:
            self._listeners.append(listener)
            listener(self._served or 0.0)

    def on_denied(self, listener: Callable[[], None]) -> None:
        """Have `listener` called whenever the user had no right to what was asked. It must not fail."""
        self._denied_listeners.append(listener)

    def run(
        self,
        script: Script,
        root: bytes,
        *arguments: bytes | str | int,
        repeatable: bool = False,
        slow: bool = False,
        durable: bool = False,
        timeout_s: float = math.inf,
    ) -> Any:
        """Run a script for the workspace whose keys begin with `root`, as `run_each` does, and return its reply.

        Raises:
            RedisUnavailableError: there is no reply to be had now.
            NotDurableError: it ran, but what it changed did not become durable in time.
            redis.ResponseError: the script failed, which is an internal error.
        """
        (reply,) = self.run_each(
            script, [(root, arguments)], repeatable=repeatable, slow=slow, durable=durable, timeout_s=timeout_s
        )
        if isinstance(reply, Exception):
            raise reply
        return reply

    def run_each(
        self,
        script: Script,
        runs: Sequence[Run],
        *,
        repeatable: bool = False,
        slow: bool = False,
        durable: bool = False,
        timeout_s: float = math.inf,
        as_repeat: AsRepeat | None = None,
    ) -> list[Any]:
        """Run a script for several workspaces, all sent together.

        Args:
            script: what to run.
            runs: KEYS[1] and ARGV of each.
            repeatable: whether a run may happen a second time when the connection breaks before its reply.
            slow: whether a run may take milliseconds.
            durable: whether what it changes, or finds changed, is to be as durable as it was asked for.
            timeout_s: how long to wait for the replies, if that is shorter than the settings say.
            as_repeat: returns ARGV of a run that happens a second time; None: the same as at first.

        Returns:
            The replies; in the place of each that is not to be had, the exception that `run` would raise.
        """
        begun = perf_counter()
        router = self._router
        if router is None:
            return [RedisUnavailableError()] * len(runs)
        way = (b"FCALL", script.function) if self._has_functions else (b"EVALSHA", script.digest)
        if durable:
            send = router.durable_slow if slow else router.durable_quick
        else:
            send = router.slow if slow else router.quick
        replies = send([(root, (*way, *_keys(router, root), *arguments)) for root, arguments in runs], timeout_s)
        for at, reply in enumerate(replies):
            if isinstance(reply, Exception):
                runs_again = _Again(router, lambda commands: send(commands, timeout_s), runs[at], begun, as_repeat)
                replies[at] = self._second_reply(script, reply, runs_again, way if repeatable else None)
        try:
            self._timings.ran(script.name, perf_counter() - begun)
        except Exception:  # noqa: BLE001 - whatever it is, the replies are there
            _log.exception("how long Redis took could not be noted")
        return replies

    def _second_reply(
        self, script: Script, problem: Exception, again: _Again, repeat: tuple[bytes, bytes] | None
    ) -> Any:
        """Return what becomes of a run whose first reply is an exception: the second reply, or what to raise.

        `repeat`: how it was sent, if it may happen a second time.
        """
        reply: Any = problem
        if repeat is not None and isinstance(reply, RedisConnectionError):
            again, reply = again.as_repeat()
            reply = reply or again.run(*repeat)
        if _says(reply, _NOT_LOADED):
            # A Redis that is new, or was restarted, has not got them. If another process was faster, that is as well.
            loaded = again.send(b"FUNCTION", b"LOAD", script.library.text)
            refused = isinstance(loaded, ResponseError) and not _says(loaded, _ALREADY_LOADED)
            reply = loaded if refused else again.run(b"FCALL", script.function)
        if has_no_functions(reply):
            self._has_functions = False
            reply = again.run(b"EVALSHA", script.digest)
        if isinstance(reply, NoScriptError) or _says(reply, _NOT_LOADED):
            # A Redis that was restarted has forgotten its scripts; or functions are gone as soon as they are loaded, or
            # loaded where a slot is just leaving. EVAL needs nothing, and loads this script again.
            reply = again.run(b"EVAL", script.text)
        if denies(reply):
            return self._denied(reply)
        if isinstance(reply, NotDurableError):
            return reply
        if isinstance(reply, _UNAVAILABLE) or (isinstance(reply, Exception) and refuses(reply)):
            self._note_unavailable(reply)
            unavailable = RedisUnavailableError()
            unavailable.__cause__ = reply
            return unavailable
        return reply

    def _denied(self, why: Exception) -> RedisDeniedError:
        """Return what to raise where the user has no right, and log it, once for each right."""
        with self._lock:
            known = str(why) in self._denials
            self._denials.add(str(why))
        if not known:
            _log.error("redis denies its user what calls need: %s", why)
        for listener in self._denied_listeners:
            listener()
        denied = RedisDeniedError()
        denied.__cause__ = why
        return denied

    def _note_unavailable(self, why: BaseException) -> None:
        """Note that Redis did not answer, or does not serve, and have that looked into."""
        self._wake.set()
        self._set_served(self._router.served() if self._router is not None else 0.0, why)

    def scan(self, root: bytes, pattern: bytes, count: int) -> list[bytes]:
        """Return all keys that match a pattern, on the server that has the keys which begin with `root`.

        Args:
            root: what they begin with.
            pattern: a glob.
            count: how many keys the server looks at before it serves others.

        Raises:
            RedisUnavailableError: there is no reply to be had now.
            redis.ResponseError: the server refused.
        """
        if self._router is None:
            raise RedisUnavailableError
        found: set[bytes] = set()
        cursor = b""
        while cursor != b"0":
            command = (b"SCAN", cursor or b"0", b"MATCH", pattern, b"COUNT", count)
            (reply,) = self._router.quick([(root, command)], math.inf)
            if isinstance(reply, _UNAVAILABLE):
                raise RedisUnavailableError from reply
            if denies(reply):
                raise self._denied(reply)
            if isinstance(reply, Exception):
                raise reply
            cursor, names = reply
            found.update(names)
        return sorted(found)

    def close(self) -> None:
        """Close all connections and end the monitor."""
        self._closed = True
        self._wake.set()
        self._monitor.join(timeout=self._timeout_s + _PING_SECONDS)
        for router in (self._router, self._replaced and self._replaced[0]):
            if router is not None:
                router.close()

    def _watch(self) -> None:
        while not self._closed:
            self._wake.wait(_PING_SECONDS if self._served == 1 else _PING_SECONDS_UNAVAILABLE)
            self._wake.clear()
            if not self._closed:
                self._ping()
        self._pings.shutdown(wait=False, cancel_futures=True)

    def _ping(self) -> None:
        """Ask all servers whether they serve, and note it."""
        self._follow_url()
        try:
            if self._router is None:
                self._router = find_router(self._url, self._timeout_s, self._sent, self._confirmation)
            else:
                self._router.refresh()
        except (*_UNAVAILABLE, RedisError) as error:
            self._set_served(self._router.served() if self._router is not None else 0.0, error)
            return
        for endpoint in self._router.masters():
            if endpoint not in self._pinged:
                self._pinged[endpoint] = self._pings.submit(_problem_of, endpoint)
        # One that hangs must not keep us from hearing who has taken its place.
        _, hanging = wait(self._pinged.values(), None if self._served is None else _PING_SECONDS_UNAVAILABLE)
        problems = [ping.result() for ping in self._pinged.values() if ping not in hanging]
        self._pinged = {endpoint: ping for endpoint, ping in self._pinged.items() if ping in hanging}
        self._set_served(self._router.served(), next((problem for problem in problems if problem), None))

    def _follow_url(self) -> None:
        """Go where the URL says now, once that answers; calls under way end where they were sent."""
        if self._replaced is not None and monotonic() - self._replaced[1] > 2 * self._timeout_s:
            self._replaced[0].close()
            self._replaced = None
        if self._reread is None or self._replaced is not None:
            return
        try:
            url = self._reread()
            if url == self._url:
                return
            router = find_router(url, self._timeout_s, self._sent, self._confirmation)
        except (*_UNAVAILABLE, RedisError, ValueError) as error:
            _log.warning("the new URL of Redis is of no use: %s: %s", type(error).__name__, error)
            return
        if self._router is not None:
            self._replaced = self._router, monotonic()
        self._url, self._router, self._has_functions = url, router, True
        _log.info("redis has a new URL")

    def _sent(self, seconds: float) -> None:
        try:
            self._timings.sent(seconds)
        except Exception:  # noqa: BLE001 - whatever it is, the replies are there
            _log.exception("how long Redis took could not be noted")

    def _set_served(self, share: float, why: BaseException | None = None) -> None:
        with self._lock:
            before = self._served
            if share == before:
                return
            self._served = share
            if not share or not before:
                self._has_functions = True  # what comes back may be another server
            _log.log(
                logging.INFO if share == 1 else logging.WARNING,
                "redis is %s%s",
                "up" if share == 1 else f"unavailable to {1 - share:.0%} of slots" if share else "unavailable",
                f": {type(why).__name__}: {why}" if why else "",
            )
            for listener in self._listeners:
                try:
                    listener(share)
                except Exception:  # noqa: BLE001 - whatever it is, the replies are there
                    _log.exception("whether Redis is up could not be told")


def _problem_of(endpoint: Endpoint) -> BaseException | None:
    """Ask a server whether it serves; return why it does not, None if it does."""
    try:
        endpoint.ping()
    except (*_UNAVAILABLE, RedisError) as error:
        return error
    return None


def _keys(router: Router, root: bytes) -> tuple[bytes, ...]:
    """Return the words that pass a script its keys: how many, and which."""
    return (b"2", root, root + router.fence) if router.fence else (b"1", root)


class _Again(NamedTuple):
    """Sends what belongs to one run of a script as the first time.

    Attributes:
        router: knows where.
        sends: sends commands, and returns their replies.
        once: the run.
        begun: when it was sent at the earliest, by `perf_counter`.
        changes: returns ARGV of a second run; None: the same.
    """

    router: Router
    sends: Callable[[list[KeyedCommand]], list[Any]]
    once: Run
    begun: float
    changes: AsRepeat | None

    def as_repeat(self) -> tuple[_Again, Exception | None]:
        """Return what sends the second run, and what is in its way, if anything is."""
        if self.changes is None:
            return self, None
        root, arguments = self.once
        (reply,) = self.router.quick([(root, (b"TIME",))], math.inf)
        if isinstance(reply, Exception):
            return self, reply
        seconds, microseconds = map(int, reply)
        since_ms = seconds * 1000 + microseconds // 1000 - math.ceil((perf_counter() - self.begun) * 1000)
        return self._replace(once=(root, self.changes(arguments, since_ms))), None

    def send(self, *words: bytes) -> Any:
        """Send one command to the server that has the run's keys, and return its reply."""
        return self.sends([(self.once[0], words)])[0]

    def run(self, verb: bytes, name: bytes) -> Any:
        """Run the script by this verb, and the name that it takes, and return the reply."""
        root, arguments = self.once
        return self.sends([(root, (verb, name, *_keys(self.router, root), *arguments))])[0]
