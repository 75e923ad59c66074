"""Which rule takes a contact: a rule set compiled once, then asked for every event. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from evenhand.v1 import contact_pb2, rules_pb2

from service.rules.conditions import Predicate, compile_condition
from service.rules.pools import pool_of
from service.rules.reply import Reply
from service.rules.view import ContactView

if TYPE_CHECKING:
    from collections.abc import Sequence

WHATSAPP_DM: Final = "whatsapp_dm"
"""The folded source of a contact that wrote a WhatsApp message first: seeds, "New Contact Created via WA DM"."""

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


Candidate = tuple[Predicate | None, Selection]


class CompiledRules:
    """A rule set ready to be asked. Immutable, so safe to share between threads.

    Attributes:
        revision: The revision of the rules that this was compiled from.
        selections: What every enabled rule asks for, in order, then the fallback if it can apply.
    """

    __slots__ = ("_candidates", "revision", "selections")

    def __init__(self, rule_set: rules_pb2.RuleSet, revision: int) -> None:
        self.revision = revision
        self.selections = selections_of(rule_set)
        # For each occasion, what may take the contact, in order; a candidate without predicate takes it always.
        candidates: list[list[Candidate]] = [[], [], [], []]
        enabled = [rule for rule in rule_set.rules if not rule.disabled]
        for rule, selection in zip(enabled, self.selections, strict=False):
            candidate = (compile_condition(rule.condition), selection)
            for occasion in _OCCASIONS[rule.trigger]:
                candidates[occasion].append(candidate)
        # The fallback is simply what takes every new WhatsApp contact after all rules.
        candidates[_NEW_WHATSAPP_CONTACT] += [(None, selection) for selection in self.selections[len(enabled) :]]
        self._candidates = tuple(tuple(each) for each in candidates)

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
        for holds, selection in self._candidates[occasion]:
            if holds is None or holds(view):
                return selection
        return None


def compile_rules(rule_set: rules_pb2.RuleSet, revision: int) -> CompiledRules:
    """Compiles a rule set that has passed validation.

    Args:
        rule_set: The rules; not kept.
        revision: Which revision they are.

    Raises:
        ExpressionError: If an expression does not compile.
        KeyError: If a trigger or an operator is none that this version knows.
    """
    return CompiledRules(rule_set, revision)


def selections_of(rule_set: rules_pb2.RuleSet) -> list[Selection]:
    """Lists what every enabled rule asks for, in order, then the fallback if it can apply."""
    selections = [_selection_of_rule(rule) for rule in rule_set.rules if not rule.disabled]
    if rule_set.fallback.enabled and rule_set.rules:
        selections.append(_selection_of_fallback(rule_set.fallback))
    return selections


def _selection_of_rule(rule: rules_pb2.Rule) -> Selection:
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


def _selection_of_fallback(fallback: rules_pb2.Fallback) -> Selection:
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
