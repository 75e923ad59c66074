"""The store: everything Evenhand remembers, behind one call for each thing that can happen.

Each call is one script, so each happens as a whole or not at all. Workspaces are given by the beginning of their
keys (`keys.root`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

from redis import ResponseError

from service.store import keys
from service.store.plan_chunks import pieces_of
from service.store.scripts import load
from service.store.values import Answer, Case, Change, Configuration, ContactRecord, NewRules, StaleRulesError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from service.redis_client.client import Redis, Script

_DECIDE = load("decide")
_EXPIRE_LEASES = load("expire_leases")
_CONTACT = load("contact")
_ASSIGN = load("assign")
_UNASSIGN = load("unassign")
_CLOSE = load("close")
_PRESENCE = load("presence")
_STANDINGS = load("standings")
_RULES = load("rules")
_CONFIGURATION = load("configuration")
_STAGE = load("stage")
_COMMIT = load("commit")
_BUILD = load("build")

# How many contacts are decided, and agents reported or read, in one run of a script at most: some milliseconds in
# which Redis serves nobody else.
CONTACTS_A_RUN = 50
AGENTS_A_RUN = 200
# How long a plan lies ready that nobody commits, because who made it died.
_STAGED_MS = 10 * 60 * 1000


class Store:
    """What Evenhand remembers, in Redis."""

    def __init__(
        self, redis: Redis, *, contact_retention_s: float, replay_retention_s: float, timeout_s: float | None = None
    ) -> None:
        self._redis = redis
        self._retentions = {"contact_retention_s": contact_retention_s, "replay_retention_s": replay_retention_s}
        self._contact_retention_ms = int(contact_retention_s * 1000)
        self._replay_retention_ms = int(replay_retention_s * 1000)
        self._timeout_s = timeout_s

    def within(self, timeout_s: float | None) -> Store:
        """Return this store with less patience: how long each run waits for Redis. None: as the settings say."""
        return self if timeout_s is None else Store(self._redis, **self._retentions, timeout_s=timeout_s)

    def decide(self, root: bytes, revision: int, cases: Sequence[Case], *, slow: bool = False) -> list[Answer]:
        """Decide about contacts, one after another, each in one atomic step.

        Args:
            root: the workspace.
            revision: of the rules that made the choices.
            cases: the contacts.
            slow: whether others are to be let past.

        Raises:
            StaleRulesError: the rules are not at that revision.
            RedisAwayError: Redis is away.
        """
        answers: list[Answer] = []
        while len(answers) < len(cases):
            arguments = self._words(revision, cases[len(answers) : len(answers) + CONTACTS_A_RUN])
            reply = self._run(_DECIDE, root, *arguments, repeatable=True, slow=slow)
            if reply == [b"STALE"]:
                raise StaleRulesError(answers)
            if reply == [b"LEASES"]:
                self.expire_leases(root)
            else:
                answers += [Answer(*answer) for answer in reply]
        return answers

    def decide_each(self, groups: Sequence[tuple[bytes, int, Sequence[Case]]]) -> list[list[Answer] | None]:
        """Decide about contacts of several workspaces at once.

        Args:
            groups: for each workspace what `decide` takes, with at most `CONTACTS_A_RUN` contacts.

        Returns:
            The answers; None for a workspace whose contacts are not, or not all, decided: `decide` is to be asked.

        Raises:
            RedisAwayError: Redis is away.
        """
        calls = [(root, self._words(revision, cases)) for root, revision, cases in groups]
        return [
            [Answer(*answer) for answer in reply]
            if reply and isinstance(reply[0], list) and len(reply) == len(cases)
            else None
            for (_, _, cases), reply in zip(groups, self._redis.run_each(_DECIDE, calls, self._timeout_s), strict=True)
        ]

    def _words(self, revision: int, cases: Sequence[Case]) -> list[Any]:
        """Return the arguments of the decision script."""
        words: list[Any] = [revision, self._contact_retention_ms, self._replay_retention_ms]
        for case in cases:
            contact_id = case.contact_id.encode()
            words += (
                contact_id, keys.bucket(contact_id), case.owner_id, int(case.opened), case.request_id,
                *case.choice, case.reply,
            )  # fmt: skip
        return words

    def expire_leases(self, root: bytes) -> None:
        """Make everyone OFFLINE whose presence lease has ended."""
        while self._run(_EXPIRE_LEASES, root, repeatable=True, slow=True):
            pass

    def contact(self, root: bytes, contact_id: str) -> ContactRecord | None:
        """Return what is on record about a contact; None if nothing is."""
        reply = self._run(_CONTACT, root, *_place(contact_id), repeatable=True)
        if not reply:
            return None
        owner, is_open, decision = reply
        answer = Answer(*decision)
        return ContactRecord(owner.decode(), bool(is_open), answer if answer.outcome else None)

    def assign(self, root: bytes, contact_id: str, agent_id: str) -> tuple[str, bool] | None:
        """Make the agent the owner. Return the previous owner and whether the contact is open; None: no such agent."""
        reply = self._run(_ASSIGN, root, *_place(contact_id), agent_id, self._contact_retention_ms)
        return (reply[0].decode(), bool(reply[1])) if reply else None

    def unassign(self, root: bytes, contact_id: str) -> str:
        """Take the owner away and return who it was; empty for nobody."""
        previous: bytes = self._run(_UNASSIGN, root, *_place(contact_id), self._contact_retention_ms)
        return previous.decode()

    def close(self, root: bytes, contact_id: str) -> tuple[str, bool]:
        """Close the contact. Return who owns it now, and whether it was open until now."""
        owner, closed = self._run(_CLOSE, root, *_place(contact_id), self._contact_retention_ms)
        return owner.decode(), bool(closed)

    def set_presence(self, root: bytes, reports: Sequence[tuple[str, int, int]]) -> list[str]:
        """Report presences: (agent id, value of the enum Presence, lease in ms or 0). Return who is not in the roster.

        If anybody is not, nothing changes. Many are reported in several runs, each of which changes some as a whole.
        """
        unknown = [agent for agent, standing in self.standings(root, [agent for agent, *_ in reports]) if not standing]
        done = len(reports) if unknown else 0
        size = AGENTS_A_RUN
        while done < len(reports):
            arguments = [word for report in reports[done : done + size] for word in report]
            finished = self._run(_PRESENCE, root, *arguments, repeatable=True, slow=True)
            done += finished
            size = min(AGENTS_A_RUN, 2 * finished)
        return unknown

    def standings(self, root: bytes, agent_ids: Sequence[str]) -> Iterable[tuple[str, tuple[int, int] | None]]:
        """Yield for each agent its presence and open count, as of now; None if it is not in the roster."""
        self.expire_leases(root)
        for at in range(0, len(agent_ids), AGENTS_A_RUN):
            asked = agent_ids[at : at + AGENTS_A_RUN]
            reply = self._run(_STANDINGS, root, *asked, repeatable=True, slow=True)
            for agent, (presence, count) in zip(asked, reply, strict=True):
                yield agent, (presence, count) if presence else None

    def rules(self, root: bytes) -> tuple[int, bytes]:
        """Return the revision of the rules in force, and the rules as prepared; 0 and empty where none are."""
        revision, prepared = self._run(_RULES, root, repeatable=True)
        return int(revision), prepared

    def rules_each(self, roots: Sequence[bytes]) -> list[tuple[int, bytes]]:
        """Return what `rules` does for several workspaces at once."""
        replies = self._redis.run_each(_RULES, [(root, ()) for root in roots], self._timeout_s)
        return [
            (int(reply[0]), reply[1]) if reply else self.rules(root) for root, reply in zip(roots, replies, strict=True)
        ]

    def configuration(self, root: bytes) -> Configuration:
        """Return the rule set and the roster in force."""
        rules_revision, rules, roster_revision, roster = self._run(_CONFIGURATION, root, repeatable=True, slow=True)
        return Configuration(int(rules_revision), rules, int(roster_revision), roster)

    def configure(
        self,
        root: bytes,
        before: Configuration,
        change: Change,
        *,
        rules: NewRules | None = None,
        roster: bytes | None = None,
        unassign_on_close: bool,
    ) -> int:
        """Put a rule set or a roster in force: one of the two is given.

        Args:
            root: the workspace.
            before: the configuration that this was prepared on.
            change: what follows from the new one.
            rules: the new rule set.
            roster: the new roster, serialized.
            unassign_on_close: whether closing a contact takes its owner away.

        Returns:
            Its new revision; 0 if the configuration is no longer what it was `before`, and nothing was changed.
        """
        pieces = pieces_of(change)
        token = uuid4().hex if pieces else ""
        for piece in pieces:
            self._run(_STAGE, root, token, _STAGED_MS, piece, slow=True)
        which, what = ("rules", rules.rule_set) if rules is not None else ("roster", roster)
        revision: int = self._run(
            _COMMIT,
            root,
            before.rules_revision,
            before.roster_revision,
            which,
            what or b"",
            int(unassign_on_close),
            rules.prepared if rules is not None else b"",
            token,
            slow=True,
        )
        if revision and pieces:
            self.build(root)
        return revision

    def build(self, root: bytes) -> None:
        """Put in place what is left of a new configuration, whoever made it."""
        while self._redis.run(_BUILD, root, slow=True, timeout_s=self._timeout_s):
            pass

    def _run(
        self,
        script: Script,
        root: bytes,
        *arguments: bytes | str | int,
        repeatable: bool = False,
        slow: bool = False,
    ) -> Any:
        """Run a script; if it refuses because a new configuration is not complete, complete it and try again."""
        while True:
            try:
                return self._redis.run(
                    script, root, *arguments, repeatable=repeatable, slow=slow, timeout_s=self._timeout_s
                )
            except ResponseError as error:
                if str(error) != "BUILDING":
                    raise
            self.build(root)


def _place(contact_id: str) -> tuple[bytes, int]:
    """Return a contact's id and bucket, as scripts take them."""
    encoded = contact_id.encode()
    return encoded, keys.bucket(encoded)
