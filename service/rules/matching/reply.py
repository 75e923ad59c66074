"""A rule's reply: the message for the caller to send, with its placeholders filled in.

`${contact.<key>}` is the trait of exactly that key, whatever it is made of; `${agent.name}` is the agent's name.
Without braces a key ends before the first character that is no ASCII letter, digit or underscore.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from service.rules.conditions.operands import number_text
from service.rules.fields.identifiers import CONTROLS
from service.rules.fields.limits import MAX_ID_CHARACTERS

if TYPE_CHECKING:
    from evenhand.v1.contact_pb2 import Contact
    from google.protobuf.struct_pb2 import Value

AGENT_NAME_MARK: Final = "\x1f"
"""Stands for the agent's name; only the atomic script knows whose that is."""

# A key in braces ends before another placeholder in braces, so that one left open takes no more than its own.
_ANY_KEY = rf"(?:(?!\$\{{)[^}}{CONTROLS}]){{1,{MAX_ID_CHARACTERS}}}"
PLACEHOLDER: Final = re.compile(
    rf"\$agent\.name|\$\{{agent\.name\}}|\$contact\.(?P<key>[A-Za-z0-9_]+)|\$\{{contact\.(?P<any_key>{_ANY_KEY})\}}"
)


def placeholders_in(text: str) -> int:
    """Count the placeholders of a reply. Whatever else begins with a dollar sign is plain text."""
    return sum(1 for _ in PLACEHOLDER.finditer(text))


class Reply:
    """A reply's text, taken apart once.

    Args:
        text: as configured.
    """

    __slots__ = ("_begin", "_parts")

    def __init__(self, text: str) -> None:
        # re.split gives plain text and the two keys by turns; both are None for the agent's name.
        self._begin, *parts = PLACEHOLDER.split(text.replace(AGENT_NAME_MARK, ""))
        keys = (key or any_key for key, any_key in zip(parts[::3], parts[1::3], strict=True))
        self._parts = tuple(zip(keys, parts[2::3], strict=True))

    def render(self, contact: Contact) -> str:
        """Fill in the traits; each agent's name becomes AGENT_NAME_MARK, which no trait brings in by itself."""
        text = self._begin
        for key, after in self._parts:
            text += (AGENT_NAME_MARK if key is None else _trait_text(contact, key)) + after
        return text


def _trait_text(contact: Contact, key: str) -> str:
    value = contact.traits.get(key)  # never [key]: that would add it to the contact
    if value is None:
        return ""
    if value.WhichOneof("kind") == "list_value":
        return ", ".join(filter(None, map(_scalar_text, value.list_value.values)))
    return _scalar_text(value)


def _scalar_text(value: Value) -> str:
    match value.WhichOneof("kind"):
        case "string_value":
            return value.string_value.replace(AGENT_NAME_MARK, "")
        case "number_value":
            return number_text(value.number_value)
        case "bool_value":
            return "true" if value.bool_value else "false"
        case _:
            return ""
