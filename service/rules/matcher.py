"""Which rule takes a contact: a rule set compiled once, then asked for every event. No I/O."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from evenhand.v1 import contact_pb2, rules_pb2

from service.rules.conditions import Predicate, always, compile_condition
from service.rules.index import Index
from service.rules.pools import pool_of
from service.rules.reply import Reply
from service.rules.view import ContactView

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

WHATSAPP_DM: Final = "whatsapp_dm"
"""The folded source of a contact that wrote a WhatsApp message first: seeds, "New Contact Created via WA DM"."""

MOST_WALKED = 64
"""Candidates up to which trying one after the other costs no more than looking up which could take the contact."""

_NEW_WHATSAPP_CONTACT, _OTHER_NEW_CONTACT, _UPDATED, _OPENED = range(4)
_OCCASIONS: dict[rules_pb2.RuleTrigger.ValueType, tuple[int, ...]] = {
    rules_pb2.RULE_TRIGGER_NEW_CONTACT_WHATSAPP_DM: (_NEW_WHATSAPP_CONTACT,),
    rules_pb2.RULE_TRIGGER_TRAIT_OR_TAG_UPDATED: (_UPDATED,),
    rules_pb2.RULE_TRIGGER_CONVERSATION_OPENED: (_OPENED,),
    rules_pb2.RULE_TRIGGER_CONTACT_CREATED: (_NEW_WHATSAPP_CONTACT, _OTHER_NEW_CONTACT),
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Selection:
    """What a matching rule, or the fallback, asks for. Made once for each when compiling, so it equals only itself.

    Attributes:
        rule_id: The rule's id; empty for the fallback.
        fallback: Whether this is the fallback.
        team_id: The team that is targeted, if a team is.
        pool: Name of the pool to pick from, see `pool_of`.
        strategy: A value of the enum Strategy, never UNSPECIFIED.
        online_only: Whether only agents who are ONLINE are eligible.
        max_open_contacts: Open contacts at which an agent is no longer eligible; 0 for no limit.
        reply: The message to send along; None without one.
    """

    rule_id: str
    fallback: bool
    team_id: str
    pool: str
    strategy: int
    online_only: bool
    max_open_contacts: int
    reply: Reply | None


class CompiledRules:
    """A rule set ready to be asked. Safe to share between threads.

    Of a rule set that is asked only once, little is ever looked at; so conditions are compiled when an event first
    comes to them, and selections made when first selected. A rule's selection is always the same object.

    Attributes:
        revision: The revision of the rules that this was compiled from.
    """

    __slots__ = ("_fallback", "_holds", "_indexes", "_making", "_places", "_rules", "_selections", "revision")

    def __init__(self, rule_set: rules_pb2.RuleSet, revision: int) -> None:
        self.revision = revision
        self._rules = rules = rule_set.rules[:]  # a list of the same messages, which is quicker to walk
        self._fallback = rule_set.fallback
        # Each rule's predicate and selection as soon as they are made; in the last place those of the fallback.
        self._holds: list[Predicate | None] = [None] * len(rules) + [always]
        self._selections: list[Selection | None] = [None] * (len(rules) + 1)
        self._making = threading.Lock()
        # For each occasion, the places of those that may take the contact, in order.
        self._places: tuple[list[int], ...] = ([], [], [], [])
        self._indexes: list[Index | None] = [None] * len(self._places)
        for place, rule in enumerate(rules):
            if not rule.disabled:
                for occasion in _OCCASIONS[rule.trigger]:
                    self._places[occasion].append(place)
        if rules and self._fallback.enabled:
            # The fallback is simply what takes every new WhatsApp contact after all rules.
            self._places[_NEW_WHATSAPP_CONTACT].append(len(rules))

    def match(
        self, event_type: int, contact: contact_pb2.Contact, updated_keys: Sequence[str] = ()
    ) -> Selection | None:
        """Finds the first rule whose trigger fits the event and whose condition holds, else the fallback.

        Args:
            event_type: A value of the enum EventType.
            contact: Whom the event is about; not changed.
            updated_keys: The traits and tags that the event set.

        Returns:
            What to pick by; None if nothing matches.

        Raises:
            ExpressionError: If it comes to an expression that does not compile; no valid rule set has one.
            KeyError: If it comes to an operator that this version does not know.
        """
        view = ContactView(contact, updated_keys)
        if event_type == contact_pb2.EVENT_TYPE_CONTACT_CREATED:
            occasion = _NEW_WHATSAPP_CONTACT if view.source() == WHATSAPP_DM else _OTHER_NEW_CONTACT
        elif event_type == contact_pb2.EVENT_TYPE_TRAIT_OR_TAG_UPDATED:
            occasion = _UPDATED
        elif event_type == contact_pb2.EVENT_TYPE_CONVERSATION_OPENED:
            occasion = _OPENED
        else:
            return None
        places: Iterable[int] = self._places[occasion]
        if len(self._places[occasion]) > MOST_WALKED:
            places = self._index(occasion).places(view)
        every_holds = self._holds
        for place in places:
            holds = every_holds[place] or self._compile(place)
            if holds(view):
                return self._selections[place] or self._select(place)
        return None

    def _index(self, occasion: int) -> Index:
        index = self._indexes[occasion]
        if index is None:
            with self._making:
                index = self._indexes[occasion]
                if index is None:
                    index = self._indexes[occasion] = Index(self._conditions(occasion))
        return index

    def _conditions(self, occasion: int) -> Iterator[tuple[int, rules_pb2.Condition]]:
        nothing = rules_pb2.Condition()
        for place in self._places[occasion]:
            yield place, self._rules[place].condition if place < len(self._rules) else nothing

    def _compile(self, place: int) -> Predicate:
        # Two threads that do this at once do no harm: their predicates are alike.
        holds = self._holds[place] = compile_condition(self._rules[place].condition) or always
        return holds

    def _select(self, place: int) -> Selection:
        with self._making:
            selection = self._selections[place]
            if selection is None:
                fallback = place == len(self._rules)
                selection = _of_fallback(self._fallback) if fallback else _of_rule(self._rules[place])
                self._selections[place] = selection
            return selection


def compile_rules(rule_set: rules_pb2.RuleSet, revision: int) -> CompiledRules:
    """Makes a rule set that has passed validation ready to be asked.

    Args:
        rule_set: The rules; kept, so not to be changed afterwards.
        revision: Which revision they are.

    Raises:
        KeyError: If a trigger is none that this version knows.
    """
    return CompiledRules(rule_set, revision)


def selections_of(rule_set: rules_pb2.RuleSet) -> list[Selection]:
    """Lists what every enabled rule asks for, in order, then the fallback if it can apply."""
    selections = [_of_rule(rule) for rule in rule_set.rules[:] if not rule.disabled]
    if rule_set.fallback.enabled and rule_set.rules:
        selections.append(_of_fallback(rule_set.fallback))
    return selections


def _of_rule(rule: rules_pb2.Rule) -> Selection:
    return Selection(
        rule_id=rule.id,
        fallback=False,
        team_id=rule.target.team_id,
        pool=pool_of(rule.target),
        strategy=rule.strategy or rules_pb2.STRATEGY_ROUND_ROBIN,
        online_only=rule.online_only,
        max_open_contacts=rule.max_open_contacts,
        reply=Reply(rule.reply) if rule.reply else None,
    )


def _of_fallback(fallback: rules_pb2.Fallback) -> Selection:
    return Selection(
        rule_id="",
        fallback=True,
        team_id=fallback.target.team_id,
        pool=pool_of(fallback.target),
        strategy=fallback.strategy or rules_pb2.STRATEGY_ROUND_ROBIN,
        online_only=fallback.online_only,
        max_open_contacts=0,
        reply=None,
    )
