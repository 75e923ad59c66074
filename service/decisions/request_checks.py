"""Checks of requests, by hand, since they run on every call. What rules and rosters must be is checked in the domain.

Each function adds what is wrong to a list, by path; limits are those of the contract.
"""

from __future__ import annotations

from operator import methodcaller
from typing import TYPE_CHECKING

from evenhand.v1.assignment_service_pb2 import OwnerAfter
from evenhand.v1.contact_pb2 import EVENT_TYPE_CONVERSATION_OPENED, Contact, EventType, OpenedBy
from evenhand.v1.roster_service_pb2 import Presence, SetPresenceRequest

from service.decisions.errors import InvalidError
from service.rules import Violations, id_problem, identifier_problem, is_blank, quoted
from service.rules.fields.limits import (
    MAX_AGENTS,
    MAX_BATCH,
    MAX_CONTACT_TAGS,
    MAX_CONTACT_TRAITS,
    MAX_CONTACT_VALUES,
    MAX_EXCLUDED_AGENTS,
    MAX_ID_CHARACTERS,
    MAX_LEASE_MS,
    MAX_UPDATED_KEYS,
    MAX_VALUE_BYTES,
    MIN_LEASE_MS,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from evenhand.v1.assignment_service_pb2 import (
        BatchEvaluateContactsRequest,
        CloseContactRequest,
        ConfigureRulesRequest,
        EvaluateContactRequest,
        MergeContactsRequest,
    )
    from evenhand.v1.roster_service_pb2 import ConfigureRosterRequest
    from google.protobuf.message import Message
    from google.protobuf.struct_pb2 import Value

# In nanoseconds.
_SECOND = 1_000_000_000
_NANOS = range(_SECOND)
_SHORTEST_LEASE, _LONGEST_LEASE = (milliseconds * (_SECOND // 1000) for milliseconds in (MIN_LEASE_MS, MAX_LEASE_MS))
_NESTING_KINDS = frozenset({"struct_value", "list_value"})
_LONG_KINDS = _NESTING_KINDS | {"string_value"}
_byte_size = methodcaller("ByteSize")
EVENTS = frozenset(EventType.values()) - {EventType.EVENT_TYPE_UNSPECIFIED}
OPENERS = frozenset(OpenedBy.values())
_OWNER_AFTER = frozenset(OwnerAfter.values())
_PRESENCES = frozenset(Presence.values()) - {Presence.PRESENCE_UNSPECIFIED}


def require_ids(**ids: str) -> None:
    """Refuse the call unless these required ids, given by field name, are well formed."""
    wrong = Violations()
    check_ids(wrong, **ids)
    if wrong:
        raise InvalidError(wrong)


def require(request: ConfigureRulesRequest | ConfigureRosterRequest, field: str) -> None:
    """Refuse the call unless it names a workspace and has this message: leaving it out would wipe everything."""
    wrong = Violations()
    check_ids(wrong, workspace_id=request.workspace_id)
    if not request.HasField(field):  # type: ignore[arg-type]
        wrong.add(field, "is required; to remove everything, give an empty one")
    if wrong:
        raise InvalidError(wrong)


def require_closing(request: CloseContactRequest) -> None:
    """Refuse the call unless it names workspace and contact, and what may become of the owner."""
    wrong = Violations()
    check_ids(wrong, workspace_id=request.workspace_id, contact_id=request.contact_id)
    if request.owner_after not in _OWNER_AFTER:
        wrong.add("owner_after", "must be one of " + ", ".join(OwnerAfter.keys()))
    if wrong:
        raise InvalidError(wrong)


def check_ids(wrong: Violations, **ids: str) -> None:
    """Check required ids, given by field name."""
    for field, value in ids.items():
        # Space that is left around any other id is that of an agent whom an older version let in.
        wrong.add_if(field, id_problem(value, spaced=field != "workspace_id"))


def check_optional_ids(wrong: Violations, **ids: str) -> None:
    """Check ids that may be left out, given by field name."""
    for field, value in ids.items():
        if value:
            wrong.add_if(field, id_problem(value, spaced=True))


def check_merge(request: MergeContactsRequest) -> None:
    """Refuse the call unless it names two contacts."""
    wrong = Violations()
    from_id, into_id = request.from_contact_id, request.into_contact_id
    check_ids(wrong, workspace_id=request.workspace_id, from_contact_id=from_id, into_contact_id=into_id)
    if not wrong and from_id == into_id:
        wrong.add("into_contact_id", "is from_contact_id, too; name two ids")
    if wrong:
        raise InvalidError(wrong)


def trim(message: Message, *fields: str, optional: bool = False) -> None:
    """Take white space off both ends of these ids, so that the same contact, or agent, is meant with and without it.

    Tabs and line ends are white space, too: cells of files have them.

    Args:
        message: has them; is changed.
        fields: their names.
        optional: whether they may be left out, as which a blank one is taken; else it stays, and is refused as blank.
    """
    for field in fields:
        text = getattr(message, field)
        bare = text.strip()
        if is_blank(bare):
            bare = "" if optional else text
        if bare != text:
            setattr(message, field, bare)


def check_listed(wrong: Violations, field: str, ids: Sequence[str], most: int, updated: Collection[str] = ()) -> None:
    """Check a list of ids: each may stand there once, and not be among what is updated."""
    if len(ids) > most:
        wrong.add(field, f"must be at most {most}, not {len(ids)}")
    seen: set[str] = set()
    for at, each in enumerate(ids[:most]):
        problem = identifier_problem(each)
        if problem is None and each in seen:
            problem = f"{quoted(each)} stands here twice"
        elif problem is None and each in updated:
            problem = f"{quoted(each)} is to be updated too; do one of the two"
        wrong.add_if(f"{field}[{at}]", problem)
        seen.add(each)


def problems(workspace_id: str, request: EvaluateContactRequest) -> Violations:
    """Trim the ids that a request's event names, and return all that is wrong with the request to the workspace.

    In a batch it need not name the workspace.
    `service.decisions.evaluation.is_plain` sees at a glance that nothing is.
    """
    wrong = Violations()
    if request.HasField("contact"):
        trim(request.contact, "id")
        trim(request.contact, "owner_id", optional=True)
    if request.exclude_agent_ids:
        request.exclude_agent_ids[:] = ["" if is_blank(each) else each.strip() for each in request.exclude_agent_ids]
    check_ids(wrong, workspace_id=workspace_id)
    if request.workspace_id not in ("", workspace_id):
        wrong.add("workspace_id", "must be empty or the batch's own")
    check_evaluation(wrong, request)
    return wrong


def check_evaluation(wrong: Violations, request: EvaluateContactRequest) -> None:
    """Check all of a request but its workspace."""
    if request.event_type not in EVENTS:
        wrong.add("event_type", "must be one of " + ", ".join(EventType.keys()[1:]))
    check_optional_ids(wrong, request_id=request.request_id)
    if len(request.updated_keys) > MAX_UPDATED_KEYS:
        wrong.add("updated_keys", f"must be at most {MAX_UPDATED_KEYS}, not {len(request.updated_keys)}")
    _check_each(wrong, "updated_keys", request.updated_keys)
    check_listed(wrong, "exclude_agent_ids", request.exclude_agent_ids, MAX_EXCLUDED_AGENTS)
    if request.opened_by not in OPENERS:
        wrong.add("opened_by", "must be one of " + ", ".join(OpenedBy.keys()[1:]))
    elif request.opened_by and request.event_type in EVENTS - {EVENT_TYPE_CONVERSATION_OPENED}:
        wrong.add("opened_by", "is only for EVENT_TYPE_CONVERSATION_OPENED; leave it out")
    if request.HasField("contact"):
        _check_contact(wrong, request.contact)
    else:
        wrong.add("contact", "is required")


def _check_contact(wrong: Violations, contact: Contact) -> None:
    wrong.add_if("contact.id", id_problem(contact.id, spaced=True))
    for field, text in (("owner_id", contact.owner_id), ("source", contact.source), ("channel", contact.channel)):
        if text:
            wrong.add_if(f"contact.{field}", identifier_problem(text))
    if len(contact.tags) > MAX_CONTACT_TAGS:
        wrong.add("contact.tags", f"must be at most {MAX_CONTACT_TAGS}, not {len(contact.tags)}")
    _check_each(wrong, "contact.tags", contact.tags)
    traits = contact.traits
    if traits:
        if len(traits) > MAX_CONTACT_TRAITS:
            wrong.add("contact.traits", f"must be at most {MAX_CONTACT_TRAITS}, not {len(traits)}")
        for key, trait in traits.items():
            _check_trait(wrong, key, trait)
        _check_values(wrong, traits.values())


def _check_values(wrong: Violations, traits: Collection[Value]) -> None:
    nested = [trait for trait in traits if trait.WhichOneof("kind") in _NESTING_KINDS]
    # None takes less than two bytes, which spares nearly every contact the count.
    if sum(map(_byte_size, nested)) < 2 * (MAX_CONTACT_VALUES - MAX_CONTACT_TRAITS):
        return
    left = MAX_CONTACT_VALUES - len(traits)
    while nested and left >= 0:
        value = nested.pop()
        if value.WhichOneof("kind") == "list_value":
            inner = value.list_value.values[:]
        else:
            inner = list(value.struct_value.fields.values())
        left -= len(inner)
        nested += [each for each in inner if each.WhichOneof("kind") in _NESTING_KINDS]
    if left < 0:
        must = f"must hold at most {MAX_CONTACT_VALUES} values together, with those within lists and objects"
        wrong.add("contact.traits", must)


def _check_trait(wrong: Violations, key: str, value: Value) -> None:
    if problem := identifier_problem(key):
        wrong.add(f"contact.traits[{key[:MAX_ID_CHARACTERS]!r}]", f"the key {problem}")
    # Only texts, lists and structures can be long; the message around one that long takes three bytes.
    if value.WhichOneof("kind") in _LONG_KINDS and value.ByteSize() > MAX_VALUE_BYTES + 3:
        wrong.add(f"contact.traits[{key[:MAX_ID_CHARACTERS]!r}]", f"must take at most {MAX_VALUE_BYTES} bytes")


def _check_each(wrong: Violations, field: str, texts: Iterable[str]) -> None:
    for at, text in enumerate(texts):
        wrong.add_if(f"{field}[{at}]", identifier_problem(text))


def check_batch(wrong: Violations, request: BatchEvaluateContactsRequest) -> None:
    """Check a batch as a whole; its requests are answered one by one."""
    check_ids(wrong, workspace_id=request.workspace_id)
    if not 1 <= len(request.requests) <= MAX_BATCH:
        wrong.add("requests", f"must be 1 to {MAX_BATCH}, not {len(request.requests)}")


def check_presence(wrong: Violations, request: SetPresenceRequest) -> None:
    """Check a presence report."""
    check_ids(wrong, workspace_id=request.workspace_id)
    if not 1 <= len(request.presences) <= MAX_AGENTS:
        wrong.add("presences", f"must be 1 to {MAX_AGENTS}, not {len(request.presences)}")
        return
    seen: set[str] = set()
    for at, report in enumerate(request.presences):
        path = f"presences[{at}]"
        problem = id_problem(report.agent_id, spaced=True)
        if problem is None and report.agent_id in seen:
            problem = f"{quoted(report.agent_id)} stands here twice"
        wrong.add_if(f"{path}.agent_id", problem)
        seen.add(report.agent_id)
        if report.presence not in _PRESENCES:
            wrong.add(f"{path}.presence", "must be one of " + ", ".join(Presence.keys()[1:]))
        if report.HasField("lease_duration"):
            lease = report.lease_duration
            nanoseconds = lease.seconds * _SECOND + lease.nanos
            if lease.nanos not in _NANOS or not _SHORTEST_LEASE <= nanoseconds <= _LONGEST_LEASE:
                wrong.add(f"{path}.lease_duration", "must be from 1 millisecond to 7 days")
