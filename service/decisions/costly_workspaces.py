"""Workspaces whose rules take so long to match that their contacts are decided alone, so that they hold up no others.

Watching each contact costs time, so it begins when a group of contacts took long, to find out whose it was.
"""

from __future__ import annotations

from collections import Counter
from time import monotonic, thread_time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from evenhand.v1.assignment_service_pb2 import EvaluateContactRequest

    from service.decisions.rulebook import Rules
    from service.store.values import Case

# A contact whose matching takes longer holds up all that are decided with it.
_COSTLY_SECONDS = 0.005
# For so long after a group that took so long each contact is watched.
SUSPECT_SECONDS: Final = 0.05
_WATCHED_SECONDS = 10.0
# So many of its contacts that took so long meanwhile tell that it is the workspace's rules: a single one may have had
# to compile conditions, or Python looked for garbage during it.
_COSTLY_CONTACTS = 3
# How long a workspace is known for that; then, or beyond so many, it is found out anew.
_KNOWN_SECONDS = 60.0
_MOST_COSTLY = 1000


class CostlyWorkspaces:
    """Finds out whose contacts take long. Counts may be off by one where threads meet, which delays a finding.

    Args:
        case: returns what the store is to be asked about a contact, which is what may take long.

    Attributes:
        names: the workspaces that are known for it, as of now.
        watched_until: until when each contact is to be watched, which `case` does (as `perf_counter` tells).
    """

    def __init__(self, case: Callable[[Rules, EvaluateContactRequest], Case]) -> None:
        self.names: set[str] = set()
        self._case = case
        self.watched_until = 0.0
        self._took_long: Counter[str] = Counter()  # contacts by workspace, while each is watched
        self._known_until: dict[str, float] = {}

    def note(self, workspace_id: str) -> None:
        """Know a workspace for it from now on."""
        if len(self.names) >= _MOST_COSTLY:
            self.names.clear()
            self._known_until.clear()
        self._known_until[workspace_id] = monotonic() + _KNOWN_SECONDS
        self.names.add(workspace_id)

    def forget_in_time(self, workspace_id: str) -> None:
        """Forget a workspace that has been known for it long enough."""
        if self._known_until.get(workspace_id, 0.0) < monotonic():
            self._known_until.pop(workspace_id, None)
            self.names.discard(workspace_id)

    def suspect(self, now: float) -> None:
        """Have contacts watched for a while from now on (as `perf_counter` tells), since a group of them took long."""
        if now >= self.watched_until:
            self._took_long.clear()
        self.watched_until = now + _WATCHED_SECONDS

    def case(self, rules: Rules, request: EvaluateContactRequest) -> Case:
        """Return the case of a contact, and note if that took long: of the processor, since others hold the GIL too."""
        begun = thread_time()
        try:
            return self._case(rules, request)
        finally:
            if thread_time() - begun > _COSTLY_SECONDS:
                self._took_long[rules.workspace_id] += 1
                if self._took_long[rules.workspace_id] >= _COSTLY_CONTACTS:
                    self.note(rules.workspace_id)
