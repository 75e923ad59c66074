"""Responses on their way: callers who do not take theirs get no more than a bounded share of memory.

grpcio is done with a call when its response has left for the network. A caller who shuts the windows of HTTP/2, or does
not read the connection, keeps that from happening, and goes on calling: each response stays in memory, and so does all
that gRPC knows of the call. So both are counted from the answer to the end of the call. Where they are too much, the
connection that has held most for longest loses its latest calls.

Nearly all calls are over at once. So a call is only noted when it is answered, without a lock; those that are not over
by the time of a look count.
"""

from __future__ import annotations

from collections import defaultdict, deque
from threading import Lock
from time import monotonic
from typing import Any, NamedTuple

from service.rpc.grpc_internals import EXHAUSTED

# Bytes of all responses on their way, and how many of them are left when some had to go.
_BUDGET = 64 * 1024 * 1024
_LEFT = _BUDGET * 3 // 4
# What a call takes by itself, in bytes, until it is over.
_CALL = 32 * 1024
# After so many answered calls, or one with a response of so many bytes, the next look is due. What was noted since the
# last one may take 3 MiB beside the budget, and it takes a quarter of a microsecond a call to look.
_CALLS_A_LOOK = 64
_LARGE = 16 * 1024


class _Answered(NamedTuple):
    """A call whose response is on its way: since when, its size with all else in bytes, and gRPC's call."""

    since: float
    size: int
    call: Any


class Unread:
    """Counts responses on their way, and ends calls whose callers do not take them.

    Args:
        timeout_s: how long a response may take to be taken, in seconds.
    """

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._noted: deque[tuple[Any, Any, int, float]] = deque()  # state, call, size, since: after the last look
        self._lock = Lock()
        self._answered: dict[Any, _Answered] = {}  # by state, the oldest first
        self._bytes = 0
        self._ended = 0

    def note(self, state: Any, call: Any, size: int) -> None:
        """Count a call that was answered, until it is over; one that is counted already has more on its way.

        Args:
            state: grpcio's of the call, whose lock may be held.
            call: gRPC's call.
            size: of the response, in bytes.
        """
        self._noted.append((state, call, size, monotonic()))
        if size > _LARGE or len(self._noted) >= _CALLS_A_LOOK:
            with self._lock:
                self._look()
                chosen = self._choose() if self._bytes > _BUDGET else []
            if chosen:
                self._end(chosen)

    def end_late(self) -> int:
        """End the calls whose response has been on its way for too long.

        Returns:
            How many calls were ended since this was last asked, for whichever reason.
        """
        before = monotonic() - self._timeout_s
        chosen = []
        with self._lock:
            self._look()
            for state, answered in self._answered.items():
                if answered.since > before:
                    break
                chosen.append(state)
        self._end(chosen)
        with self._lock:
            ended, self._ended = self._ended, 0
        return ended

    def _look(self) -> None:
        """Count the calls that were noted, and none that is over: such a one has no callbacks. The lock is held."""
        noted, answered = self._noted, self._answered
        for state in [state for state in answered if state.callbacks is None]:
            self._over(state)
        for _ in range(len(noted)):
            state, call, size, since = noted.popleft()
            if state.callbacks is None:
                continue
            before = answered.get(state)
            if before is None:
                size += _CALL
                answered[state] = _Answered(since, size, call)
            else:
                answered[state] = before._replace(size=before.size + size)
            self._bytes += size

    def _choose(self) -> list[Any]:
        """Choose the latest calls of the connection that has held most for longest; the lock is held."""
        now = monotonic()
        held: defaultdict[str, float] = defaultdict(float)
        peers = {state: answered.call.peer() for state, answered in self._answered.items()}
        for state, answered in self._answered.items():
            held[peers[state]] += answered.size * (now - answered.since)
        worst = max(held, key=held.__getitem__)
        chosen, left = [], self._bytes
        for state, answered in reversed(self._answered.items()):
            if left <= _LEFT:
                break
            if peers[state] == worst:
                chosen.append(state)
                left -= answered.size
        return chosen

    def _end(self, chosen: list[Any]) -> None:
        with self._lock:
            ended = [answered for answered in map(self._over, chosen) if answered is not None]
            self._ended += len(ended)
        for answered in ended:
            answered.call.cancel(EXHAUSTED, "the responses are not taken")

    def _over(self, state: Any) -> _Answered | None:
        """Count a call no more; return what was known of it, if it was counted. The lock is held."""
        answered = self._answered.pop(state, None)
        if answered is not None:
            self._bytes -= answered.size
        return answered
