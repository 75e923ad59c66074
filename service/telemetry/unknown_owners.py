"""Owners who are nobody of the roster, named in the log: seldom, since callers name them with every event."""

from __future__ import annotations

import logging
from threading import Lock
from time import monotonic
from typing import Final

from service.telemetry import logs

_log = logging.getLogger(__name__)

_PAUSE_SECONDS: Final = 60.0
# Workspaces that are kept in mind, at most: beyond that, some go unsaid for as long as one pause takes.
_MOST: Final = 10_000


class UnknownOwners:
    """Names one such owner of a workspace a minute, at most. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._again: dict[str, float] = {}  # when each workspace is logged again at the earliest, by `monotonic`

    def note(self, workspace_id: str, owner_id: str) -> None:
        """Log that a contact of the workspace has this owner, unless another one was named just now."""
        if self._may_log(workspace_id, monotonic()):
            logs.event(
                _log,
                logging.WARNING,
                "a contact's owner is nobody of the roster",
                workspace=workspace_id,
                owner=owner_id,
            )

    def _may_log(self, workspace_id: str, now: float) -> bool:
        with self._lock:
            if now < self._again.get(workspace_id, now):
                return False
            if workspace_id not in self._again and len(self._again) >= _MOST:
                self._again = {each: again for each, again in self._again.items() if now < again}
                if len(self._again) >= _MOST:
                    return False
            self._again[workspace_id] = now + _PAUSE_SECONDS
            return True
