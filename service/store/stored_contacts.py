"""The contacts of one workspace in Redis, for what is done to more than one id: `service.store.port.ContactStore`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from service.redis_client.durability import NotDurableError
from service.store import folded_ids, keys
from service.store.scripts import load
from service.store.values import ListedContact, Merged, Merging, WalkPlace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_MERGE = load("merge")
_FORGET = load("forget")
_FORGET_ALIASES = load("forget_aliases")
_FORGET_REPLAYS = load("forget_replays")
_OPEN_CONTACTS = load("open_contacts")
_SETTLED_CONTACTS = load("settled_contacts")

_SETTLED: Final = keys.SUFFIXES["SETTLED"].encode()
_REPLAY: Final = keys.SUFFIXES["REPLAY"].encode()
_SEPARATOR: Final = keys.SEPARATOR.encode()
_RUNS_A_PAGE: Final = 100
# How many keys are looked at before Redis serves others: about a millisecond.
_KEYS_A_SCAN: Final = 2000
_LEAST_KEYS_A_SCAN: Final = 10
_BEGINNING: Final = b"0"


def place(contact_id: str) -> tuple[bytes, int]:
    """Return a contact's id and bucket, as scripts take them."""
    encoded = contact_id.encode()
    return encoded, keys.bucket(encoded)


class StoredContacts:
    """The contacts of one workspace.

    Args:
        run: runs a script, see `ScriptRunner.run`.
        change: runs one whose changes have to be durable, and says what its reply means.
        scan: looks for keys of the workspace, see `ScriptRunner.scan`.
        retentions: how long closed contacts and replays are kept (ms).
    """

    def __init__(
        self,
        run: Callable[..., Any],
        change: Callable[..., Any],
        scan: Callable[[bytes, int, bytes], tuple[bytes, list[bytes]]],
        retentions: tuple[int, int],
    ) -> None:
        self._run = run
        self._change = change
        self._scan = scan
        self._retentions = retentions

    def merge(self, from_id: str, into_id: str) -> Merged:
        """Have the first id stand for the second one's contact, to which goes what is on record of its own.

        Raises:
            NotDurableError: that is done, but is not durable yet; `reply` is what is returned else.
        """
        merged: Merged = self._change(_merged, _MERGE, *place(from_id), *place(into_id), *self._retentions)
        return merged

    def forget(self, contact_id: str) -> bool:
        """Forget a contact and all ids that stand for it. Return whether anything was known of it.

        Raises:
            NotDurableError: some of it is gone, and not durably yet; `reply` is whether anything was known.
        """
        try:
            known, *ids = self._run(_FORGET, *place(contact_id), self._retentions[0], durable=True)
        except NotDurableError as error:
            raise NotDurableError(bool(error.reply[0])) from error
        try:
            replays = self._forget_replays(ids)
            if len(ids) > 1:
                self._run(_FORGET_ALIASES, *ids, repeatable=True, durable=True)
        except NotDurableError as error:
            raise NotDurableError(bool(known)) from error
        return bool(known) or replays

    def _forget_replays(self, ids: Sequence[bytes]) -> bool:
        """Forget the replays of some ids, which only their keys name. Return whether there were any."""
        # Where there is one id, Redis need not send the keys of all others.
        beginning = _REPLAY + ids[0] + _SEPARATOR if len(ids) == 1 else _REPLAY
        there, cursor, of = False, _BEGINNING, set(ids)
        while True:
            cursor, found = self._scan(beginning, _KEYS_A_SCAN, cursor)
            replays = [key[len(_REPLAY) :] for key in found]
            if replays := [each for each in replays if each.partition(_SEPARATOR)[0] in of]:
                there = bool(self._run(_FORGET_REPLAYS, *replays, repeatable=True, durable=True)) or there
            if cursor == _BEGINNING:
                return there

    def page(
        self, owner_id: str, is_open: bool | None, most: int, start: WalkPlace
    ) -> tuple[list[ListedContact], WalkPlace | None]:
        """Return some contacts, and where to go on.

        Args:
            owner_id: whose, by the id or, where nobody has that, one that differs by case alone; empty: of all, and of
                nobody.
            is_open: whether they are open; None: both.
            most: how many at most.
            start: where to begin.

        Returns:
            Those contacts, and where to go on; None: they were the last.
        """
        page: dict[str, ListedContact] = {}
        at: WalkPlace | None = start._replace(bucket=keys.BUCKETS) if is_open is False else start
        for _ in range(_RUNS_A_PAGE):
            if at is None or len(page) >= most:
                break
            if at.bucket < keys.BUCKETS:
                listed, at = self._open(owner_id, most - len(page), at)
                if is_open and at.bucket == keys.BUCKETS:
                    at = None
            else:
                listed, at = self._settled(owner_id, most - len(page), at)
            page |= {contact.contact_id: contact for contact in listed}
        return list(page.values()), at

    def _open(self, owner_id: str, most: int, at: WalkPlace) -> tuple[list[ListedContact], WalkPlace]:
        """Return some open contacts, in the order of their buckets and in each by id, and where to go on."""
        behind = (at.bucket, at.after.encode())
        bucket, found = self._run(
            _OPEN_CONTACTS, at.bucket, keys.BUCKETS, folded_ids.named(owner_id), most + 1, repeatable=True, slow=True
        )
        places = sorted((keys.bucket(each), each, owner) for each, owner in _pairs(found))
        ahead = [each for each in places if each[:2] > behind]
        listed = [ListedContact(each.decode(), owner.decode(), True) for _, each, owner in ahead[:most]]
        if len(ahead) > most:
            in_bucket, last, _ = ahead[most - 1]
            return listed, WalkPlace(in_bucket, last.decode())
        return listed, WalkPlace(bucket)

    def _settled(self, owner_id: str, most: int, at: WalkPlace) -> tuple[list[ListedContact], WalkPlace | None]:
        """Return some contacts that are not open: those left of a look, or else of the next; and where to go on."""
        ids, left, cursor = [each.encode() for each in at.left[:most]], at.left[most:], at.cursor
        if not ids:
            keys_a_scan = max(_LEAST_KEYS_A_SCAN, min(most, _KEYS_A_SCAN))
            following, found = self._scan(_SETTLED, keys_a_scan, cursor.encode())
            ids = [key[len(_SETTLED) :] for key in found]
            cursor = "" if following == _BEGINNING else following.decode()
        reply = (
            self._run(_SETTLED_CONTACTS, folded_ids.named(owner_id), *ids, repeatable=True, slow=True) if ids else ()
        )
        listed = [ListedContact(each.decode(), owner.decode(), False) for each, owner in _pairs(reply)]
        left = (*(each.contact_id for each in listed[most:]), *left)
        ended = not cursor and not left
        return listed[:most], None if ended else WalkPlace(keys.BUCKETS, cursor=cursor, left=left)


def _merged(reply: Sequence[Any]) -> Merged:
    what, contact, owner, is_open = reply
    return Merged(Merging(what), contact.decode(), owner.decode(), bool(is_open))


def _pairs(flat: Sequence[bytes]) -> Iterable[tuple[bytes, bytes]]:
    return zip(flat[::2], flat[1::2], strict=True)
