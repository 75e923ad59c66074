"""Statuses travel in trailing metadata; every one of ours fits 4 KiB, however much there is to say."""

from __future__ import annotations

import inspect
import json
from base64 import b64encode
from datetime import timedelta
from urllib.parse import quote

import pytest
from evenhand.v1.rules_pb2 import TraitOperator
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, ResourceInfo
from google.rpc.status_pb2 import Status
from hypothesis import given
from hypothesis import strategies as st

from service.access.rights import Right
from service.decisions.errors import InvalidError
from service.rpc import statuses
from service.rules import Violation

LIMIT = 4 * 1024
SENT_AS_IS = "".join(map(chr, range(0x20, 0x7F))).replace("%", "")
OTHER_HEADERS = 150  # :status, content-type and grpc-status, with what each entry costs beside its text


def on_the_wire(status: Status) -> int:
    """Count the bytes of grpc-message, percent-encoded, and of grpc-status-details-bin."""
    return len(quote(status.message, safe=SENT_AS_IS)) + len(b64encode(status.SerializeToString()))


@pytest.mark.parametrize("character", ["a", "ä", "名", "😀"])
def test_whoever_does_not_exist_fits(character):
    """However long the ids are, and however many bytes their characters take, the status arrives; so do short ones."""
    names = [character * 125 + f"{number:03}" for number in range(1000)]
    status = statuses.not_found("agent", names)
    assert on_the_wire(status) + OTHER_HEADERS <= LIMIT
    assert status.message.startswith(f'agent not found: "{character}')
    assert len(status.details) > 2
    assert len(statuses.not_found("agent", [f"agent-{number}" for number in range(30)]).details) == 21


def test_who_does_not_exist_is_quoted():
    """The message quotes each id, so that space around it is seen; what would turn the line around is escaped there."""
    status = statuses.not_found("agent", [" asha@shop.com", "a\u202eb"])
    assert status.message == 'agent not found: " asha@shop.com", "a\\u202eb"'
    named = ResourceInfo()
    assert status.details[2].Unpack(named)
    assert named.resource_name == "a\u202eb"


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


TEXTS = st.text(st.sampled_from("a%_\n\x9fä名😀'[].0"), max_size=600)
LONG = "\x9f😀" * 1000
UNKNOWN_CALLERS = ("NO_CREDENTIALS", "INVALID_CREDENTIALS", "EXPIRED_CREDENTIALS")
LARGEST = {
    "invalid": lambda: statuses.invalid([Violation(LONG, LONG)] * 1000),
    "without_fields": lambda: statuses.without_fields(statuses.invalid([Violation(LONG, LONG)] * 1000)),
    "not_found": lambda: statuses.not_found("contact", ["😀" * 128] * 1000),
    "etag_mismatch": lambda: statuses.etag_mismatch("rule set"),
    "merge_refused": lambda: statuses.merge_refused(is_circle=True),
    "overloaded": lambda: statuses.overloaded(timedelta(days=1)),
    "quota_exceeded": lambda: statuses.quota_exceeded(86400.0),
    "stopping": statuses.stopping,
    "deadline_too_short": statuses.deadline_too_short,
    "request_too_slow": lambda: statuses.request_too_slow(123456.789),
    "no_request": statuses.no_request,
    "redis_unavailable": lambda: statuses.redis_unavailable(timedelta(days=1)),
    "state_lost": statuses.state_lost,
    "old_state": statuses.old_state,
    "not_durable": statuses.not_durable,
    "unauthenticated": lambda: max(map(statuses.unauthenticated, UNKNOWN_CALLERS), key=Status.ByteSize),
    "permission_denied": lambda: max(map(statuses.permission_denied, Right), key=Status.ByteSize),
    "keys_unavailable": lambda: statuses.keys_unavailable(timedelta(days=1)),
    "internal": statuses.internal,
    "status_of": lambda: statuses.status_of(InvalidError([Violation(LONG, LONG)] * 1000)),
}


@pytest.mark.parametrize("name", LARGEST)
def test_every_error_fits_at_its_largest(name: str):
    """Each error fits with the most that can be said in it, and still has its one ErrorInfo."""
    status = LARGEST[name]()
    assert on_the_wire(status) + OTHER_HEADERS <= LIMIT
    assert [detail.Is(ErrorInfo.DESCRIPTOR) for detail in status.details].count(True) == 1


def test_no_error_is_left_out():
    """Every function that makes a status is among them."""
    made = {
        name
        for name, function in vars(statuses).items()
        if inspect.isfunction(function) and not name.startswith("_") and function.__annotations__["return"] == "Status"
    }
    assert made == set(LARGEST)


@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=40))
def test_whatever_is_wrong_fits(wrong: list[tuple[str, str]]):
    """Whatever characters paths and descriptions are made of, the status fits, and names the first field."""
    status = statuses.invalid([Violation(*each) for each in wrong])
    assert on_the_wire(status) + OTHER_HEADERS <= LIMIT
    named = BadRequest()
    assert status.details[1].Unpack(named)
    assert wrong[0][0].startswith(named.field_violations[0].field)


@pytest.mark.parametrize("padding", range(40))
def test_what_is_cut_ends_behind_a_word(padding):
    """Of a text that lists more names than fit, each that is told is whole; dots say that it goes on."""
    said = f"is {'x' * padding}; use one of {', '.join(TraitOperator.keys())}"
    status = statuses.invalid([Violation("here", said)] * 2)
    named = BadRequest()
    assert status.details[1].Unpack(named)
    for text, whole in ((named.field_violations[0].description, said), (status.message, f"here: {said}; here: {said}")):
        assert text.endswith("...")
        assert whole.startswith(text[:-3])
        assert whole[len(text) - 3] in " ,;:"
    assert len(named.field_violations[0].description) > 200
    assert len(status.message) > 450


@given(st.text(), st.integers(0, 600))
def test_what_fits_is_told_whole(text: str, length: int):
    """A description and a message that fit stand there to the letter."""
    description = (text * 600)[:length].encode()[:250].decode(errors="ignore")
    status = statuses.invalid([Violation("", description)])
    named = BadRequest()
    assert status.details[1].Unpack(named)
    assert named.field_violations[0].description == description
    if len(quote(description, safe=SENT_AS_IS)) <= 500:
        assert status.message == description.lstrip(": ")


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
