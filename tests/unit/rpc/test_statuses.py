"""Statuses travel in trailing metadata, of which a gRPC client takes 8 KiB."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo

from service.rpc import statuses
from service.rules import Violation

if TYPE_CHECKING:
    from google.rpc.status_pb2 import Status

LIMIT = 8 * 1024
OTHER_HEADERS = 150  # :status, content-type and grpc-status, with what each entry costs beside its text


def on_the_wire(status: Status) -> int:
    """Count the bytes of grpc-message, percent-encoded, and of grpc-status-details-bin."""
    return len(quote(status.message, safe=" ")) + len(b64encode(status.SerializeToString()))


@pytest.mark.parametrize("character", ["a", "ä", "名", "😀"])
def test_whoever_does_not_exist_fits(character):
    """However long the ids are, and however many bytes their characters take, the status arrives; so do short ones."""
    names = [character * 125 + f"{number:03}" for number in range(1000)]
    status = statuses.not_found("agent", names)
    assert on_the_wire(status) + OTHER_HEADERS <= LIMIT
    assert status.message.startswith(f"agent not found: {character}")
    assert len(status.details) > 5
    assert len(statuses.not_found("agent", [f"agent-{number}" for number in range(30)]).details) == 21


@pytest.mark.parametrize("character", ["a", "ä", "名", "😀"])
def test_wrong_fields_fit(character):
    """However long the descriptions are, the status arrives, and names the first field."""
    violations = [Violation(f"agents[{number}].id", f'"{character * 40}" is wrong') for number in range(1000)]
    status = statuses.invalid(violations)
    assert on_the_wire(status) + OTHER_HEADERS <= LIMIT
    assert status.message.startswith('agents[0].id: "')
    named, info = BadRequest(), ErrorInfo()
    assert status.details[0].Unpack(info)
    assert status.details[1].Unpack(named)
    in_json = json.loads(info.metadata["jsonFields"])
    assert len(in_json) > 5
    assert in_json == [one.field for one in named.field_violations[: len(in_json)]]


@pytest.mark.parametrize(
    ("path", "in_json"),
    [
        ("event_type", "eventType"),
        ("requests[12].contact.owner_id", "requests[12].contact.ownerId"),
        ("rule_set.rules[3].max_open_contacts", "ruleSet.rules[3].maxOpenContacts"),
        ("contact.traits['some_key']", "contact.traits['some_key']"),
        ("""contact.traits["o'clock_a]_b"]""", """contact.traits["o'clock_a]_b"]"""),
        ("", ""),
    ],
)
def test_fields_are_named_as_json_does_too(path, in_json):
    """A caller that sends JSON finds each wrong field by the name that it wrote; what are keys of its own stay so."""
    info = ErrorInfo()
    statuses.invalid([Violation("contact.id", "is bad"), Violation(path, "is bad")]).details[0].Unpack(info)
    assert json.loads(info.metadata["jsonFields"]) == ["contact.id", in_json]
