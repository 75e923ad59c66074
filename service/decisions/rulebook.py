"""The rules of the workspaces, compiled, for as many workspaces as were asked about lately."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from evenhand.v1.rules_pb2 import RuleSet

from service.rules import CompiledRules, Selection, dump, is_readable, load, prepare
from service.store import keys
from service.store.values import Choice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from service.combining import Combiner
    from service.store.store import Store
    from service.telemetry.metrics import CacheMetrics


Entry = TypeVar("Entry", "Rules", "_Unread")


class Rules:
    """One workspace's rules at one revision.

    Attributes:
        root: what the workspace's keys begin with.
        revision: of the rules.
        compiled: the matcher.
        together: decides about single contacts for many threads at once; set by who decides.
    """

    __slots__ = ("_choices", "compiled", "revision", "root", "together")

    def __init__(self, root: bytes, revision: int, compiled: CompiledRules) -> None:
        self.root = root
        self.revision = revision
        self.compiled = compiled
        self.together: Combiner[Any, Any] | None = None
        self._choices: dict[Selection, Choice] = {}

    def choice_of(self, selection: Selection) -> Choice:
        """Return what a selection of the matcher is for the decision script."""
        choice = self._choices.get(selection)
        if choice is None:
            choice = self._choices[selection] = Choice.of(
                selection.pool,
                selection.strategy,
                selection.max_open_contacts,
                selection.rule_id,
                selection.team_id,
                online_only=selection.online_only,
                fallback=selection.fallback,
            )
        return choice


class _Unread(NamedTuple):
    """One workspace's rules as Redis gave them.

    Most of very many workspaces are asked about once and not again for long. What is made of their rules would be some
    hundred objects each, which push all else out of the processor's cache; so it is dropped at once, and made to stay
    when the workspace is asked about a second time.
    """

    root: bytes
    revision: int
    prepared: bytes

    def read(self) -> Rules:
        """Make the rules ready to be asked."""
        return Rules(self.root, self.revision, CompiledRules(load(self.prepared), self.revision))


class RuleBook:
    """A bounded cache. An entry may be stale: the decision script notices, and then `reload` is due."""

    def __init__(self, store: Store, size: int, metrics: CacheMetrics) -> None:
        self._store = store
        self._size = size
        self._metrics = metrics
        self._entries: OrderedDict[str, Rules | _Unread] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """How many workspaces are at hand."""
        return len(self._entries)

    def at_hand(self, workspace_id: str) -> Rules | None:
        """Return the workspace's rules as last seen; None if they are not at hand."""
        entry = self._entries.get(workspace_id)
        if entry is None:
            return None
        if isinstance(entry, _Unread):
            return self._keep(workspace_id, entry.read())
        with self._lock:
            if workspace_id in self._entries:
                self._entries.move_to_end(workspace_id)
        return entry

    def of(self, workspace_id: str) -> Rules:
        """Return the workspace's rules as last seen."""
        entry = self.at_hand(workspace_id)
        if entry is None:
            return self.reload(workspace_id)
        self._metrics.hit()
        return entry

    def reload(self, workspace_id: str, *, stale: bool = False) -> Rules:
        """Read and compile the workspace's rules; `stale`: because those at hand are no longer in force."""
        (self._metrics.stale if stale else self._metrics.miss)()
        root = keys.root(workspace_id)
        return self._keep(workspace_id, self._unread(root, *self._store.rules(root)).read())

    def reload_each(self, workspace_ids: Sequence[str]) -> list[Rules]:
        """Read and compile the rules of several workspaces that are not at hand."""
        for _ in workspace_ids:
            self._metrics.miss()
        roots = [keys.root(workspace_id) for workspace_id in workspace_ids]
        found = self._store.rules_each(roots)
        return [
            self._keep(workspace_id, self._unread(root, *rules)).read()
            for workspace_id, root, rules in zip(workspace_ids, roots, found, strict=True)
        ]

    def _unread(self, root: bytes, revision: int, prepared: bytes) -> _Unread:
        if revision and not is_readable(prepared):
            # Another version of the service put the rules in force. The messages that it was given lie there too.
            configuration = self._store.configuration(root)
            revision, prepared = configuration.rules_revision, dump(prepare(RuleSet.FromString(configuration.rules)))
        return _Unread(root, revision, prepared)

    def _keep(self, workspace_id: str, entry: Entry) -> Entry:
        with self._lock:
            self._entries[workspace_id] = entry
            self._entries.move_to_end(workspace_id)
            while len(self._entries) > self._size:
                self._entries.popitem(last=False)
            self._metrics.set_size(len(self._entries))
        return entry
