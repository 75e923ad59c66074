"""Owners who are nobody of the roster, named in the log: seldom, since callers name them with every event."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from threading import Lock
from time import monotonic
from typing import Final

from service.telemetry import logs

_log = logging.getLogger(__name__)

_PAUSE_SECONDS: Final = 60.0
# Workspaces that are kept in mind, at most: beyond that, some go unsaid, and uncounted, for as long as one pause takes.
_MOST: Final = 10_000


class UnknownOwners:
    """Names one such owner of a workspace a minute, at most. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._paused: dict[str, _Pause] = {}

    def note(self, workspace_id: str, owner_id: str) -> None:
        """Log that a contact of the workspace has this owner; one that comes too soon is counted for the next line."""
        left_out = self._take(workspace_id, monotonic())
        if left_out is not None:
            logs.event(
                _log,
                logging.WARNING,
                "a contact's owner is nobody of the roster",
                workspace=workspace_id,
                owner=owner_id,
                left_out=left_out or "",
            )

    def _take(self, workspace_id: str, now: float) -> int | None:
        """Return how many of the workspace were left out since the last one logged; None: leave this out, too."""
        with self._lock:
            pause = self._paused.get(workspace_id)
            if pause is not None and now < pause.ends:
                pause.left_out += 1
                return None
            if pause is None and len(self._paused) >= _MOST:
                self._paused = {each: kept for each, kept in self._paused.items() if now < kept.ends}
                if len(self._paused) >= _MOST:
                    return None
            self._paused[workspace_id] = _Pause(now + _PAUSE_SECONDS)
            return pause.left_out if pause is not None else 0


@dataclass(slots=True)
class _Pause:
    """When a workspace is logged again at the earliest, by `monotonic`, and how many are left out until then."""

    ends: float
    left_out: int = 0
