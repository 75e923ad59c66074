"""Many threads, one connection: of the threads that ask, one sends what all of them ask, and hands out the replies.

So a command costs its thread one wait. With a connection of its own a thread would release the GIL, and acquire it
again, for the send and for each read: twice the context switches, deploy/adr/0004-speed.md.
"""

from __future__ import annotations

import math
import re
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeAlias

import hiredis
from redis import ConnectionError as RedisConnectionError
from redis import ResponseError
from redis import TimeoutError as RedisTimeoutError
from redis.exceptions import ClusterDownError, NoPermissionError, OutOfMemoryError, ReadOnlyError

from service.combining import Combiner
from service.redis_client.socket_link import TRUSTED_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from service.redis_client.socket_link import SocketLink

Command = tuple[bytes | str | int, ...]
"""A command's words, as hiredis packs them."""

KeyedCommand = tuple[bytes, Command]
"""The key that a command is about, and the command."""

Send: TypeAlias = "Callable[[Sequence[KeyedCommand], float], list[Any]]"
"""Sends commands, each with its key, those for one server together; returns their replies, as `Pipeline.send` does."""

Exchange = tuple[bytes, int, float, float]
"""Packed commands; how many of them; how long to wait for the server, in seconds; until when, by `perf_counter`, as far
as what is to become of it needs to know."""

_SHORTEST_TIMEOUT_S = 0.001
_ASKING = hiredis.pack_command((b"ASKING",))
_REFUSING = (ReadOnlyError, OutOfMemoryError, ClusterDownError)
# Replies of a server that cannot serve now, for which redis-py has no class of their own.
# Redis 6.2 gives that of a command within a script as part of a longer text.
_REFUSING_REPLY = re.compile(
    r"(^|-)(BUSY|MISCONF|NOREPLICAS|MASTERDOWN|LOADING|NOAUTH|OOM|READONLY|CLUSTERDOWN|EXECABORT|TRYAGAIN)\b"
)

# Says a server of a cluster of one slot that no server has.
_NOT_HERE = "Hash slot not served"
# What a script's own commands are refused with, which redis-py takes for any error: since Redis 8, and before.
_DENIED_REPLY = re.compile(r"ACL failure in script|user executing the script can't")
_UNKNOWN_REPLY = re.compile(r"^unknown (sub)?command", re.IGNORECASE)
_NO_FUNCTIONS_REPLY = re.compile(r"^unknown command|no permissions to run the '(fcall|function\|load)' command")


def has_no_functions(reply: Any) -> bool:
    """Whether a reply says that this server (before Redis 7), or this user, has no functions."""
    return isinstance(reply, ResponseError) and bool(_NO_FUNCTIONS_REPLY.search(str(reply)))


def denies(reply: Any) -> bool:
    """Whether a reply says that the user has no right to this, or to what a script would do."""
    return isinstance(reply, NoPermissionError) or (
        isinstance(reply, ResponseError) and bool(_DENIED_REPLY.search(str(reply)))
    )


def withholds(reply: Any) -> bool:
    """Whether a reply says that there is no such command, for this user or at all."""
    return denies(reply) or (isinstance(reply, ResponseError) and bool(_UNKNOWN_REPLY.search(str(reply))))


def refuses(reply: Exception) -> bool:
    """Whether a server that replies this cannot serve now, whatever it is asked."""
    if has_no_functions(reply) or _NOT_HERE in str(reply):
        return False
    return isinstance(reply, _REFUSING) or bool(_REFUSING_REPLY.search(str(reply)))


class Availability:
    """What is known of a server.

    Attributes:
        up: whether it served when last asked.
        takes_writes: whether it is known to take writes.
    """

    __slots__ = ("takes_writes", "up")

    def __init__(self) -> None:
        self.up = True
        self.takes_writes = False

    def lose(self) -> None:
        """Note that the server does not serve."""
        self.up = self.takes_writes = False


class Pipeline(Combiner[Exchange, list[Any]]):
    """One connection for all threads.

    Args:
        link: the connection.
        timeout_s: how long to wait for the server at most.
        abreast: how many exchanges may be under way at once; more wait for their replies.
        availability: of the server; changed when an exchange finds that it does not serve.
        sent: told how many seconds the server took for what was sent together.
    """

    def __init__(
        self,
        link: SocketLink,
        timeout_s: float,
        abreast: int,
        availability: Availability,
        sent: Callable[[float], None],
    ) -> None:
        super().__init__(self._exchange, abreast)
        self._link = link
        self._timeout_s = timeout_s
        self._availability = availability
        self._sent = sent

    def send(
        self, commands: Sequence[KeyedCommand], timeout_s: float, *, asking: bool = False, until: float = math.inf
    ) -> list[Any]:
        """Send commands together, and return their replies; fail at once, without trying, while the server is not up.

        Args:
            commands: each with its key, which is not looked at.
            timeout_s: how long to wait for the server, if that is shorter than the settings say.
            asking: whether they go to a server that is taking over the key's slot (ASKING); for one command.
            until: as an Exchange has it.

        Returns:
            The replies; redis.ResponseError in the place of each that is an error. Where not all replies came,
            redis.ConnectionError or redis.TimeoutError in the place of each: every command may or may not have run.
        """
        if not self._availability.up:
            return [RedisConnectionError("the server is unavailable")] * len(commands)
        # The stub of pack_command means words of any number.
        packed = b"".join([hiredis.pack_command(command) for _, command in commands])  # type: ignore[arg-type]
        if asking:
            packed = _ASKING + packed
        timeout_s = self._timeout_s if timeout_s >= self._timeout_s else self._step(timeout_s)
        try:
            replies = self.ask((packed, len(commands) + asking, timeout_s, until))
        except (RedisConnectionError, RedisTimeoutError, OSError) as error:
            return [error] * len(commands)
        for reply in replies:
            if isinstance(reply, Exception) and refuses(reply):
                self._availability.lose()
        return replies[1:] if asking else replies

    def prove(self, commands: Sequence[KeyedCommand]) -> list[Any]:
        """Send commands also while the server is not up, and return their replies, of which some may be exceptions.

        Raises:
            redis.ConnectionError, redis.TimeoutError: not all replies came.
        """
        packed = b"".join([hiredis.pack_command(command) for _, command in commands])  # type: ignore[arg-type]
        return self.ask((packed, len(commands), self._timeout_s, math.inf))

    def close(self) -> None:
        """Close the connection."""
        self._link.close()

    def _step(self, timeout_s: float) -> float:
        """Return the least of the longest timeout, its half, its quarter … that is not below `timeout_s`.

        Each new timeout costs a call to the operating system, so it does not follow every caller's deadline exactly.
        """
        step = self._timeout_s
        while step / 2 >= timeout_s and step > _SHORTEST_TIMEOUT_S:
            step /= 2
        return step

    def _exchange(self, asked: list[Exchange]) -> list[list[Any] | Exception]:
        """Send what is asked and return the replies; an exception for each exchange of which not all came."""
        link = self._link
        results: list[list[Any] | Exception] = []
        timeout_s = max([timeout_s for _, _, timeout_s, _ in asked])
        begun = perf_counter()
        established = link.established and (begun < link.trusted_until or link.is_alive())
        try:
            if not established:
                link.connect()
                begun = perf_counter()
            if timeout_s != link.timeout_s:
                link.bound_waits(timeout_s)
            link.send(b"".join([packed for packed, *_ in asked]))
            reader, receive = link.reader, link.receive
            for _, commands, _, _ in asked:
                replies = []
                for _ in range(commands):
                    while (reply := reader.gets()) is False:
                        if not (received := receive()):
                            raise ConnectionResetError("the server closed the connection")  # noqa: TRY301 - one of many
                        reader.feed(received)
                    replies.append(reply)
                results.append(replies)
            ended = perf_counter()
            link.trusted_until = ended + TRUSTED_SECONDS
            self._sent(ended - begun)
        except (RedisConnectionError, RedisTimeoutError, OSError, hiredis.ProtocolError) as error:
            problem = link.broken(error)
            # A deadline shorter than our own timeout says nothing about the server; nor, much, does a connection that
            # broke (the server may be back already). One that cannot be made says all.
            timed_out = isinstance(problem, RedisTimeoutError)
            if timeout_s >= self._timeout_s if timed_out else not established:
                self._availability.lose()
            results += [problem] * (len(asked) - len(results))
        except BaseException:
            # A reply that is still to come must never be taken for that to another command.
            link.close()
            raise
        return results
