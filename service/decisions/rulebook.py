"""The rules of the workspaces, compiled, for as many workspaces as were asked about lately."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

from evenhand.v1.rules_pb2 import RuleSet

from service.rules import CompiledRules, choices_of, dump, is_id, is_readable, load, prepare
from service.store.values import NO_VERSION, StateLostError, revision_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from service.store.port import Store
    from service.store.values import StoredRules

_log = logging.getLogger(__name__)

Entry = TypeVar("Entry", "Rules", "_Unread")

# Bytes of memory for each byte of prepared rules, once they are indexed, and all are compiled. Of small rule sets 10
# (expressions), 25 (tags) and 36 (a hundred values of a trait in each rule) were measured; of the largest, which are
# packed, 15 to 17, and 2 to 3 while few of their rules have been looked at.
_BYTES_COMPILED = 24

# Every contact is held against each expression, for which it has to be compiled at first: half a millisecond each.
_EXPRESSION = b'"expression"'
_MANY_EXPRESSIONS = 50


class Rules:
    """One workspace's rules at one version.

    Attributes:
        workspace_id: the workspace.
        version: of the rules.
        compiled: the matcher.
        weight: how many bytes of memory that takes, by estimate.
        costly: whether a contact may take long for them, by their expressions.
    """

    __slots__ = ("compiled", "costly", "version", "weight", "workspace_id")

    def __init__(
        self, workspace_id: str, version: str, compiled: CompiledRules, weight: int = 0, *, costly: bool = False
    ) -> None:
        self.workspace_id = workspace_id
        self.version = version
        self.compiled = compiled
        self.weight = weight
        self.costly = costly


class _Unread(NamedTuple):
    """One workspace's rules as the store gave them.

    Most of very many workspaces are asked about once and not again for long. What is made of their rules would be some
    hundred objects each, which push all else out of the processor's cache; so it is dropped at once, and made to stay
    when the workspace is asked about a second time.
    """

    workspace_id: str
    version: str
    prepared: bytes

    def read(self) -> Rules:
        """Make the rules ready to be asked."""
        compiled = CompiledRules(load(self.prepared), revision_of(self.version))
        costly = self.prepared.count(_EXPRESSION) > _MANY_EXPRESSIONS
        return Rules(self.workspace_id, self.version, compiled, _BYTES_COMPILED * len(self.prepared), costly=costly)

    @property
    def weight(self) -> int:
        """How many bytes of memory this takes."""
        return len(self.prepared)


class Lookups(Protocol):
    """Is told where rules came from."""

    # Rules were cached; were not; were, but are no longer in force; are lost; were set back or exchanged; so many
    # workspaces are cached now.
    hit: Callable[[], None]
    miss: Callable[[], None]
    stale: Callable[[], None]
    lost: Callable[[], None]
    set_back: Callable[[], None]
    set_size: Callable[[float], None]


class RuleBook:
    """A bounded cache of rules. An entry may be stale: the decision script notices, and then it is to be read again.

    Args:
        store: where rules are.
        size: how many workspaces are cached at most.
        most_bytes: what they may take together, by estimate; the one that was asked about last stays even alone above.
        lookups: is told where rules came from.
    """

    def __init__(self, store: Store, size: int, most_bytes: int, lookups: Lookups) -> None:
        self._store = store
        self._size = size
        self._most_bytes = most_bytes
        self._bytes = 0
        self._lookups = lookups
        self._entries: OrderedDict[str, Rules | _Unread] = OrderedDict()
        self._lost: set[str] = set()  # workspaces of which the log says so
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """How many workspaces are cached."""
        return len(self._entries)

    def of_each(
        self, workspace_ids: Iterable[str], deadline: float, stale: Collection[str] = ()
    ) -> dict[str, Rules | Exception | None]:
        """Return the rules of workspaces as last seen; those that are not cached are read, all in one go.

        Args:
            workspace_ids: which.
            deadline: of the call that waits longest.
            stale: workspaces whose cached rules are known to be no longer in force.

        Returns:
            For each workspace its rules, or why they are not to be had: ConnectionError (StateLostError: they are
            lost), DeadlineError, or an internal error; None for an id that no workspace can have.
        """
        found: dict[str, Rules | Exception | None] = {}
        uncached = []
        for workspace_id in workspace_ids:
            entry = self._entries.get(workspace_id) if workspace_id not in stale else None
            if entry is None:
                uncached.append(workspace_id)
                continue
            self._lookups.hit()
            if isinstance(entry, _Unread):
                found[workspace_id] = self._keep(workspace_id, entry.read())
                continue
            found[workspace_id] = entry
            with self._lock:
                if workspace_id in self._entries:
                    self._entries.move_to_end(workspace_id)
        if uncached:
            found |= self._read(uncached, deadline, stale)
        return found

    def refuse_if_lost(self, workspace_id: str, deadline: float) -> None:
        """Refuse to say that something is not there in a workspace whose state is lost.

        Raises:
            StateLostError: its rules were in force and are gone.
            ConnectionError, DeadlineError: they are not to be had.
        """
        (stored,) = self._store.rules([workspace_id], deadline)
        if self._is_lost(workspace_id, stored):
            raise StateLostError

    def _read(
        self, workspace_ids: Sequence[str], deadline: float, stale: Collection[str]
    ) -> dict[str, Rules | Exception | None]:
        found: dict[str, Rules | Exception | None] = {}
        known = []
        for workspace_id in workspace_ids:
            if is_id(workspace_id):
                (self._lookups.stale if workspace_id in stale else self._lookups.miss)()
                known.append(workspace_id)
            else:
                found[workspace_id] = None
        cached = {each: self._entries.get(each) for each in known if each not in self._lost}
        try:
            for workspace_id, stored in zip(known, self._store.rules(known, deadline), strict=True):
                if self._is_lost(workspace_id, stored):
                    found[workspace_id] = StateLostError()
                    continue
                self._note_if_set_back(workspace_id, cached.get(workspace_id), stored.version)
                unread = self._readable(_Unread(workspace_id, stored.version, stored.prepared), deadline)
                if workspace_id in stale:  # so it is asked about again and again
                    found[workspace_id] = self._keep(workspace_id, unread.read())
                else:
                    found[workspace_id] = self._keep(workspace_id, unread).read()
        except Exception as error:  # noqa: BLE001 - it is raised to each call that has no rules for it
            found |= {workspace_id: error for workspace_id in known if workspace_id not in found}
        return found

    def _is_lost(self, workspace_id: str, stored: StoredRules) -> bool:
        """Whether the state has lost the workspace's rules. What is cached of them stays, and tells so again."""
        before = self._entries.get(workspace_id)
        forgotten = not stored.known and before is not None and before.version != NO_VERSION
        if not (stored.gone or forgotten):
            self._lost.discard(workspace_id)
            return False
        self._lookups.lost()
        if workspace_id not in self._lost:
            self._lost.add(workspace_id)
            _log.error("the rules of workspace %s are lost; configure them again, or accept the loss", workspace_id)
        return True

    def _note_if_set_back(self, workspace_id: str, entry: Rules | _Unread | None, version: str) -> None:
        """Tell of rules whose place older ones took, or others of their revision: those configured have a higher one.

        Args:
            workspace_id: the workspace.
            entry: its rules as they were cached before others were read, if they were not lost in between.
            version: of those that were read.
        """
        before = entry.version if entry is not None else NO_VERSION
        if NO_VERSION in (before, version) or before == version or revision_of(version) > revision_of(before):
            return
        self._lookups.set_back()
        text = "the state of workspace %s was set back or exchanged: its rules had revision %d, and now have %d"
        _log.warning(text, workspace_id, revision_of(before), revision_of(version))

    def _readable(self, unread: _Unread, deadline: float) -> _Unread:
        workspace_id, version, prepared = unread
        if version == NO_VERSION or is_readable(prepared):
            return unread
        # It is lost, or another version of the service put the rules in force. The message that it was given lies there
        # too.
        workspace = self._store.workspace(workspace_id, deadline)
        configuration = workspace.configuration()
        if configuration.rules_lost:
            raise StateLostError
        rule_set = RuleSet.FromString(configuration.rules)
        workspace.note_choices({choice.ref: choice.text for choice in choices_of(rule_set)})
        found = _Unread(workspace_id, configuration.rules_version, dump(prepare(rule_set)))
        if not prepared:  # it is lost; what another version has prepared is left to its replicas
            workspace.keep_prepared(found.version, found.prepared)
        return found

    def _keep(self, workspace_id: str, entry: Entry) -> Entry:
        with self._lock:
            before = self._entries.pop(workspace_id, None)
            self._bytes += entry.weight - (before.weight if before else 0)
            self._entries[workspace_id] = entry
            while len(self._entries) > self._size or (self._bytes > self._most_bytes and len(self._entries) > 1):
                _, oldest = self._entries.popitem(last=False)
                self._bytes -= oldest.weight
            self._lookups.set_size(len(self._entries))
        return entry
