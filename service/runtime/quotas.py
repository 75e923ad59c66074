"""How much each workspace may ask for: a token bucket for each, as the generic cell rate algorithm keeps it.

Source: ITU-T recommendation I.371, annex A. A bucket is one number, the time at which it is full again; of a workspace
whose bucket is full nothing is kept.
"""

from __future__ import annotations

from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

# A bucket holds what so many seconds bring.
_BURST_SECONDS = 1.0
# From so many buckets on, those that are full are looked for whenever there are twice as many as were left.
_FEW = 1000


class Quotas:
    """A bucket for each workspace.

    Args:
        a_second: how many calls, or contacts of batches, a workspace may ask for a second.
        clock: tells the time in seconds.
    """

    def __init__(self, a_second: float, clock: Callable[[], float] = monotonic) -> None:
        self._seconds_each = 1 / a_second
        self._clock = clock
        self._full_at: dict[str, float] = {}
        self._look_at = _FEW
        self._lock = Lock()

    def __len__(self) -> int:
        """How many buckets are kept."""
        return len(self._full_at)

    def take(self, workspace: str) -> bool:
        """Take one call out of a workspace's bucket; false if nothing is left in it."""
        with self._lock:
            now = self._clock()
            full_at = max(now, self._full_at.get(workspace, now)) + self._seconds_each
            if full_at > now + max(_BURST_SECONDS, self._seconds_each):
                return False
            self._full_at[workspace] = full_at
            if len(self._full_at) > self._look_at:
                self._forget(now)
            return True

    def wait_s(self, workspace: str) -> float:
        """Return in how many seconds there is a call in a workspace's bucket, if it takes none until then."""
        with self._lock:
            now = self._clock()
            full_at = max(now, self._full_at.get(workspace, now)) + self._seconds_each
            return max(0.0, full_at - now - max(_BURST_SECONDS, self._seconds_each))

    def owe(self, workspace: str, contacts: int) -> None:
        """Have a workspace pay for contacts of a call that was begun, out of what its bucket gets from now on."""
        with self._lock:
            now = self._clock()
            self._full_at[workspace] = max(now, self._full_at.get(workspace, now)) + contacts * self._seconds_each

    def _forget(self, now: float) -> None:
        self._full_at = {workspace: full_at for workspace, full_at in self._full_at.items() if full_at > now}
        self._look_at = max(_FEW, 2 * len(self._full_at))
