"""Triggers: one row each, which preparing, matching and the warnings read (deploy/adr/0006, triggers)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from evenhand.v1 import contact_pb2, rules_pb2

if TYPE_CHECKING:
    from service.rules.conditions.folded_contact import FoldedContact


@dataclass(frozen=True, slots=True)
class Trigger:
    """A row: which events a rule listens to.

    Attributes:
        letter: begins the line of a prepared rule; each trigger has its own.
        event: the type of event that fits.
        source: the folded source that the contact must have; None for any.
    """

    letter: str
    event: contact_pb2.EventType.ValueType
    source: str | None = None


TRIGGERS: Final[dict[int, Trigger]] = {
    rules_pb2.RULE_TRIGGER_NEW_CONTACT_WHATSAPP_DM: Trigger("w", contact_pb2.EVENT_TYPE_CONTACT_CREATED, "whatsapp_dm"),
    rules_pb2.RULE_TRIGGER_TRAIT_OR_TAG_UPDATED: Trigger("u", contact_pb2.EVENT_TYPE_TRAIT_OR_TAG_UPDATED),
    rules_pb2.RULE_TRIGGER_CONVERSATION_OPENED: Trigger("o", contact_pb2.EVENT_TYPE_CONVERSATION_OPENED),
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
        if trigger.event == covered.event and trigger.source in (None, covered.source)
    ]


def occasion_of(event_type: int, contact: FoldedContact) -> str:
    """Return the letters of all triggers that fit an event; empty for a type that none fits.

    Args:
        event_type: a value of the enum EventType.
        contact: the event's; its source is asked for only if it matters.
    """
    occasions = _OCCASIONS.get(event_type, _NONE)
    return occasions[None] if len(occasions) == 1 else occasions.get(contact.source(), occasions[None])


def _occasions(event_type: int) -> dict[str | None, str]:
    """Write down the letters that fit a type of event by each source that matters, and by None for any other source."""
    fitting = [trigger for trigger in TRIGGERS.values() if trigger.event == event_type]
    return {
        source: "".join(trigger.letter for trigger in fitting if trigger.source in (None, source))
        for source in (None, *(trigger.source for trigger in fitting))
    }


_OCCASIONS: Final[dict[int, dict[str | None, str]]] = {
    event_type: _occasions(event_type) for event_type in contact_pb2.EventType.values()
}
_NONE: Final = _occasions(contact_pb2.EVENT_TYPE_UNSPECIFIED)
