"""What waits for a few threads, in a turn that is fair between workspaces: deficit round robin.

Source: Shreedhar and Varghese, "Efficient fair queueing using deficit round robin", SIGCOMM 1995.

Each workspace that waits has a line of its own. Threads serve the lines in turn, and whoever's turn it is has as many
bytes of requests served as it has saved up; so who sends much, or large requests, only makes its own line longer.
"""

from __future__ import annotations

from collections import deque
from queue import SimpleQueue
from threading import Lock
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Item = TypeVar("Item")

# What a request costs beside its own bytes: about as much as reading so many.
_CALL_BYTES = 512


class _Line(Generic[Item]):
    """What waits of one workspace.

    Attributes:
        waiting: the oldest first, each with what it costs.
        saved: what may be served at once.
    """

    __slots__ = ("saved", "waiting")

    def __init__(self, saved: int) -> None:
        self.waiting: deque[tuple[int, Item]] = deque()
        self.saved = saved


class FairQueue(Generic[Item]):
    """What waits for a few threads. None of its methods but `first` ever waits.

    Args:
        threads: how many threads take from it.
        share: how many of them may be busy for one workspace at once.
        bound: how many items may wait.
        turn: how many bytes a workspace is served at a turn, before the next one is.

    Attributes:
        first: waits for an item and returns it with its workspace; None: there is no more to do.
    """

    def __init__(self, threads: int, share: int, bound: int, turn: int) -> None:
        self._free = threads
        self._held: int | None = None  # threads that would be free; None: nothing is held
        self._share = share
        self._bound = bound
        self._turn = turn
        self._lock = Lock()
        self._handed: SimpleQueue[tuple[str, Item] | None] = SimpleQueue()
        self.first: Callable[[], tuple[str, Item] | None] = self._handed.get
        self._lines: dict[str, _Line[Item]] = {}  # in the order of their turns
        self._waiting = 0
        self._busy: dict[str, int] | None = {} if share < threads else None  # threads by workspace

    def put(self, workspace: str, size: int, item: Item) -> Item | None:
        """Have an item served. Return what is not going to be, if too much waits.

        That is the latest of the workspace of which most is waiting.

        Args:
            workspace: whose it is.
            size: bytes of its request.
            item: what is to be served.
        """
        with self._lock:
            if not self._free or (self._busy is not None and not self._enter(workspace)):
                return self._wait(workspace, _CALL_BYTES + size, item)
            self._free -= 1
        self._handed.put((workspace, item))
        return None

    def following(self, workspace: str) -> tuple[str, Item] | None:
        """Return what is next, for a thread that has served this workspace; None: it is to wait for `first` again."""
        with self._lock:
            if self._busy is not None:
                self._leave(self._busy, workspace)
            found = self._next() if self._lines and self._held is None else None
            if found is None:
                if self._held is None:
                    self._free += 1
                else:
                    self._held += 1
            return found

    @property
    def waiting(self) -> int:
        """How many items wait."""
        return self._waiting

    def hold(self) -> None:
        """Have all that comes, or waits, wait until `release`."""
        with self._lock:
            if self._held is None:
                self._held, self._free = self._free, 0

    def release(self) -> None:
        """Have what was held served."""
        with self._lock:
            if self._held is None:
                return
            self._free, self._held = self._held, None
            while self._free and self._lines and (found := self._next()) is not None:
                self._free -= 1
                self._handed.put(found)

    def drop_all(self) -> list[Item]:
        """Return all that waits, which is not going to be served."""
        with self._lock:
            dropped = [item for line in self._lines.values() for _, item in line.waiting]
            self._lines.clear()
            self._waiting = 0
            return dropped

    def close(self, threads: int) -> None:
        """Tell so many threads that there is no more to do than waits by now."""
        for _ in range(threads):
            self._handed.put(None)

    def _enter(self, workspace: str) -> bool:
        """Count one more thread busy for a workspace; false if as many are as may be."""
        if self._busy is None:
            return True
        threads = self._busy.get(workspace, 0)
        if threads >= self._share:
            return False
        self._busy[workspace] = threads + 1
        return True

    def _leave(self, busy: dict[str, int], workspace: str) -> None:
        if busy[workspace] == 1:
            del busy[workspace]
        else:
            busy[workspace] -= 1

    def _wait(self, workspace: str, cost: int, item: Item) -> Item | None:
        dropped = None
        line = self._lines.get(workspace)
        if self._waiting >= self._bound:
            loudest = max(self._lines.values(), key=lambda each: len(each.waiting), default=line)
            if loudest is None or len(loudest.waiting) <= (len(line.waiting) if line else 0) + 1:
                return item
            _, dropped = loudest.waiting.pop()
            self._waiting -= 1
        if line is None:
            line = self._lines[workspace] = _Line(self._turn)
        line.waiting.append((cost, item))
        self._waiting += 1
        return dropped

    def _next(self) -> tuple[str, Item] | None:
        lines = self._lines
        if len(lines) == 1 and self._busy is None:
            ((workspace, line),) = lines.items()
            _, item = line.waiting.popleft()
            self._waiting -= 1
            if not line.waiting:
                del lines[workspace]
            return workspace, item
        passed = 0  # lines in a row of which no more may be served for now
        while passed < len(lines):
            workspace, line = next(iter(lines.items()))
            cost, item = line.waiting[0]
            affordable = cost <= line.saved or len(lines) == 1
            if affordable and self._enter(workspace):
                line.saved = max(0, line.saved - cost)
                line.waiting.popleft()
                self._waiting -= 1
                if not line.waiting:
                    del lines[workspace]
                return workspace, item
            passed = passed + 1 if affordable else 0
            if not affordable:
                line.saved += self._turn
            del lines[workspace]
            lines[workspace] = line
        return None
