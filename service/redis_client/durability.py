"""How durable a change is before it is acknowledged, and the connection that waits until it is.

WAIT and WAITAOF cover what their own connection has written last, on the server that they reach. So they follow the
change in the same pipeline: on another connection they may reach another server by now (a failover behind one
address), or a connection that has written nothing, and wait for nothing.
"""

from __future__ import annotations

import math
from enum import StrEnum
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import hiredis
from redis import RedisError, ResponseError

from service.redis_client.pipeline import Exchange, Pipeline

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from service.redis_client.pipeline import Availability, Command, KeyedCommand
    from service.redis_client.socket_link import SocketLink


class Durability(StrEnum):
    """What must have happened to a change before the caller is told of it. README.md says what each promises."""

    ACKNOWLEDGED = "acknowledged"  # the server has it
    REPLICATED = "replicated"  # and one replica
    FSYNCED = "fsynced"  # and its append-only file, on disk


class NotDurableError(ConnectionError):
    """A change was made, but in time it did not become as durable as it has to be before it is acknowledged.

    Attributes:
        reply: the reply to what made the change.
    """

    def __init__(self, reply: Any) -> None:
        super().__init__("the change is not durable yet")
        self.reply = reply


class UnsupportedDurabilityError(RedisError):
    """The server cannot promise what is asked of it."""


class Confirmation(NamedTuple):
    """How a server is asked whether changes are durable.

    Attributes:
        words: the command, without its last word: how long it may wait (ms).
        timeout_s: how much longer it may take than other commands.
        proof: a command that fails where this one cannot be had.
        needs: what that takes, for people.
    """

    words: Command
    timeout_s: float
    proof: Command
    needs: str

    def check(self, reply: Any) -> None:
        """Raise UnsupportedDurabilityError if a reply to `proof` says that the server cannot confirm anything."""
        if isinstance(reply, ResponseError):
            raise UnsupportedDurabilityError(f"{self.needs}: {reply}")


CONFIRMATIONS: Final = {
    Durability.REPLICATED: Confirmation(
        (b"WAIT", 1), 0.0, (b"WAIT", 0, 1), "--durability replicated needs a master, and the right to WAIT"
    ),
    # With `appendfsync everysec` the file is written to disk once a second, and a second later where disks are busy.
    Durability.FSYNCED: Confirmation(
        (b"WAITAOF", 1, 0),
        2.0,
        (b"WAITAOF", 1, 0, 1),
        "--durability fsynced needs Redis 7.2 or newer with `appendonly yes`, and the right to WAITAOF",
    ),
}
"""By what the durability asked for is confirmed; for ACKNOWLEDGED by nothing."""

# Of the time that there is, so much is spent on waiting; the rest is for the server, and to tell the caller.
_SHARE_OF_TIME: Final = 0.9
# The same of what a caller has left, of which the rest may be some milliseconds.
_SHARE_OF_REST: Final = 0.75
_WRITTEN_SUFFIX: Final = b":written"


class ConfirmedPipeline(Pipeline):
    """A connection whose replies come only when what was sent before them is durable.

    Those who are sent together wait together, once. A server does nothing else for a connection that waits, so what
    changes nothing has connections of its own; and who comes meanwhile waits twice. Where the first wait was in vain,
    they wait no longer than if they had come first: else each change would be told after twice the time at the soonest,
    or past its caller's deadline.

    Args:
        link, timeout_s, abreast, availability, sent: see `Pipeline`.
        confirmation: how the server is asked.
    """

    def __init__(
        self,
        link: SocketLink,
        timeout_s: float,
        abreast: int,
        availability: Availability,
        sent: Callable[[float], None],
        *,
        confirmation: Confirmation,
    ) -> None:
        super().__init__(link, timeout_s + confirmation.timeout_s, abreast, availability, sent)
        self._confirmation = confirmation
        self._confirmed = True  # what was sent last

    def send(
        self, commands: Sequence[KeyedCommand], timeout_s: float, *, asking: bool = False, until: float = math.inf
    ) -> list[Any]:
        """Send commands together, and return their replies, as `Pipeline.send` does.

        Returns:
            The replies; NotDurableError in the place of each that is no error, if the change is not durable in time.
        """
        # A run that finds what an earlier one decided writes nothing, and its connection may be a new one; the earlier
        # one need not be durable yet. What is written here comes later than all that the run has read.
        key = commands[-1][0] + _WRITTEN_SUFFIX
        commands = [*commands, (key, (b"SET", key, b"", b"PX", 1))]
        until = min(until, perf_counter() + min(timeout_s, self._timeout_s))
        *replies, written = super().send(commands, timeout_s, asking=asking, until=until)
        if not isinstance(written, Exception):
            return replies
        return [_not_durable(reply) for reply in replies]

    def _exchange(self, asked: list[Exchange]) -> list[list[Any] | Exception]:
        """Send what is asked, and ask whether it is durable; see `Pipeline`."""
        timeout_s = max([timeout_s for _, _, timeout_s, _ in asked])
        ends = [until for *_, until in asked]
        wait_s = self._timeout_s * _SHARE_OF_TIME
        if not self._confirmed or timeout_s < self._timeout_s:
            left_s = (max if self._confirmed else min)(ends) - perf_counter()
            wait_s = min(wait_s, left_s * _SHARE_OF_REST)
        wait_ms = max(1, int(wait_s * 1000))  # 0 would be for ever
        packed = hiredis.pack_command((*self._confirmation.words, wait_ms))  # type: ignore[arg-type]  # any number of words
        *results, confirmed = super()._exchange([*asked, (packed, 1, timeout_s, math.inf)])
        if isinstance(confirmed, Exception):
            # Not all replies came, so of none is known whether it is durable.
            return [confirmed] * len(asked)
        (reached,) = confirmed
        if isinstance(reached, Exception):
            self._availability.takes_writes = False  # it is not what it was: the next ping asks for proof
        self._confirmed = (
            not isinstance(reached, Exception) and (reached[0] if isinstance(reached, list) else reached) >= 1
        )
        if self._confirmed:
            return results
        return [result if isinstance(result, Exception) else list(map(_not_durable, result)) for result in results]


def _not_durable(reply: Any) -> Any:
    """Return what stands for a reply that must not be told."""
    return reply if isinstance(reply, Exception) else NotDurableError(reply)
