"""The matcher: a rule set compiled once, then asked for every event which rule takes the contact. No I/O."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.rules.conditions.folded_contact import FoldedContact
from service.rules.conditions.folding import fold_name
from service.rules.conditions.kinds import Predicate, always, compile_condition
from service.rules.matching.index import Index
from service.rules.matching.prepared import (
    PreparedRule,
    PreparedSelection,
    candidates,
    condition_of,
    selection_of,
)
from service.rules.matching.reply import Reply
from service.rules.triggers import BY_CONTACT, OCCASIONS, OCCASIONS_BY_OTHERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from evenhand.v1 import contact_pb2

MOST_WALKED = 64
"""Candidates up to which trying one after the other costs no more than looking up which could take the contact."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Selection:
    """What a matching rule, or the fallback, asks for. Made once for each when compiling, so it equals only itself.

    Attributes:
        rule_id: The rule's id; empty for the fallback.
        choice: The name by which decisions refer to what it asks for, see `Choice.ref`.
        reply: The message to send along; None without one.
    """

    rule_id: str
    choice: str
    reply: Reply | None

    @property
    def fallback(self) -> bool:
        """Whether this is the fallback."""
        return not self.rule_id


class CompiledRules:
    """A rule set ready to be asked. Safe to share between threads.

    Of a rule set that is asked only once, little is ever looked at; so conditions are compiled when an event first
    comes to them, and selections made when first selected. A rule's selection is always the same object.

    Args:
        rules: as prepared; kept, so not to be changed afterwards.
        revision: their revision.

    Attributes:
        revision: of the rules that this was compiled from.
    """

    __slots__ = ("_candidates", "_holds", "_indexes", "_making", "_rules", "_selections", "revision")

    def __init__(self, rules: list[PreparedRule], revision: int) -> None:
        self.revision = revision
        self._rules = rules
        # Each rule's predicate and selection as soon as they are made.
        self._holds: list[Predicate | None] = [None] * len(rules)
        self._selections: list[Selection | None] = [None] * len(rules)
        self._making = threading.Lock()
        # For each occasion, the places of the rules that may take the contact, in order; and their index.
        self._candidates: dict[str, list[int]] = {}
        self._indexes: dict[str, Index] = {}

    def match(
        self, event_type: int, contact: contact_pb2.Contact, updated_keys: Sequence[str] = (), opened_by: int = 0
    ) -> Selection | None:
        """Find the first rule whose trigger fits the event and whose condition holds, else the fallback.

        Args:
            event_type: a value of the enum EventType.
            contact: the event's; not changed.
            updated_keys: the traits and tags that the event set.
            opened_by: who opened the conversation, a value of the enum OpenedBy.

        Returns:
            The rule's selection, to pick an agent by; None if nothing matches.

        Raises:
            KeyError: it comes to an operator or kind of condition that this version does not know.
        """
        occasions = (OCCASIONS if opened_by in BY_CONTACT else OCCASIONS_BY_OTHERS).get(event_type)
        if occasions is None:
            return None
        by_source = occasions.by_source
        occasion = by_source.get(fold_name(contact.source), occasions.otherwise) if by_source else occasions.otherwise
        walked = self._candidates.get(occasion)
        if walked is None:
            walked = self._candidates[occasion] = candidates(self._rules, occasion)
        places: Iterable[int] = walked
        folded: FoldedContact | None = None
        if len(walked) > MOST_WALKED:
            folded = FoldedContact(contact, updated_keys)
            places = self._index(occasion).places(folded)
        every_holds = self._holds
        for place in places:
            holds = every_holds[place] or self._compile(place)
            if holds is not always:
                folded = folded or FoldedContact(contact, updated_keys)
                if not holds(folded):
                    continue
            return self._selections[place] or self._select(place)
        return None

    def _index(self, occasion: str) -> Index:
        index = self._indexes.get(occasion)
        if index is None:
            with self._making:
                index = self._indexes.get(occasion)
                if index is None:
                    rules = self._rules
                    places = self._candidates[occasion]
                    index = self._indexes[occasion] = Index(places, lambda place: condition_of(rules[place]))
        return index

    def _compile(self, place: int) -> Predicate:
        # Two threads that do this at once do no harm: their predicates are alike.
        holds = self._holds[place] = compile_condition(condition_of(self._rules[place]))
        return holds

    def _select(self, place: int) -> Selection:
        with self._making:
            selection = self._selections[place]
            if selection is None:
                selection = self._selections[place] = _selection_of(selection_of(self._rules[place]))
            return selection


def _selection_of(prepared: PreparedSelection) -> Selection:
    reply = prepared.get("reply")
    return Selection(
        rule_id=prepared.get("rule_id", ""), choice=prepared["choice"], reply=Reply(reply) if reply else None
    )
