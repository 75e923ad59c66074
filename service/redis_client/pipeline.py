"""Many threads, one connection: those who wait have one of them send what all of them ask.

So a command costs its thread one wait. With a connection of its own a thread would give the interpreter away, and wait
to get it back, for the send and for each read: twice the changes from thread to thread, deploy/adr/0004-speed.md.
"""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any

from redis import ConnectionError as RedisConnectionError
from redis import TimeoutError as RedisTimeoutError

from service.combining import Combiner

if TYPE_CHECKING:
    from collections.abc import Callable

    from service.redis_client.socket_link import Link

_SHORTEST_WAIT_S = 0.001

_Call = tuple[bytes, int, float]
"""Packed commands; how many of them; how long to wait for the server."""


class Lane:
    """One connection for all threads.

    Args:
        link: the connection.
        patience_s: how long to wait for the server.
        abreast: how many calls may be under way at once; more wait for their replies.
        failed: told whenever a call found out that the server is away.
        sent: told how many seconds the server took for what was sent together.
    """

    def __init__(
        self,
        link: Link,
        patience_s: float,
        abreast: int,
        failed: Callable[[], None],
        sent: Callable[[float], None],
    ) -> None:
        self._link = link
        self._patience_s = patience_s
        self._failed = failed
        self._sent = sent
        self._combiner: Combiner[_Call, list[Any]] = Combiner(self._ask, abreast)

    def call(self, packed: bytes, commands: int, timeout_s: float | None) -> list[Any]:
        """Send commands and return the replies, of which some may be exceptions; raises as `Endpoint.call` does."""
        wait_s = self._patience_s if timeout_s is None else self._step(timeout_s)
        return self._combiner.ask((packed, commands, wait_s))

    def close(self) -> None:
        """Close the connection."""
        self._link.close()

    def _ask(self, calls: list[_Call]) -> list[list[Any] | Exception]:
        """Send what these calls ask, and return their replies; those of whom not all came get an exception."""
        link = self._link
        answers: list[list[Any] | Exception] = []
        wait_s = max([wait_s for _, _, wait_s in calls])
        established = link.is_established()
        try:
            if not established:
                link.connect()
            begun = perf_counter()
            link.send(b"".join([packed for packed, _, _ in calls]), wait_s)
            came: list[Any] = []
            for _, commands, _ in calls:
                replies = []
                for _ in range(commands):
                    if not came:
                        came = link.receive()
                    replies.append(came.pop())
                answers.append(replies)
            self._sent(perf_counter() - begun)
        except RedisTimeoutError as error:
            # A deadline shorter than our own patience says nothing about the server.
            if wait_s >= self._patience_s:
                self._failed()
            answers += [error] * (len(calls) - len(answers))
        except RedisConnectionError as error:
            # A connection that broke says little (the server may be back already); one that cannot be made says all.
            if not established:
                self._failed()
            answers += [error] * (len(calls) - len(answers))
        except BaseException:
            # A reply that is still to come must never be taken for that to another command.
            link.close()
            raise
        return answers

    def _step(self, timeout_s: float) -> float:
        """Return the least of patience, its half, its quarter … that is not below `timeout_s`.

        Each new bound costs a call to the operating system, so it does not follow every caller's deadline exactly.
        """
        step = self._patience_s
        while step / 2 >= timeout_s and step > _SHORTEST_WAIT_S:
            step /= 2
        return step
