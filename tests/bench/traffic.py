"""What is sent: a workspace as they are in the field, and requests about new contacts of it.

20 rules (tags, traits, sources, two parts of texts, one expression), 50 agents ONLINE in five teams, both strategies.
A contact has eight traits and two or more tags. The request with the number n is about a contact that the rule n mod 20
takes, and no rule before it, so that every rule decides equally often, and a walk tries ten on average.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, NamedTuple

from evenhand.v1 import assignment_service_pb2 as api

from tests.support import builders as b

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from evenhand.v1 import contact_pb2, rules_pb2
    from google.protobuf.message import Message

    from tests.support.client import Workspace

AGENTS = tuple(f"agent-{number:02}" for number in range(50))
TEAMS = {
    name: AGENTS[10 * number : 10 * number + 10]
    for number, name in enumerate(("sales", "support", "enterprise", "north", "night"))
}
CALL = "/evenhand.v1.AssignmentService/EvaluateContact"
BATCH_CALL = "/evenhand.v1.AssignmentService/BatchEvaluateContacts"

_TAGS = ("lead", "newsletter")
_TRAITS = {
    "country": "BR",
    "language": "pt",
    "city": "Recife",
    "plan": "free",
    "budget": 1200,
    "company_size": 8,
    "campaign": "spring-sale-2026",
    "email": "maria@example.com",
}


class Kind(NamedTuple):
    """A rule's condition, and what makes a contact one that it takes."""

    when: rules_pb2.Condition
    tags: tuple[str, ...] = ()
    traits: dict[str, Any] = {}  # noqa: RUF012 - nobody writes to it
    source: str = b.WHATSAPP


def _kinds(own: str) -> tuple[Kind, ...]:
    return (
        Kind(b.tag(any_of=["vip", f"vip{own}"]), tags=("VIP",)),
        Kind(b.trait("plan", "EQUALS", "enterprise"), traits={"plan": "Enterprise"}),
        Kind(b.all_of(b.tag(any_of=["lead"]), b.trait("city", "EQUALS", "Mumbai")), traits={"city": "mumbai"}),
        Kind(b.trait("budget", "GREATER", 50_000), traits={"budget": "75000"}),
        Kind(b.source("facebook_ad", f"instagram_ad{own}"), source="facebook_ad"),
        Kind(b.trait("country", "IN", "DE", "AT", f"CH{own}"), traits={"country": "AT"}),
        Kind(b.trait("campaign", "CONTAINS", "diwali"), traits={"campaign": "diwali-sale-2026"}),
        Kind(b.trait("language", "IN", "hi", "mr", f"gu{own}"), traits={"language": "mr"}),
        Kind(
            b.all_of(b.trait("company_size", "GREATER_OR_EQUAL", 200), b.trait("plan", "IN", "pro", "business")),
            traits={"company_size": 350, "plan": "pro"},
        ),
        Kind(b.tag(all_of=["returning", "wholesale"]), tags=("returning", "wholesale")),
        Kind(b.source("upload", "import"), source="upload"),
        Kind(b.trait("country", "EQUALS", "AE"), traits={"country": "AE"}),
        Kind(b.trait("email", "CONTAINS", "university"), traits={"email": "ana@university.example"}),
        Kind(b.any_of(b.tag(any_of=["complaint"]), b.trait("city", "EQUALS", "Delhi")), tags=("complaint",)),
        Kind(b.trait("language", "EQUALS", "fr"), traits={"language": "fr"}),
        Kind(b.tag(any_of=[f"abandoned{own}", "abandoned-cart"]), tags=("abandoned-cart",)),
        Kind(b.trait("budget", "LESS", 100), traits={"budget": 50}),
        Kind(
            b.all_of(
                b.tag(any_of=["partner"]), b.expression(f"contact.tags.size() > 2 && contact.source != 'api{own}'")
            ),
            tags=("partner",),
        ),
        Kind(b.trait("referral", "EXISTS"), traits={"referral": "friend"}),
        Kind(b.tag(none_of=["blocked", "test"])),
    )


RULE_IDS = tuple(f"rule-{number:02}" for number in range(len(_kinds(""))))


def rules(own: str = "") -> list[rules_pb2.Rule]:
    """Return the 20 rules; `own`: what sets those of one workspace apart from those of others."""
    targets = [*(b.team(name) for name in TEAMS), b.EVERYONE]
    return [
        b.rule(
            rule_id,
            on=b.ON_NEW_WHATSAPP if kind.source == b.WHATSAPP else b.ON_CREATED,
            when=kind.when,
            to=targets[number % len(targets)],
            strategy=b.LEAST_OPEN_CONTACTS if number % 2 else b.ROUND_ROBIN,
            online_only=True,
        )
        for number, (rule_id, kind) in enumerate(zip(RULE_IDS, _kinds(own), strict=True))
    ]


def configure(workspace: Workspace) -> None:
    """Put agents, their presence and the 20 rules in place."""
    workspace.roster(*AGENTS, **TEAMS)
    workspace.online(*AGENTS)
    workspace.rules(*rules(), fallback=b.fallback(online_only=True))


class Requests:
    """Requests about contacts that nobody saw before, with a request id each.

    Args:
        workspace: whose contacts they are; or what returns that for the number of a request.
        prefix: what sets these contacts apart from others of the workspace: 8 characters.
        kinds: what to send, again and again, with the id of the rule that takes it: `contacts()` by default.
        request_id_size: characters of a request id; a contact's id has 20.
    """

    def __init__(
        self,
        workspace: str | Callable[[int], str],
        prefix: str,
        kinds: Sequence[tuple[contact_pb2.Contact, str]] | None = None,
        *,
        request_id_size: int = 20,
    ) -> None:
        self._workspace = workspace if callable(workspace) else lambda _: workspace
        self._prefix = prefix
        self._kinds = [
            (api.EvaluateContactRequest(event_type=b.CREATED, contact=contact), rule_id)
            for contact, rule_id in kinds or contacts()
        ]
        self._request_id_size = request_id_size
        self.taken = 0

    def take(self, count: int) -> Iterator[api.EvaluateContactRequest]:
        """Yield the next requests; each is good until the next one."""
        for number in range(self.taken, self.taken + count):
            request, _ = self._kinds[number % len(self._kinds)]
            request.workspace_id = self._workspace(number)
            request.contact.id = f"{self._prefix}{number:012}"
            request.request_id = f"r-{self._prefix}{number:0{self._request_id_size - 10}}"
            yield request
        self.taken += count

    def rule_id(self, number: int) -> str:
        """Return the rule that takes the contact of this request."""
        return self._kinds[number % len(self._kinds)][1]


def contact(**fields: Any) -> contact_pb2.Contact:
    """Return a contact as they are in the field, without an id, with these tags, traits and source besides."""
    tags, traits = fields.pop("tags", ()), fields.pop("traits", {})
    return b.contact("", tags=(*_TAGS, *tags), traits=_TRAITS | traits, **fields)


def contacts() -> list[tuple[contact_pb2.Contact, str]]:
    """Return a contact for each of the 20 rules, with the rule's id."""
    return [
        (contact(tags=kind.tags, traits=kind.traits, source=kind.source), rule_id)
        for rule_id, kind in zip(RULE_IDS, _kinds(""), strict=True)
    ]


def write(path: Path, requests: Iterable[api.EvaluateContactRequest]) -> None:
    """Write a file of EvaluateContact calls, as the load generator reads it."""
    with path.open("wb") as file:
        for request in requests:
            file.write(_framed(request))


def write_batches(path: Path, requests: Iterable[api.EvaluateContactRequest], size: int) -> None:
    """Write a file of BatchEvaluateContacts calls, of `size` requests each."""
    batch = api.BatchEvaluateContactsRequest()
    with path.open("wb") as file:
        for request in requests:
            batch.workspace_id = request.workspace_id
            request.workspace_id = ""
            batch.requests.add().CopyFrom(request)
            if len(batch.requests) == size:
                file.write(_framed(batch))
                del batch.requests[:]


def _framed(message: Message) -> bytes:
    """Return a message as gRPC sends it, after its size."""
    serialized = message.SerializeToString()
    return struct.pack("<IB", 5 + len(serialized), 0) + struct.pack(">I", len(serialized)) + serialized
