"""Whether Redis serves: a thread asks its servers, follows its URL, and tells whoever wants to know."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import Future, ThreadPoolExecutor, wait
from time import monotonic
from typing import TYPE_CHECKING, Final, NamedTuple

from redis import ConnectionError as RedisConnectionError
from redis import RedisError
from redis import TimeoutError as RedisTimeoutError
from redis.exceptions import ClusterDownError, RedisClusterException

if TYPE_CHECKING:
    from collections.abc import Callable

    from service.redis_client.endpoint import Endpoint
    from service.redis_client.router import Router

_log = logging.getLogger(__name__)

# How often a server that answers, and one that does not, is asked whether it does.
_PING_SECONDS = 1.0
_PING_SECONDS_UNAVAILABLE = 0.1
# Of servers that do not answer, so many at most are waited for at once.
_PINGS = 16

UNAVAILABLE: Final = (RedisConnectionError, RedisTimeoutError, RedisClusterException, ClusterDownError, OSError)
"""What says that a server did not answer, or does not serve."""


class UrlFile(NamedTuple):
    """A file that has the URL of Redis.

    Attributes:
        text: returns what it has now; ValueError if that cannot be read.
        url_in: returns the URL in such a text; ValueError if there is none.
        refuses: is told each time whether that is of no use, so that the URL before stays. It must not fail.
    """

    text: Callable[[], str]
    url_in: Callable[[str], str]
    refuses: Callable[[bool], None]


class Monitor:
    """Finds the way to Redis, and finds out when it does not serve, and when it is back.

    Args:
        url: where Redis is.
        find: returns the way to where a URL says; fails with what a server that does not answer fails with.
        timeout_s: how long one command may take.
        url_file: has where Redis is now, with the password of now; read once a second. None: it stays where it is.
        renewed: is told whenever what serves from now on may be another server. It must not fail.

    Attributes:
        url: where Redis is now.
        router: the way; None as long as nobody has answered.
        problem: why Redis did not serve when last asked; None if it did, or nobody knows.
    """

    def __init__(
        self,
        url: str,
        find: Callable[[str], Router],
        timeout_s: float,
        url_file: UrlFile | None,
        renewed: Callable[[], None],
    ) -> None:
        self.url = url
        self._find = find
        self._timeout_s = timeout_s
        self._url_file = url_file
        self._useless = ""  # what the log has called of no use, as long as the file has nothing better
        self._renewed = renewed
        self.router: Router | None = None
        self.problem: BaseException | None = None
        self._replaced: tuple[Router, float] | None = None  # the last router, and since when it is
        self._served: float | None = None  # nobody knows yet
        self._servers: frozenset[str] = frozenset()  # those that were asked, by their names
        self._listeners: list[Callable[[float], None]] = []
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._closed = False
        self._pings = ThreadPoolExecutor(_PINGS, thread_name_prefix="redis-ping")
        self._pinged: dict[Endpoint, Future[BaseException | None]] = {}
        self._ping()
        self._thread = threading.Thread(target=self._watch, name="redis-monitor", daemon=True)
        self._thread.start()

    @property
    def up(self) -> bool:
        """Whether Redis answered when last asked; of a cluster, any of its masters."""
        return bool(self._served)

    def on_change(self, listener: Callable[[float], None]) -> None:
        """Have `listener` called with the share of keys that are served, from 0 to 1.

        Now, whenever it changes, and when other servers serve them, which may be so without a moment in between.
        """
        with self._lock:
            self._listeners.append(listener)
            listener(self._served or 0.0)

    def note_unavailable(self, why: BaseException) -> None:
        """Note that Redis did not answer, or does not serve, and have that looked into."""
        self._wake.set()
        # Where none serves, what one replied when it was asked says more than that a call was not sent.
        known = None if self._served else self.problem
        self._set_served(self.router.served() if self.router is not None else 0.0, known or why)

    def close(self) -> None:
        """End the thread, and close all connections."""
        self._closed = True
        self._wake.set()
        self._thread.join(timeout=self._timeout_s + _PING_SECONDS)
        for router in (self.router, self._replaced and self._replaced[0]):
            if router is not None:
                router.close()

    def _watch(self) -> None:
        while not self._closed:
            self._wake.wait(_PING_SECONDS if self._served == 1 else _PING_SECONDS_UNAVAILABLE)
            self._wake.clear()
            if not self._closed:
                try:
                    self._ping()
                except Exception:  # noqa: BLE001 - whatever it is, the servers have to be asked again
                    _log.exception("redis could not be asked whether it serves")
        self._pings.shutdown(wait=False, cancel_futures=True)

    def _ping(self) -> None:
        """Ask all servers whether they serve, and note it."""
        self._follow_url()
        try:
            if self.router is None:
                self.router = self._find(self.url)
            else:
                self.router.refresh()
        except (*UNAVAILABLE, RedisError) as error:
            self._set_served(self.router.served() if self.router is not None else 0.0, error)
            return
        for endpoint in self.router.masters():
            if endpoint not in self._pinged:
                self._pinged[endpoint] = self._pings.submit(_problem_of, endpoint)
        # One that hangs must not keep us from hearing who has taken its place.
        _, hanging = wait(self._pinged.values(), None if self._served is None else _PING_SECONDS_UNAVAILABLE)
        problems = [ping.result() for ping in self._pinged.values() if ping not in hanging]
        self._pinged = {endpoint: ping for endpoint, ping in self._pinged.items() if ping in hanging}
        self._set_served(self.router.served(), next((problem for problem in problems if problem), None))

    def _follow_url(self) -> None:
        """Go where the URL says now, once that answers; calls under way end where they were sent."""
        if self._replaced is not None and monotonic() - self._replaced[1] > 2 * self._timeout_s:
            self._replaced[0].close()
            self._replaced = None
        if self._url_file is None or self._replaced is not None:
            return
        text = ""
        try:
            text = self._url_file.text()
            url = self._url_file.url_in(text)
            router = self._find(url) if url != self.url else self.router
        except (*UNAVAILABLE, RedisError, ValueError) as error:
            useless = text or str(error)
            if useless != self._useless:
                _log.warning("the new URL of Redis is of no use: %s", _in_words(error))
            self._useless = useless
            self._url_file.refuses(True)
            return
        self._useless = ""
        self._url_file.refuses(False)
        if url == self.url:
            return
        if self.router is not None:
            self._replaced = self.router, monotonic()
        self.url, self.router = url, router
        self._renewed()
        _log.info("redis has a new URL")

    def _set_served(self, share: float, why: BaseException | None = None) -> None:
        with self._lock:
            self.problem = why
            before, servers = self._served, self._names()
            if share == before and servers == self._servers:
                return
            self._served, self._servers = share, servers
            if share != before:
                if not share or not before:
                    self._renewed()  # what comes back may be another server
                self._say(share, why)
            for listener in self._listeners:
                try:
                    listener(share)
                except Exception:  # noqa: BLE001 - whatever it is, the replies are there
                    _log.exception("whether Redis is up could not be told")

    def _names(self) -> frozenset[str]:
        return frozenset(each.name for each in self.router.masters()) if self.router is not None else frozenset()

    @staticmethod
    def _say(share: float, why: BaseException | None) -> None:
        _log.log(
            logging.INFO if share == 1 else logging.WARNING,
            "redis is %s%s",
            "up" if share == 1 else f"unavailable to {1 - share:.0%} of slots" if share else "unavailable",
            f": {_in_words(why)}" if why else "",
        )


def _in_words(why: BaseException) -> str:
    """Say what an error says; of one that says nothing, its name."""
    return str(why) or type(why).__name__


def _problem_of(endpoint: Endpoint) -> BaseException | None:
    """Ask a server whether it serves; return why it does not, None if it does."""
    try:
        endpoint.ping()
    except (*UNAVAILABLE, RedisError) as error:
        return error
    return None
