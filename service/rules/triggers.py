"""Triggers: one row each, which preparing, matching and the warnings read (deploy/adr/0006, triggers)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from evenhand.v1 import contact_pb2, rules_pb2

from service.rules.conditions.folding import fold_name

BY_CONTACT: Final = frozenset({contact_pb2.OPENED_BY_UNSPECIFIED, contact_pb2.OPENED_BY_CONTACT})
"""By whom a conversation is said to be opened where it was the contact."""


@dataclass(frozen=True, slots=True)
class Trigger:
    """A row: which events a rule listens to.

    Attributes:
        letter: begins the line of a prepared rule; each trigger has its own.
        event: the type of event that fits.
        source: the folded source that the contact must have; None for any.
        by_contact: whether the contact itself must have opened the conversation.
    """

    letter: str
    event: contact_pb2.EventType.ValueType
    source: str | None = None
    by_contact: bool = False

    def fits(self, event: int, source: str) -> bool:
        """Whether an event of this type fits, of a contact from this source."""
        return event == self.event and self.source in (None, fold_name(source))


TRIGGERS: Final[dict[int, Trigger]] = {
    rules_pb2.RULE_TRIGGER_NEW_CONTACT_WHATSAPP_DM: Trigger("w", contact_pb2.EVENT_TYPE_CONTACT_CREATED, "whatsapp_dm"),
    rules_pb2.RULE_TRIGGER_TRAIT_OR_TAG_UPDATED: Trigger("u", contact_pb2.EVENT_TYPE_TRAIT_OR_TAG_UPDATED),
    rules_pb2.RULE_TRIGGER_CONVERSATION_OPENED: Trigger(
        "o", contact_pb2.EVENT_TYPE_CONVERSATION_OPENED, by_contact=True
    ),
    rules_pb2.RULE_TRIGGER_CONVERSATION_OPENED_BY_ANYONE: Trigger("a", contact_pb2.EVENT_TYPE_CONVERSATION_OPENED),
    rules_pb2.RULE_TRIGGER_CONTACT_CREATED: Trigger("c", contact_pb2.EVENT_TYPE_CONTACT_CREATED),
}
"""Each trigger of the contract, by its number."""

FALLBACK: Final = TRIGGERS[rules_pb2.RULE_TRIGGER_NEW_CONTACT_WHATSAPP_DM]
"""The trigger of the fallback, which takes new WhatsApp contacts alone."""


def covering(number: int) -> list[int]:
    """List the triggers that fit every event that a trigger fits: itself, and those that ask for less."""
    covered = TRIGGERS.get(number)
    if covered is None:  # a trigger of a newer version
        return [number]
    return [
        other
        for other, trigger in TRIGGERS.items()
        if trigger.event == covered.event
        and trigger.source in (None, covered.source)
        and trigger.by_contact in (False, covered.by_contact)
    ]


@dataclass(frozen=True, slots=True)
class Occasions:
    """The occasions of a type of event: each is the letters of all triggers that fit, as prepared rules begin with.

    Attributes:
        by_source: the occasion by each folded source that matters.
        otherwise: the occasion for any other source.
    """

    by_source: dict[str, str]
    otherwise: str


def _occasions_of(event_type: int, *, by_contact: bool) -> Occasions:
    fitting = [
        trigger
        for trigger in TRIGGERS.values()
        if trigger.event == event_type and trigger.by_contact in (False, by_contact)
    ]
    sources = [trigger.source for trigger in fitting if trigger.source is not None]

    def letters(source: str | None) -> str:
        return "".join(trigger.letter for trigger in fitting if trigger.source in (None, source))

    return Occasions({source: letters(source) for source in sources}, letters(None))


def _occasions(*, by_contact: bool) -> dict[int, Occasions]:
    return {each.event: _occasions_of(each.event, by_contact=by_contact) for each in TRIGGERS.values()}


OCCASIONS: Final[dict[int, Occasions]] = _occasions(by_contact=True)
"""The occasions of each type of event that some trigger fits. A plain table, as it is read for every contact."""

OCCASIONS_BY_OTHERS: Final[dict[int, Occasions]] = _occasions(by_contact=False)
"""The same for conversations that somebody else than the contact opened."""
