"""Responses on their way: callers who do not take theirs get no more than a bounded share of memory.

grpcio is done with a call when its response has left for the network. A caller who shuts the windows of HTTP/2, or does
not read the connection, keeps that from happening, and goes on calling: each response stays in memory, and so does all
that gRPC knows of the call. So both are counted from the answer to the end of the call. Where they are too much, the
connection that has held most for longest loses its latest calls.

Nearly all calls are over at once, so what is done for each of them takes no lock and runs no Python of ours on grpcio's
serving thread. The bytes are added up only after so many calls, and only of those that are not over by then.
"""

from __future__ import annotations

from collections import defaultdict
from functools import partial
from itertools import count
from threading import Lock
from time import monotonic
from typing import Any, TypeAlias

from service.rpc.grpc_internals import EXHAUSTED

# Bytes of all responses on their way, and how many of them are left when some had to go.
_BUDGET = 64 * 1024 * 1024
_LEFT = _BUDGET * 3 // 4
# What a call takes by itself, in bytes, until it is over.
_CALL = 32 * 1024
# After so many answered calls, or one with a response of so many bytes, all are added up. What comes between may take
# 3 MiB beside the budget.
_CALLS_A_LOOK = 64
_LARGE = 16 * 1024


_Answered: TypeAlias = tuple[float, int, Any]
"""A call whose response is on its way: since when, its size with all else in bytes, and gRPC's call."""


class Unread:
    """Counts responses on their way, and ends calls whose callers do not take them.

    Args:
        timeout_s: how long a response may take to be taken, in seconds.
    """

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._answered: dict[Any, _Answered] = {}  # by state, the oldest first
        self._noted = count(1)
        self._lock = Lock()
        self._ended = 0

    def note(self, state: Any, call: Any, size: int) -> None:
        """Count a call that was answered, until it is over; one that is counted already has more on its way.

        Args:
            state: grpcio's of the call, whose lock may be held.
            call: gRPC's call.
            size: of the response, in bytes.
        """
        answered, callbacks = self._answered, state.callbacks
        before = answered.get(state)
        if before is not None:
            answered[state] = (before[0], before[1] + size, call)
        else:
            answered[state] = (monotonic(), size + _CALL, call)
            if callbacks is not None:
                callbacks.append(partial(answered.pop, state, None))
        if state.callbacks is None:  # it is over by now, and nobody may have looked at what was appended
            answered.pop(state, None)
        elif size > _LARGE or not next(self._noted) % _CALLS_A_LOOK:
            self._look()

    def end_late(self) -> int:
        """End the calls whose response has been on its way for too long.

        Returns:
            How many calls were ended since this was last asked, for whichever reason.
        """
        before = monotonic() - self._timeout_s
        self._end([state for state, (since, *_) in self._answered.copy().items() if since <= before])
        with self._lock:
            ended, self._ended = self._ended, 0
        return ended

    def _look(self) -> None:
        """End calls if all those together that are not over have too much on its way."""
        answered = self._answered.copy()
        left = sum([size for _, size, _ in answered.values()])
        if left > _BUDGET:
            self._end(_chosen(answered, left))

    def _end(self, chosen: list[Any]) -> None:
        ended = [found for found in [self._answered.pop(state, None) for state in chosen] if found is not None]
        for _, _, call in ended:
            call.cancel(EXHAUSTED, "the responses are not taken")
        with self._lock:
            self._ended += len(ended)


def _chosen(answered: dict[Any, _Answered], left: int) -> list[Any]:
    """Choose the latest calls of the connection that has held most for longest.

    Args:
        answered: all calls that are not over, by state.
        left: how many bytes they have on their way.
    """
    now = monotonic()
    held: defaultdict[str, float] = defaultdict(float)
    peers = {state: call.peer() for state, (_, _, call) in answered.items()}
    for state, (since, size, _) in answered.items():
        held[peers[state]] += size * (now - since)
    worst = max(held, key=held.__getitem__)
    chosen = []
    for state, (_, size, _) in reversed(answered.items()):
        if left <= _LEFT:
            break
        if peers[state] == worst:
            chosen.append(state)
            left -= size
    return chosen
