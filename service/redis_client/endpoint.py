"""One Redis server: the connections to it, and whether it serves.

redis-py's client would take a connection from a pool, look the command up and route its reply on every call; a
decision is one EVALSHA, so we keep redis-py's connections and leave out the rest. Nothing here retries: only the
caller knows what is safe to repeat.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from redis import ConnectionError as RedisConnectionError
from redis import ConnectionPool
from redis.backoff import NoBackoff
from redis.exceptions import AskError, MovedError, TryAgainError
from redis.retry import Retry

from service.redis_client.durability import ConfirmedPipeline
from service.redis_client.pipeline import Availability, Pipeline
from service.redis_client.socket_link import SocketLink

if TYPE_CHECKING:
    from collections.abc import Sequence

    from redis.connection import AbstractConnection

    from service.redis_client.durability import Confirmation
    from service.redis_client.pipeline import Command, KeyedCommand

# How many quick commands go to the server together at most: more than there are threads to send them.
_QUICK_ABREAST = 1024
# Of slow commands that wait together until they are durable: each alone would take as long as all of them.
_SLOW_DURABLE_ABREAST = 4


def probe(number: int) -> bytes:
    """Return a key that holds nothing, to find out by whether a server takes writes; one for each number."""
    return f"evenhand:{{{number}}}:probe".encode()


_PROBE = probe(0)
_PROVEN = 2  # commands that show whether a server answers and takes writes


Listener = Callable[[float], None]
"""Is told, whenever commands were answered that were sent together, how many seconds that took."""


def _ignore(_seconds: float) -> None:
    """Is told how long the server took, and does nothing."""


def connection_settings(url: str, timeout_s: float) -> dict[str, Any]:
    """Return the settings of connections to `url`, with every wait bounded and no retry."""
    pool = ConnectionPool.from_url(url)
    return pool.connection_kwargs | {
        "connection_class": pool.connection_class,
        "socket_timeout": timeout_s,
        "socket_connect_timeout": timeout_s,
        "retry": Retry(NoBackoff(), 0),
        "retry_on_error": [],
        "health_check_interval": 0,
        "protocol": 2,
        "decode_responses": False,
    }


class Endpoint:
    """One Redis server.

    Args:
        settings: see `connection_settings`.
        sent: told, whenever commands were answered that were sent together, how many seconds that took.
        probe: a key of its own to find out by whether it takes writes.
        confirmation: how it is asked whether changes are durable; None: nobody asks.

    Attributes:
        host: where it is; empty on a unix socket.
        name: its address, for people.
        probe: the key that is tried.
        quick: for commands that take the server microseconds: they go to it together.
        slow: for commands that take it milliseconds, such as each run of a batch: they go one after another, so a quick
            command waits for one such run of this process at most.
        durable_quick, durable_slow: the same for commands whose changes are to be durable before their replies come.
    """

    def __init__(
        self,
        settings: dict[str, Any],
        sent: Callable[[float], None] = _ignore,
        probe: bytes = _PROBE,
        confirmation: Confirmation | None = None,
    ) -> None:
        self.host: str = settings.get("host", "")
        self.name = str(settings.get("path") or f"{self.host}:{settings.get('port')}")
        self.probe = probe
        self._availability = Availability()
        self._write: KeyedCommand = (probe, (b"SET", probe, b"", b"PX", b"1"))
        settings = dict(settings)
        connection_class: type[AbstractConnection] = settings.pop("connection_class")

        def pipeline(abreast: int, make: Callable[..., Pipeline] = Pipeline) -> Pipeline:
            link = SocketLink(connection_class(**settings))
            return make(link, settings["socket_timeout"], abreast, self._availability, sent)

        self._confirmation = confirmation
        self.quick = self.durable_quick = pipeline(_QUICK_ABREAST)
        self.slow = self.durable_slow = pipeline(1)
        if confirmation is not None:
            confirmed = partial(ConfirmedPipeline, confirmation=confirmation)
            self.durable_quick = pipeline(_QUICK_ABREAST, confirmed)
            self.durable_slow = pipeline(_SLOW_DURABLE_ABREAST, confirmed)

    @property
    def up(self) -> bool:
        """Whether it served when last asked."""
        return self._availability.up

    def call(self, command: Command, timeout_s: float = math.inf, *, slow: bool = False) -> Any:
        """Send one command and return its reply; see `Pipeline.send`.

        Raises:
            redis.RedisError: the reply is an error, or none came.
        """
        (reply,) = (self.slow if slow else self.quick).send([(b"", command)], timeout_s)
        if isinstance(reply, Exception):
            raise reply
        return reply

    def ask(self, commands: Sequence[Command]) -> list[Any]:
        """Send commands whose refusal says nothing about whether the server serves; return their replies.

        Raises:
            redis.ConnectionError, redis.TimeoutError: not all replies came.
        """
        return self.slow.prove([(b"", command) for command in commands])

    def ping(self) -> None:
        """Find out whether the server serves, and remember.

        Nobody else asks it as long as nobody knows. A server that answers may be full, or have become a replica; so
        after it failed, and before it is first used, it has to take a write.

        Raises:
            redis.RedisError: it does not serve.
        """
        try:
            try:
                self._prove()
            except RedisConnectionError:
                # A connection that broke says little (the server may be back already); a new one says all.
                self._prove()
        except Exception:
            self._availability.lose()
            raise
        self._availability.takes_writes = self._availability.up = True

    def _prove(self) -> None:
        """Have the server answer, and take a write if nobody knows whether it does; raises as `ping` does."""
        commands: list[KeyedCommand] = [(b"", (b"PING",))]
        if not self._availability.takes_writes:
            commands.append(self._write)
            if self._confirmation is not None:
                commands.append((b"", self._confirmation.proof))
        replies = self.quick.prove(commands)
        for reply in replies[:_PROVEN]:
            # A key whose slot has moved says that there is a server, which is all that can be known.
            if isinstance(reply, Exception) and not isinstance(reply, (MovedError, AskError, TryAgainError)):
                raise reply
        if self._confirmation is not None:
            for reply in replies[_PROVEN:]:
                self._confirmation.check(reply)

    def close(self) -> None:
        """Close the connections."""
        for pipeline in {self.quick, self.slow, self.durable_quick, self.durable_slow}:
            pipeline.close()
