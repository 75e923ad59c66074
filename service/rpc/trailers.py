"""How much of an error is told: its trailing metadata has to fit what proxies and clients accept.

Of what does not fit, the first is told, and how much more there is.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from google.rpc.error_details_pb2 import BadRequest, ResourceInfo

from service.rules import Violation, json_path, listed, quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

# Proxies may refuse trailing metadata of more than 4 KiB, and gRPC's clients do of more than 8. A status travels there
# in base64, and its message a second time, in which every byte that is not of plain text takes three.
_TRAILER_BYTES = 4096 - 200  # the other headers take the rest
_ERROR_INFO_BYTES = 150  # with what packs it and one more detail
_JSON_FIELDS_BYTES = 200  # and what BadRequest leaves of the details' bytes
_MESSAGE_BYTES = 500
_TEXT_BYTES = 250  # of one path or description
_DOTS = "..."  # end what is cut
_LONG_WORD = 64  # characters: one that has more is cut itself
_DESCRIBED, _NOT_DESCRIBED = 10, "wrong too"
_RESOURCES = 20
# What is said of those that do not exist, and what names the type of a detail.
_DOES_NOT_EXIST = "does not exist in this workspace"
_AROUND_DETAIL = 60


def cut(message: str) -> str:
    """Return as much of a message for people as trailing metadata has room for."""
    room = _MESSAGE_BYTES
    fits = 0  # so many characters with dots behind them
    for at, character in enumerate(message):
        room -= _sent(character)
        if room < 0:
            return _with_dots(message, fits)
        if room >= len(_DOTS):
            fits = at + 1
    return message


def _with_dots(text: str, most: int) -> str:
    """Return at most so many characters of a text and dots, ended behind a word, so that no name reads as another."""
    end = text.rfind(" ", 0, most + 1)
    is_cut = end < 0 or len(text[end + 1 :].partition(" ")[0]) > _LONG_WORD
    return text[: most if is_cut else end].rstrip(" ,;:") + _DOTS


def _sent(text: str) -> int:
    """Return how many bytes of a header a text takes, as gRPC writes it there."""
    return sum(1 if " " <= character <= "~" and character != "%" else 3 * len(character.encode()) for character in text)


def _room_beside(message: str) -> int:
    """Return how many bytes the details of an error may have, beside its message and its ErrorInfo."""
    message = cut(message)
    return (_TRAILER_BYTES - _sent(message)) * 3 // 4 - len(message.encode()) - _ERROR_INFO_BYTES


def _start_of(text: str, size: int) -> str:
    return text.encode()[:size].decode(errors="ignore")


def _shortened(description: str) -> str:
    if len(description.encode()) <= _TEXT_BYTES:
        return description
    return _with_dots(description, len(_start_of(description, _TEXT_BYTES - len(_DOTS))))


def fields(violations: Sequence[Violation], message: str) -> tuple[BadRequest, str]:
    """Return the wrong fields of a request, and a JSON array of the same by their names in JSON, as there is room.

    Args:
        violations: what is wrong.
        message: what the error says of it for people.
    """
    room = _room_beside(message) - _JSON_FIELDS_BYTES
    named = _bad_request(violations, room)
    in_json = _json_fields(named, _JSON_FIELDS_BYTES + max(0, room - named.ByteSize()))
    return named, in_json


def not_found(resource_type: str, names: Sequence[str], most: int = _RESOURCES) -> str:
    """Say that these contacts or agents do not exist, by so many of their names."""
    return f"{resource_type} not found: {listed([*map(quoted, names[:most]), *names[most:]], most=most)}"


def resources(resource_type: str, names: Sequence[str]) -> list[ResourceInfo]:
    """Return contacts or agents that do not exist, the first of them as there is room."""
    details: list[ResourceInfo] = []
    room = _room_beside(not_found(resource_type, names))
    for name in names[:_RESOURCES]:
        info = ResourceInfo(resource_type=resource_type, resource_name=name, description=_DOES_NOT_EXIST)
        room -= info.ByteSize() + _AROUND_DETAIL
        if room < 0:
            break
        details.append(info)
    return details


def _bad_request(violations: Sequence[Violation], room: int) -> BadRequest:
    """Return all violations; of very many, the later ones without description, and at last only their number.

    Args:
        violations: what is wrong.
        room: how many bytes it may have.
    """
    for described in (len(violations), _DESCRIBED, _DESCRIBED // 2, 1):
        whole = BadRequest(
            field_violations=[
                _violation(each.field, each.description if at < described else _NOT_DESCRIBED)
                for at, each in enumerate(violations)
            ]
        )
        if whole.ByteSize() <= room:
            return whole
    request = BadRequest()
    room -= _TEXT_BYTES + 50  # for the last one, which says how many more there are
    for at, violation in enumerate(violations):
        entry = _violation(violation.field, violation.description if at < _DESCRIBED else _NOT_DESCRIBED)
        room -= entry.ByteSize() + 3
        if room < 0:
            rest = len(violations) - at
            request.field_violations.append(_violation(violation.field, f"this field and {rest - 1} more are wrong"))
            break
        request.field_violations.append(entry)
    return request


def _json_fields(named: BadRequest, room: int) -> str:
    """Return a JSON array of the same fields by their names in JSON; of very many the first, as `room` allows."""
    fields: list[str] = []
    for violation in named.field_violations:
        field = json_path(violation.field)
        room -= len(json.dumps(field, ensure_ascii=False).encode()) + 1
        if room < 0:
            break
        fields.append(field)
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))


def _violation(field: str, description: str) -> BadRequest.FieldViolation:
    return BadRequest.FieldViolation(field=_start_of(field, _TEXT_BYTES), description=_shortened(description))
