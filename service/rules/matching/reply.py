"""A rule's reply: the message for the caller to send, with `$contact.<trait>` and `$agent.name` filled in."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from service.rules.conditions.operands import number_text

if TYPE_CHECKING:
    from evenhand.v1.contact_pb2 import Contact
    from google.protobuf.struct_pb2 import Value

AGENT_NAME_MARK: Final = "\x1f"
"""Stands for the agent's name; only the atomic script knows whose that is."""

_WORD = re.compile(r"\$[A-Za-z]+(?:\.[A-Za-z0-9_]+)?")
_PLACEHOLDER = re.compile(r"\$agent\.name|\$contact\.(?P<key>[A-Za-z0-9_]+)")


def placeholders_in(text: str) -> int:
    """Count the placeholders of a reply. Whatever else begins with a dollar sign is plain text."""
    return sum(1 for _ in _PLACEHOLDER.finditer(text))


def unknown_placeholders_in(text: str) -> list[str]:
    """List the words that look like a placeholder and are none, such as `$agnt.name`, each once."""
    unknown = _WORD.findall(_PLACEHOLDER.sub("", text)) if "$" in text else []
    return list(dict.fromkeys(unknown))


class Reply:
    """A reply's text, taken apart once.

    Args:
        text: as configured.
    """

    __slots__ = ("_begin", "_parts")

    def __init__(self, text: str) -> None:
        # re.split gives plain text and key by turns; the key is None for $agent.name.
        self._begin, *parts = _PLACEHOLDER.split(text.replace(AGENT_NAME_MARK, ""))
        self._parts = tuple(zip(parts[::2], parts[1::2], strict=True))

    def render(self, contact: Contact) -> str:
        """Fill in the traits; each `$agent.name` becomes AGENT_NAME_MARK, which no trait brings in by itself."""
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
