"""Many threads, one connection: those who wait have one of them ask for all.

Of the threads whose commands came while others were under way, one leads: it sends what all of them ask, hands out
the replies, and appoints the next. So a command costs its thread one wait. With a connection of its own a thread would
give the interpreter away, and wait to get it back, for the send and for each read: twice the changes from thread to
thread, deploy/adr/0004-speed.md.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Any

from redis import ConnectionError as RedisConnectionError
from redis import TimeoutError as RedisTimeoutError

if TYPE_CHECKING:
    from collections.abc import Callable

    from service.store.link import Link

_SHORTEST_WAIT_S = 0.001
_NONE: Any = object()


class _Call:
    """What a thread asks. Each thread has one of these, and waits for one reply at a time.

    Attributes:
        packed: the commands.
        replies: how many replies come; the last one counts.
        wait_s: how long to wait for the server.
        reply: the reply, or the exception to raise; `_NONE` as long as there is neither.
        wake: held but for the moment in which the reply is there, or it is this thread's turn to lead.
    """

    __slots__ = ("packed", "replies", "reply", "wait_s", "wake")

    packed: bytes
    replies: int
    wait_s: float
    reply: Any

    def __init__(self) -> None:
        self.wake = threading.Lock()
        self.wake.acquire()


class Lane:
    """One connection for all threads.

    Args:
        link: the connection.
        patience_s: how long to wait for the server.
        abreast: how many commands may be under way at once; more wait for their replies.
        found: told whether the server is up, whenever a call found out.
    """

    def __init__(self, link: Link, patience_s: float, abreast: int, found: Callable[[bool], None]) -> None:
        self._link = link
        self._patience_s = patience_s
        self._abreast = abreast
        self._found = found
        self._waiting: deque[_Call] = deque()
        self._lead = threading.Lock()
        self._local = threading.local()

    def call(self, packed: bytes, replies: int, timeout_s: float | None) -> Any:
        """Send commands and return the last reply, which may be an exception; `Endpoint.call` tells more."""
        try:
            call: _Call = self._local.call
        except AttributeError:
            call = self._local.call = _Call()
        call.packed = packed
        call.replies = replies
        call.wait_s = self._patience_s if timeout_s is None else self._step(timeout_s)
        call.reply = _NONE
        self._waiting.append(call)
        if not self._lead.acquire(blocking=False):
            call.wake.acquire()
        if call.reply is _NONE:
            self._lead_until_answered(call)
        return call.reply

    def close(self) -> None:
        """Close the connection."""
        self._link.close()

    def _lead_until_answered(self, own: _Call) -> None:
        answered: list[_Call] = []
        try:
            while own.reply is _NONE:
                answered += self._ask_for_all()
        finally:
            self._leave_lead()
            # The next leader first, and the others only now: whoever wakes wants the interpreter at once.
            for call in answered:
                if call is not own:
                    call.wake.release()

    def _ask_for_all(self) -> list[_Call]:
        """Ask for those who wait, in their order; give each its reply, or the exception to raise, and return them."""
        waiting = self._waiting
        calls = [waiting.popleft() for _ in range(min(len(waiting), self._abreast))]
        try:
            self._ask(calls)
        except Exception as error:  # noqa: BLE001 - each of them raises it
            # A reply that is still to come must never be taken for that to another command.
            self._link.close()
            for call in calls:
                if call.reply is _NONE:
                    call.reply = error
        return calls

    def _leave_lead(self) -> None:
        """Appoint the first of those who wait; only if there is nobody, the lead is free for whoever comes."""
        waiting = self._waiting
        while not waiting:
            self._lead.release()
            # Who came between the look and the release has found the lead taken, and sleeps.
            if not waiting or not self._lead.acquire(blocking=False):
                return
        waiting[0].wake.release()

    def _ask(self, calls: list[_Call]) -> None:
        """Send what these calls ask, and set their replies.

        Raises:
            redis.ConnectionError, redis.TimeoutError: some are left without a reply.
        """
        link = self._link
        wait_s = max([call.wait_s for call in calls])
        established = link.is_established()
        try:
            if not established:
                link.connect()
            link.send(b"".join([call.packed for call in calls]), wait_s)
            replies: list[Any] = []
            for call in calls:
                for _ in range(call.replies):
                    if not replies:
                        replies = link.receive()
                    reply = replies.pop()
                call.reply = reply
        except RedisTimeoutError:
            # A deadline shorter than our own patience says nothing about the server.
            self._found(wait_s < self._patience_s)
            raise
        except RedisConnectionError:
            # A connection that broke says little (the server may be back already); one that cannot be made says all.
            self._found(established)
            raise

    def _step(self, timeout_s: float) -> float:
        """Return the least of patience, its half, its quarter … that is not below `timeout_s`.

        Each new bound costs a call to the operating system, so it does not follow every caller's deadline exactly.
        """
        step = self._patience_s
        while step / 2 >= timeout_s and step > _SHORTEST_WAIT_S:
            step /= 2
        return step
