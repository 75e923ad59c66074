"""Runs of scripts for one workspace, and what has to be done first where they refuse."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from service.call import time_left
from service.redis_client.durability import NotDurableError
from service.store import folded_ids, keys
from service.store.mending import Mending
from service.store.refusals import Refusal, refusal_in
from service.store.roster_values import RosterChangedError
from service.store.scripts import load
from service.store.stored_roster import StoredRoster
from service.store.values import OldStateError, StaleRulesError, StateLostError

if TYPE_CHECKING:
    from collections.abc import Callable

    from service.redis_client.client import AsRepeat, RedisClient
    from service.redis_client.script import Script

T = TypeVar("T")

_EXPIRE_LEASES = load("expire_leases")
_BUILD = load("build")
_FOLD = load("fold")

_MEMBERS_A_RUN: Final = 200


class ScriptRunner:
    """Runs scripts for one workspace.

    Args:
        redis: where.
        root: what the workspace's keys begin with.
        deadline: by when everything has to be done.
    """

    def __init__(self, redis: RedisClient, root: bytes, deadline: float) -> None:
        self._redis = redis
        self._root = root
        self._deadline = deadline

    def run(
        self,
        script: Script,
        *arguments: bytes | str | int,
        first: Any = None,
        repeatable: bool = False,
        slow: bool = False,
        durable: bool = False,
        as_repeat: AsRepeat | None = None,
    ) -> Any:
        """Run a script, and when it refuses do what it asks for and run it again: here, and nowhere else.

        Args:
            script: what to run.
            arguments: ARGV.
            first: the reply of the first run, if there was one already.
            repeatable: whether it may run a second time when the connection breaks before its reply.
            slow: whether it may take milliseconds.
            durable: whether it changes what a caller is told, so that this has to be durable first.
            as_repeat: see `RedisClient.run_each`.

        Raises:
            StaleRulesError: what is asked has to be prepared anew.
            OldStateError: the workspace is kept as this version of the service cannot read it.
            StateLostError: what tells about its rules and roster is gone.
            RedisUnavailableError, NotDurableError, redis.ResponseError: see `RedisClient.run`.
            DeadlineError: the deadline is over.
        """
        reply = first
        while True:
            if reply is not None:
                refusal = refusal_in(reply)
                if refusal is None:
                    break
                self._remedy(refusal)
            (reply,) = self._redis.run_each(
                script,
                [(self._root, arguments)],
                repeatable=repeatable,
                slow=slow,
                durable=durable,
                timeout_s=time_left(self._deadline),
                as_repeat=as_repeat,
            )
        if isinstance(reply, Exception):
            if not isinstance(reply, NotDurableError):
                time_left(self._deadline)  # if it is over, that is why nobody waits for Redis any more
            raise reply
        return reply

    def _remedy(self, refusal: Refusal) -> None:
        """Do what a refusal asks for."""
        match refusal:
            case Refusal.STALE_RULES:
                raise StaleRulesError
            case Refusal.OLD_STATE:
                raise OldStateError
            case Refusal.STATE_LOST:
                raise StateLostError
            case Refusal.LOST_NUMBERS:
                self.mending().recall_numbers()
            case Refusal.CHECK_VIEWS:
                self.mending().place_agents()
            case Refusal.DUE_LEASES:
                self.expire_leases()
            case Refusal.HALF_BUILT:
                self.build()
            case Refusal.UNFOLDED_ROSTER:
                self.fold_roster()

    def _change(
        self, meaning: Callable[[Any], T], script: Script, *arguments: bytes | str | int, slow: bool = False
    ) -> T:
        """Run a script whose changes have to be durable, and return what its reply means.

        Raises:
            NotDurableError: it ran, but is not durable yet; `reply` is what its reply means.
        """
        try:
            return meaning(self.run(script, *arguments, slow=slow, durable=True))
        except NotDurableError as error:
            raise NotDurableError(meaning(error.reply)) from error

    def scan(self, beginning: bytes, count: int, cursor: bytes) -> tuple[bytes, list[bytes]]:
        """Look for keys of the workspace.

        Args:
            beginning: what they begin with behind the workspace's root.
            count: how many keys Redis looks at before it serves others.
            cursor: where to begin; b"0": at the beginning.

        Returns:
            Where to go on (b"0": those were the last), and some keys without the root; one may come twice.
        """
        pattern = keys.pattern(self._root + beginning)
        cursor, found = self._redis.scan_some(self._root, pattern, count, cursor, time_left(self._deadline))
        return cursor, [key[len(self._root) :] for key in found]

    def expire_leases(self) -> None:
        """Make everyone OFFLINE whose presence lease has ended."""
        while self.run(_EXPIRE_LEASES, repeatable=True, slow=True):
            pass

    def build(self) -> None:
        """Put in place what is left of a new configuration, whoever made it."""
        while self.run(_BUILD, slow=True):
            pass

    def fold_roster(self) -> None:
        """Index the roster by folded ids: the index is lost, or was never written."""
        while True:
            roster = StoredRoster(partial(self.run, repeatable=True, slow=True))
            version = roster.size().version
            try:
                ids, _ = roster.known_ids(version)
            except RosterChangedError:
                continue
            members = folded_ids.members(ids)
            parts = [members[at : at + _MEMBERS_A_RUN] for at in range(0, len(members), _MEMBERS_A_RUN)] or [[]]
            if all(
                self.run(_FOLD, version, int(part is parts[-1]), *part, repeatable=True, slow=True) for part in parts
            ):
                return

    def mending(self) -> Mending:
        """Return what finds keys that are lost, and puts them back."""
        return Mending(self.run, self.scan, self._root)
