"""`evenhand evaluate`: report an event about one contact, and see what is decided and why."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated, Any

import typer
from evenhand.v1.assignment_service_pb2 import EvaluateContactRequest
from evenhand.v1.contact_pb2 import Contact, EventType, OpenedBy
from google.protobuf import json_format
from google.protobuf.struct_pb2 import Value

from service.cli.client import connected
from service.cli.explanation import explanation
from service.cli.options import Workspace, bare_id, calls_service
from service.cli.reaching import Target  # noqa: TC001 (typer reads it)
from service.cli.saying import say


class Event(StrEnum):
    """An event as it is typed; the member's name is the contract's."""

    CONTACT_CREATED = "created"
    TRAIT_OR_TAG_UPDATED = "updated"
    CONVERSATION_OPENED = "opened"


class Opener(StrEnum):
    """Who opened a conversation, as it is typed; the member's name is the contract's."""

    CONTACT = "contact"
    AGENT = "agent"
    AUTOMATION = "automation"


ContactId = Annotated[str, typer.Option("--contact", "-c", metavar="ID", callback=bare_id, help="The contact's id.")]
EventOption = Annotated[
    Event | None,
    typer.Option(
        "--event", help="What happened. Default: updated with --updated, opened with --opened-by, else created."
    ),
]
OpenedByOption = Annotated[
    Opener | None, typer.Option("--opened-by", help="Who opened the conversation. Default: the contact.")
]
Source = Annotated[str, typer.Option(help="Where the contact came from: whatsapp_dm, upload, manual, api ...")]
Channel = Annotated[str, typer.Option(help="The channel it is talked to on: whatsapp, email ...")]
Tags = Annotated[list[str] | None, typer.Option("--tag", help="A tag of the contact; repeat for more.")]
Traits = Annotated[
    list[str] | None,
    typer.Option(
        "--trait",
        metavar="KEY=VALUE",
        help='A trait of the contact; repeat for more. A VALUE that is JSON (5000, true, ["M", "L"]) is taken as such.',
    ),
]
Updated = Annotated[
    list[str] | None, typer.Option("--updated", metavar="KEY", help="A trait or tag that was set; repeat for more.")
]
RequestId = Annotated[str, typer.Option(help="Makes a retry safe: the same id gets the same decision again.")]
Owner = Annotated[str, typer.Option(help="Who owns the contact already, as far as you know.")]
Excluded = Annotated[
    list[str] | None,
    typer.Option("--exclude", metavar="AGENT", help="An agent who is not to be assigned; repeat for more."),
]


@calls_service
def evaluate(
    *,
    workspace: Workspace,
    contact: ContactId,
    event: EventOption = None,
    opened_by: OpenedByOption = None,
    source: Source = "",
    channel: Channel = "",
    tags: Tags = None,
    traits: Traits = None,
    updated: Updated = None,
    request_id: RequestId = "",
    owner: Owner = "",
    exclude: Excluded = None,
    target: Target,
) -> None:
    """Report an event about a contact; prints who owns it now, and why.

    This is a real event: it assigns the contact. Exit code 0 whatever the decision is.
    """
    happened = event or (
        Event.TRAIT_OR_TAG_UPDATED if updated else Event.CONVERSATION_OPENED if opened_by else Event.CONTACT_CREATED
    )
    request = EvaluateContactRequest(
        workspace_id=workspace,
        event_type=EventType.Value(f"EVENT_TYPE_{happened.name}"),
        contact=Contact(
            id=contact,
            owner_id=owner,
            source=source,
            channel=channel,
            tags=tags or [],
            traits=dict(parse_trait(text) for text in traits or []),
        ),
        updated_keys=updated or [],
        request_id=request_id,
        exclude_agent_ids=exclude or [],
        opened_by=OpenedBy.Value(f"OPENED_BY_{opened_by.name}" if opened_by else "OPENED_BY_UNSPECIFIED"),
    )
    with connected(target) as service:
        decision = service.assignment.EvaluateContact(request, timeout=service.timeout).decision
    holds = decision.contact_id or contact  # a service of the version before does not say
    if holds != contact:
        say(f"{contact} was merged into {holds}")
    for line in explanation(holds, decision):
        say(line)


def parse_trait(text: str) -> tuple[str, Value]:
    """Read "budget=5000" into a key and a value.

    Raises:
        typer.BadParameter: there is no "=".
    """
    key, equals, raw = text.partition("=")
    if not equals:
        raise typer.BadParameter(f'"{text}" is not KEY=VALUE', param_hint="--trait")
    try:
        plain: Any = json.loads(raw, parse_constant=_no_number)
        return key, json_format.ParseDict(plain, Value())
    except (ValueError, json_format.ParseError):
        return key, Value(string_value=raw)


def _no_number(constant: str) -> Any:
    """Refuse NaN and Infinity, which Python's JSON reads and JSON has not."""
    raise ValueError(constant)
