"""What waits for a few threads, in a turn that is fair between workspaces: deficit round robin.

Source: Shreedhar and Varghese, "Efficient fair queueing using deficit round robin", SIGCOMM 1995.

Each workspace that waits has a line of its own. Threads serve the lines in turn, and whoever's turn it is has as many
bytes of requests served as it has saved up; so who sends much, or large requests, only makes its own line longer.
"""

from __future__ import annotations

from collections import deque
from queue import SimpleQueue
from threading import Lock
from typing import Generic, TypeVar

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
    """

    def __init__(self, threads: int, share: int, bound: int, turn: int) -> None:
        self._free = threads
        self._share = share
        self._bound = bound
        self._turn = turn
        self._lock = Lock()
        self._handed: SimpleQueue[tuple[bytes, Item] | None] = SimpleQueue()
        self._lines: dict[bytes, _Line[Item]] = {}  # in the order of their turns
        self._waiting = 0
        self._busy: dict[bytes, int] = {}  # threads by workspace

    def put(self, workspace: bytes, size: int, item: Item) -> Item | None:
        """Have an item served. Return what is not going to be, if too much waits.

        That is the latest of the workspace of which most is waiting.

        Args:
            workspace: whose it is.
            size: bytes of its request.
            item: what is to be served.
        """
        with self._lock:
            if self._free and self._busy.get(workspace, 0) < self._share:
                self._free -= 1
                self._busy[workspace] = self._busy.get(workspace, 0) + 1
                self._handed.put((workspace, item))
                return None
            return self._wait(workspace, _CALL_BYTES + size, item)

    def first(self) -> tuple[bytes, Item] | None:
        """Wait for an item and return it with its workspace; None: there is no more to do."""
        return self._handed.get()

    def following(self, workspace: bytes) -> tuple[bytes, Item] | None:
        """Return what is next, for a thread that has served this workspace; None: it is to wait for `first` again."""
        with self._lock:
            busy = self._busy[workspace] - 1
            if busy:
                self._busy[workspace] = busy
            else:
                del self._busy[workspace]
            found = self._next() if self._lines else None
            if found is None:
                self._free += 1
            else:
                self._busy[found[0]] = self._busy.get(found[0], 0) + 1
            return found

    def close(self, threads: int) -> None:
        """Tell so many threads that there is no more to do than waits by now."""
        for _ in range(threads):
            self._handed.put(None)

    def _wait(self, workspace: bytes, cost: int, item: Item) -> Item | None:
        dropped = None
        if self._waiting >= self._bound:
            loudest = max(self._lines, key=lambda each: len(self._lines[each].waiting), default=workspace)
            own = self._lines.get(workspace)
            line = self._lines.get(loudest)
            if line is None or len(line.waiting) <= (len(own.waiting) if own else 0) + 1:
                return item
            _, dropped = line.waiting.pop()
            self._waiting -= 1
        line = self._lines.get(workspace)
        if line is None:
            line = self._lines[workspace] = _Line(self._turn)
        line.waiting.append((cost, item))
        self._waiting += 1
        return dropped

    def _next(self) -> tuple[bytes, Item] | None:
        lines, busy, share = self._lines, self._busy, self._share
        if all(busy.get(each, 0) >= share for each in lines):
            return None
        while True:
            workspace = next(iter(lines))
            line = lines[workspace]
            if busy.get(workspace, 0) < share:
                cost, item = line.waiting[0]
                if cost <= line.saved:
                    line.waiting.popleft()
                    line.saved -= cost
                    self._waiting -= 1
                    if not line.waiting:
                        del lines[workspace]
                    return workspace, item
                line.saved += self._turn
            del lines[workspace]
            lines[workspace] = line
