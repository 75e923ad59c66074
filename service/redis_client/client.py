"""Redis, as the store sees it: run scripts, each for one key, and say at once when Redis is unavailable."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Sequence
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from redis import ConnectionError as RedisConnectionError
from redis import ResponseError
from redis.exceptions import NoScriptError

from service.redis_client.durability import CONFIRMATIONS, Durability, NotDurableError
from service.redis_client.monitor import UNAVAILABLE, Monitor
from service.redis_client.pipeline import denies, has_no_functions, refuses
from service.redis_client.router import Router, find_router
from service.redis_client.timings import NoTimings

if TYPE_CHECKING:
    from service.redis_client.endpoint import Endpoint
    from service.redis_client.monitor import Followed
    from service.redis_client.pipeline import KeyedCommand
    from service.redis_client.script import Script
    from service.redis_client.timings import Timings

_log = logging.getLogger(__name__)

WAITS_BEFORE_REPEAT: Final = 4
"""How many waits of one timeout there may be until a run happens a second time.

For the reply that is lost, for another exchange on the connection, for a new connection, and for the server.
"""

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
        followed: where the URL comes from, if it may change.
        durability: what must have happened to a durable run before its reply comes.

    Attributes:
        on_change: see `Monitor`.
    """

    def __init__(
        self,
        url: str,
        timeout_s: float,
        timings: Timings | None = None,
        followed: Followed | None = None,
        durability: Durability = Durability.ACKNOWLEDGED,
    ) -> None:
        self._confirmation = CONFIRMATIONS.get(durability)
        self._timeout_s = timeout_s
        self._timings = timings or NoTimings()
        self._doubt_listeners: list[Callable[[], None]] = []
        self._denials: set[str] = set()  # those that the log has
        self._lock = threading.Lock()
        # Until a server says otherwise. They save making all that a script is made of anew for every run.
        self._has_functions = True
        find = partial(find_router, timeout_s=timeout_s, sent=self._sent, confirmation=self._confirmation)
        self._monitor = Monitor(url, find, timeout_s, followed, self._renewed)
        self.on_change = self._monitor.on_change

    @property
    def up(self) -> bool:
        """Whether Redis answered when last asked; of a cluster, any of its masters."""
        return self._monitor.up

    @property
    def problem(self) -> BaseException | None:
        """Why Redis did not serve when last asked; None if it did, or nobody knows."""
        return self._monitor.problem

    @property
    def longest_repeat_s(self) -> float:
        """How many seconds after a run its repeat may come, at most: `run_each`, where it is repeatable."""
        if self._confirmation is None:
            return WAITS_BEFORE_REPEAT * self._timeout_s
        # First for the reply, and then until it is durable.
        return WAITS_BEFORE_REPEAT * 2 * (self._timeout_s + self._confirmation.timeout_s)

    def masters(self) -> list[Endpoint]:
        """Return the servers that hold keys now; none as long as nobody knows them."""
        router = self._monitor.router
        return router.masters() if router is not None else []

    def on_doubt(self, listener: Callable[[], None]) -> None:
        """Have `listener` called whenever the user had no right to what was asked, or a change did not become durable.

        It must not fail.
        """
        self._doubt_listeners.append(listener)

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
        router = self._monitor.router
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
            self._doubt()
            return reply
        if isinstance(reply, UNAVAILABLE) or (isinstance(reply, Exception) and refuses(reply)):
            self._monitor.note_unavailable(reply)
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
        self._doubt()
        denied = RedisDeniedError()
        denied.__cause__ = why
        return denied

    def _doubt(self) -> None:
        for listener in self._doubt_listeners:
            listener()

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
        if self._monitor.router is None:
            raise RedisUnavailableError
        found: set[bytes] = set()
        cursor = b""
        while cursor != b"0":
            command = (b"SCAN", cursor or b"0", b"MATCH", pattern, b"COUNT", count)
            (reply,) = self._monitor.router.quick([(root, command)], math.inf)
            if isinstance(reply, UNAVAILABLE):
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
        self._monitor.close()

    def _renewed(self) -> None:
        self._has_functions = True

    def _sent(self, seconds: float) -> None:
        try:
            self._timings.sent(seconds)
        except Exception:  # noqa: BLE001 - whatever it is, the replies are there
            _log.exception("how long Redis took could not be noted")


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
        for _ in range(2):  # a restart of the server has broken this connection, too; the next one is new
            (reply,) = self.router.quick([(root, (b"TIME",))], math.inf)
            if not isinstance(reply, RedisConnectionError):
                break
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
