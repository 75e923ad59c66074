"""One workspace in Redis: each method one script, or bounded runs of one."""

from __future__ import annotations

from functools import partial
from secrets import token_hex
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from service.redis_client.durability import NotDurableError
from service.store.mending import INCARNATION_BYTES
from service.store.plan_chunks import chunks_of
from service.store.roster_chunks import roster_chunks
from service.store.running import ScriptRunner
from service.store.scripts import load
from service.store.stored_contacts import StoredContacts, place
from service.store.stored_roster import StoredRoster
from service.store.values import (
    Configuration,
    ContactRecord,
    Decision,
    Loss,
    Standing,
    StateLostError,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from service.redis_client.client import RedisClient
    from service.store.roster_values import RosterSize, RosterWrites
    from service.store.values import Change, NewRules, PresenceReport

_KEEP_PREPARED = load("keep_prepared")
_NOTE_CHOICES = load("note_choices")
_CONTACT = load("contact")
_ASSIGN = load("assign")
_UNASSIGN = load("unassign")
_CLOSE = load("close")
_PRESENCE = load("presence")
_STANDINGS = load("standings")
_CONFIGURATION = load("configuration")
_STAGE = load("stage")
_COMMIT = load("commit")
_ACCEPT_LOSS = load("accept_loss")
_UNTOLD = load("untold")

# How many agents are reported or read in one run of a script at most: some milliseconds in which Redis serves nobody
# else.
AGENTS_A_RUN = 200
_CHUNKS_A_RUN = 10
CHOICES_A_RUN = 500
# How long a plan lies ready that nobody commits, because its maker died.
_STAGED_MS = 10 * 60 * 1000


class RedisWorkspace(ScriptRunner):
    """One workspace in Redis: `service.store.port.WorkspaceStore`."""

    def __init__(
        self,
        redis: RedisClient,
        root: bytes,
        deadline: float,
        contact_retention_ms: int,
        replay_retention_ms: int = 0,
    ) -> None:
        super().__init__(redis, root, deadline)
        self._contact_retention_ms = contact_retention_ms
        self._replay_retention_ms = replay_retention_ms

    def note_untold(self, decisions: Iterable[tuple[str, Decision]]) -> None:
        """Note that the callers who asked for these decisions, each about a contact, could not be told of them."""
        words = [word for contact_id, decision in decisions for word in (*place(contact_id), decision.sequence)]
        if words:
            self.run(_UNTOLD, *words, repeatable=True)

    def contact(self, contact_id: str) -> ContactRecord | None:
        """Return what is on record about a contact; None if nothing is."""
        reply = self.run(_CONTACT, *place(contact_id), repeatable=True)
        if not reply:
            return None
        owner, is_open, decision, holds = reply
        on_record = Decision(*decision)
        return ContactRecord(owner.decode(), bool(is_open), on_record if on_record.outcome else None, holds.decode())

    def assign(self, contact_id: str, agent_id: str) -> str | None:
        """Make the agent the owner, and the contact open. Return the previous owner; None: no such agent."""

        def previous(reply: Any) -> str | None:
            return reply[0].decode() if reply else None

        return self._change(previous, _ASSIGN, *place(contact_id), agent_id, self._contact_retention_ms)

    def unassign(self, contact_id: str) -> str:
        """Take the owner away and return who it was; empty for nobody."""
        return self._change(bytes.decode, _UNASSIGN, *place(contact_id), self._contact_retention_ms)

    def close(self, contact_id: str, owner_after: int = 0) -> tuple[str, bool]:
        """Close the contact. Return who owns it now, and whether it was open until now."""
        owner, closed = self.run(_CLOSE, *place(contact_id), self._contact_retention_ms, owner_after, durable=True)
        return owner.decode(), bool(closed)

    def contacts(self) -> StoredContacts:
        """Return the contacts, for what is done to more than one id."""
        retentions = (self._contact_retention_ms, self._replay_retention_ms)
        return StoredContacts(self.run, self._change, self.scan, retentions)

    def set_presence(self, reports: Sequence[PresenceReport]) -> list[str]:
        """Report presences. Return who is not in the roster, in the order of the reports; all others are noted.

        Many are reported in several runs, each of which changes some as a whole.
        """
        unknown: list[str] = []
        done = 0
        size = AGENTS_A_RUN
        while done < len(reports):
            arguments = [word for report in reports[done : done + size] for word in report]
            finished, *places = self.run(_PRESENCE, *arguments, repeatable=True, slow=True, durable=True)
            unknown += [reports[done + place - 1][0] for place in places]
            done += finished
            size = min(AGENTS_A_RUN, 2 * finished)
        return unknown

    def standings(self, agent_ids: Sequence[str]) -> Iterable[tuple[str, Standing | None]]:
        """Yield for each agent its presence and open count, as of now; None if it is not in the roster."""
        for at in range(0, len(agent_ids), AGENTS_A_RUN):
            asked = agent_ids[at : at + AGENTS_A_RUN]
            reply = self.run(_STANDINGS, *asked, repeatable=True, slow=True)
            for agent, (presence, count) in zip(asked, reply, strict=True):
                yield agent, Standing(presence, count) if presence else None

    def configuration(self) -> Configuration:
        """Return the rule set in force, and which roster is."""
        rules_version, rules, roster_version, lost = self.run(_CONFIGURATION, repeatable=True, slow=True)
        return Configuration(rules_version.decode(), rules, roster_version.decode(), bool(lost))

    def keep_prepared(self, version: str, prepared: bytes) -> None:
        """Keep rules as they were prepared for the matcher, if they are still in force."""
        self.run(_KEEP_PREPARED, version, prepared, repeatable=True, slow=True)

    def roster(self) -> StoredRoster:
        """Return what reads the roster."""
        return StoredRoster(partial(self.run, repeatable=True, slow=True))

    def confirmed(self) -> RosterSize:
        """Return which rules and which roster are in force, once they are as durable as changes have to be."""
        return StoredRoster(partial(self.run, repeatable=True, slow=True, durable=True)).size()

    def configure(
        self,
        before: Configuration,
        change: Change,
        *,
        rules: NewRules | None = None,
        roster: RosterWrites | None = None,
        unassign_on_close: bool = False,
    ) -> str:
        """Put a rule set or a roster in force: one of the two is given.

        Args:
            before: the configuration that this was prepared on.
            change: what follows from the new one.
            rules: the new rule set.
            roster: what is to be written of the new roster.
            unassign_on_close: whether closing a contact takes its owner away, by the new rule set.

        Returns:
            Its new version; empty if the configuration is no longer what it was `before`, and nothing was changed.

        Raises:
            NotDurableError: it is in force, but not durable yet; `reply` is its new version.
        """
        chunks: list[bytes | str] = [*chunks_of(change)]
        if rules is None:
            chunks[:0] = roster_chunks(roster) if roster is not None else []
            return self._put_in_force(before, chunks, "roster alone" if before.rules_lost else "roster")
        # Nobody waits until these are durable: they are as soon as what follows them is.
        choices = self.note_choices(rules.choices, durable=False)
        words = (choices, rules.rule_set, rules.prepared, int(unassign_on_close))
        return self._put_in_force(before, chunks, "rules", *words)

    def _put_in_force(
        self, before: Configuration, chunks: Sequence[bytes | str], which: str, *words: bytes | int
    ) -> str:
        """Stage a plan, commit it and build it. Takes the last words of commit.lua, and returns what that does."""
        token = uuid4().hex if chunks else ""
        for at in range(0, len(chunks), _CHUNKS_A_RUN):
            self.run(_STAGE, token, _STAGED_MS, *chunks[at : at + _CHUNKS_A_RUN], slow=True)
        incarnation = token_hex(INCARNATION_BYTES)
        arguments = (before.rules_version, before.roster_version, which, token, incarnation, *words)
        try:
            version = self._change(bytes.decode, _COMMIT, *arguments, slow=True)
        except NotDurableError as error:
            if error.reply:
                raise
            return ""  # nothing was done that could be lost
        if version and chunks:
            self.build()
        return version

    def accept_loss(self) -> Loss:
        """Have the workspace be one without rules, if its rules are lost. Return what was."""
        try:
            return Loss(self.run(_ACCEPT_LOSS, repeatable=True))
        except StateLostError:
            restored = self.mending().restore_root(unassign_on_close=False, drop_rules=True)
            return Loss.RULES if restored else Loss.NOTHING

    def restore(self, *, unassign_on_close: bool) -> bool:
        """Put back the workspace's hash, if that is lost alone. Return whether it was."""
        return self.mending().restore_root(unassign_on_close=unassign_on_close)

    def note_choices(self, choices: Mapping[str, str], *, durable: bool = True) -> int:
        """Note what rules ask for, by the names that cases call it by. Nothing else comes of it.

        Args:
            choices: what they ask for, by name.
            durable: whether that has to be durable first.

        Returns:
            How many choices are noted by now, these and all before; 0 if there are none to note.
        """
        noted, count = list(choices.items()), 0
        for at in range(0, len(noted), CHOICES_A_RUN):
            words = [word for choice in noted[at : at + CHOICES_A_RUN] for word in choice]
            count = self.run(_NOTE_CHOICES, *words, repeatable=True, slow=True, durable=durable)
        return count
