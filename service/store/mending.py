"""What is put back of a workspace whose keys are lost one by one, from those that are there."""

from __future__ import annotations

import logging
from secrets import token_hex
from typing import TYPE_CHECKING, Any, Final, Protocol

from service.store import keys
from service.store.scripts import load

if TYPE_CHECKING:
    from collections.abc import Collection

    from service.redis_client.script import Script

_log = logging.getLogger(__name__)

_LOST_KEYS = load("lost_keys")
_FORGET_LOST_LEASES = load("forget_lost_leases")
_AGENT_NUMBERS = load("agent_numbers")
_RECALL_NUMBERS = load("recall_numbers")
_PLACE_AGENTS = load("place_agents")
_LIST_ALIASES = load("list_aliases")
_RESTORE_ROOT = load("restore_root")

_NUMBERS_A_RUN: Final = 500
_KEYS_A_SCAN: Final = 1000
INCARNATION_BYTES: Final = 8


class Run(Protocol):
    """Runs a script for one workspace."""

    def __call__(
        self,
        script: Script,
        /,
        *words: bytes | str | int,
        repeatable: bool = ...,
        slow: bool = ...,
        durable: bool = ...,
    ) -> Any:
        """Return its reply."""


class Scan(Protocol):
    """Looks for keys of the workspace, see `ScriptRunner.scan`."""

    def __call__(self, beginning: bytes, count: int, cursor: bytes, /) -> tuple[bytes, list[bytes]]:
        """Return where to go on, and some keys."""


class Mending:
    """What is lost of one workspace, and what puts it back.

    Args:
        run: runs a script for the workspace.
        scan: looks for keys of the workspace.
        root: what its keys begin with.
    """

    def __init__(self, run: Run, scan: Scan, root: bytes) -> None:
        self._run = run
        self._scan = scan
        self._root = root

    def lost_keys(self) -> list[str]:
        """Return the suffixes of keys that are lost, as far as others tell; "" is the workspace's hash."""
        lost = [suffix.decode() for suffix in self._run(_LOST_KEYS, repeatable=True, slow=True)]
        if "" not in lost and self._place_agents(put_back=False):
            lost.append(keys.SUFFIXES["VIEW"])
        if "" not in lost and self._list_aliases(put_back=False):
            lost.append(keys.SUFFIXES["ALIASES"])
        return lost

    def put_back(self, lost: Collection[str]) -> None:
        """Put back those of these keys that follow from others; of presence leases forget that they were there."""
        if keys.SUFFIXES["NUMBERS"] in lost:
            self.recall_numbers()
        if keys.SUFFIXES["VIEW"] in lost:
            self.place_agents()
        if keys.SUFFIXES["ALIASES"] in lost:
            self._list_aliases(put_back=True)
        if keys.SUFFIXES["LEASES"] in lost:
            self._run(_FORGET_LOST_LEASES, repeatable=True)

    def numbers_by_id(self) -> dict[str, int]:
        """Return the numbers of agents and unknown owners."""
        found: dict[str, int] = {}
        cursor = b"0"
        while True:
            cursor, flat = self._run(_AGENT_NUMBERS, cursor, _NUMBERS_A_RUN, repeatable=True, slow=True)
            found |= {each.decode(): int(number) for each, number in zip(flat[::2], flat[1::2], strict=True)}
            if cursor == b"0":
                return found

    def recall_numbers(self) -> None:
        """Put back the numbers of agents and unknown owners by their ids, which are lost."""
        _log.warning("the numbers of agents of workspace %s were lost; they are put back", self._name)
        first = 1
        while first:
            first = self._run(_RECALL_NUMBERS, first, first + _NUMBERS_A_RUN - 1, repeatable=True, slow=True)

    def place_agents(self) -> None:
        """Put agents back into views that are lost; nobody may be missing in any."""
        found = self._place_agents(put_back=True)
        if found:
            _log.warning("views of workspace %s were lost; %d agents are put back into them", self._name, found)

    def _place_agents(self, *, put_back: bool) -> int:
        following, found = 1, 0
        while following:
            following, count = self._run(_PLACE_AGENTS, following, int(put_back), repeatable=True, slow=True)
            found += count
        return found

    def _list_aliases(self, *, put_back: bool) -> int:
        beginning, cursor, found = keys.SUFFIXES["ALIAS"].encode(), b"0", 0
        while True:
            cursor, some = self._scan(beginning, _KEYS_A_SCAN, cursor)
            ids = [key[len(beginning) :] for key in some]
            found += self._run(_LIST_ALIASES, int(put_back), *ids, repeatable=True, slow=True) if ids else 0
            if cursor == b"0":
                return found

    def restore_root(self, *, unassign_on_close: bool, drop_rules: bool = False) -> bool:
        """Put back the hash of the workspace, if that is lost alone. Return whether it was.

        Args:
            unassign_on_close: whether closing a contact takes its owner away, by the rules that are there.
            drop_rules: whether these are dropped, and their loss is accepted; else they are in force again.
        """
        greatest = max(self.numbers_by_id().values(), default=0)
        words = (token_hex(INCARNATION_BYTES), greatest, int(unassign_on_close), int(drop_rules))
        return bool(self._run(_RESTORE_ROOT, *words, slow=True, durable=True))

    @property
    def _name(self) -> str:
        return keys.workspace_of(self._root)
