"""What the store is to be asked about one contact, by the rules of its workspace."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evenhand.v1.contact_pb2 import EVENT_TYPE_CONVERSATION_OPENED

from service.decisions.errors import InvalidError
from service.decisions.request_checks import EVENTS, OPENERS, problems
from service.rules.fields.identifiers import is_blank
from service.rules.fields.limits import (
    MAX_CONTACT_TAGS,
    MAX_CONTACT_TRAITS,
    MAX_ID_CHARACTERS,
    MAX_UPDATED_KEYS,
    MAX_VALUE_BYTES,
)
from service.rules.triggers import FALLBACK
from service.store.values import NO_CHOICE, Case, Opens

if TYPE_CHECKING:
    from evenhand.v1.assignment_service_pb2 import EvaluateContactRequest
    from evenhand.v1.contact_pb2 import Contact

    from service.decisions.rulebook import Rules


def is_plain(workspace_id: str, request: EvaluateContactRequest) -> bool:
    """Whether a request to this workspace is right as it is, seen at a glance; `problems` finds what is not.

    One look at all texts in a row costs a third of a look at each, and almost every request passes it.
    """
    contact = request.contact
    # Slices are copied at once; iterating over the fields themselves takes twice as long.
    tags, keys, traits = contact.tags[:], request.updated_keys[:], contact.traits
    contact_id, owner_id, request_id = contact.id, contact.owner_id, request.request_id
    ids = contact_id + owner_id + request_id
    required = (contact_id, *tags, *keys, *traits)
    optional = (request_id, owner_id, contact.source, contact.channel)
    return (
        request.event_type in EVENTS
        and request.workspace_id in ("", workspace_id)
        and "" not in required
        and "".join(required).isprintable()
        and "".join(optional).isprintable()
        # Of printable characters only one is white space; all other space is looked at by `problems`.
        and contact_id.strip() == contact_id
        and owner_id.strip() == owner_id
        and not request_id.isspace()
        # Nor is all that is printable seen, but of ASCII.
        and (ids.isascii() or not any(map(is_blank, filter(None, (contact_id, owner_id, request_id)))))
        and max(map(len, required)) <= MAX_ID_CHARACTERS
        and max(map(len, optional)) <= MAX_ID_CHARACTERS
        and len(tags) <= MAX_CONTACT_TAGS
        and len(keys) <= MAX_UPDATED_KEYS
        and len(traits) <= MAX_CONTACT_TRAITS
        and (
            not request.opened_by
            or (request.event_type == EVENT_TYPE_CONVERSATION_OPENED and request.opened_by in OPENERS)
        )
        and not request.exclude_agent_ids
        and (not traits or request.ByteSize() <= MAX_VALUE_BYTES)
    )


def case_of(rules: Rules, request: EvaluateContactRequest) -> Case:
    """Return what the store is to be asked about one contact.

    Raises:
        InvalidError: the request is wrong.
    """
    workspace_id = rules.workspace_id
    if not is_plain(workspace_id, request) and (wrong := problems(workspace_id, request)):
        raise InvalidError(wrong)
    contact = request.contact
    event = request.event_type
    owner_id = contact.owner_id
    asked = request.request_id and request.request_id + chr(event)
    selection = None if owner_id else rules.compiled.match(event, contact, request.updated_keys, request.opened_by)
    if selection is None:
        return Case(contact.id, owner_id, _opens(event, contact), asked, NO_CHOICE, "")
    reply = selection.reply.render(contact) if selection.reply is not None else ""
    return Case(contact.id, "", _opens(event, contact), asked, selection.choice, reply, request.exclude_agent_ids)


def _opens(event: int, contact: Contact) -> Opens:
    """Return which contacts the event makes open: also one that is owned already, or by its first message."""
    if event == EVENT_TYPE_CONVERSATION_OPENED:
        return Opens.ANY
    return Opens.NEW if FALLBACK.fits(event, contact.source) else Opens.NONE
