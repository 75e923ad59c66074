"""One workspace of the running service, as a story sees it. A caller of yours would look much like this."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evenhand.v1.assignment_service_pb2 import (
    AssignContactRequest,
    CloseContactRequest,
    ConfigureRulesRequest,
    EvaluateContactRequest,
)
from evenhand.v1.assignment_service_pb2_grpc import AssignmentServiceStub
from evenhand.v1.contact_pb2 import Contact, EventType
from evenhand.v1.decision_pb2 import Outcome
from evenhand.v1.roster_service_pb2 import (
    AgentPresence,
    ConfigureRosterRequest,
    GetRosterRequest,
    Presence,
    Roster,
    SetPresenceRequest,
)
from evenhand.v1.roster_service_pb2_grpc import RosterServiceStub

from service.cli.documents import read

if TYPE_CHECKING:
    import grpc
    from evenhand.v1.decision_pb2 import Decision

HERE = Path(__file__).parent
DEADLINE = 5.0  # seconds, of each call


@dataclass(frozen=True)
class Event:
    """One reported event, and what was decided."""

    contact_id: str
    decision: Decision


class Workspace:
    """Configures a workspace, reports events to it, and remembers every decision."""

    def __init__(self, channel: grpc.Channel, name: str) -> None:
        self.name = name
        self.events: list[Event] = []
        self._assignment = AssignmentServiceStub(channel)
        self._roster = RosterServiceStub(channel)
        self._numbers = itertools.count(1)

    def configure(self, *files: str) -> None:
        """Configure the workspace from files of this folder: a roster file first, then a rules file."""
        for file in files:
            document = read(HERE / file)
            if document.problems:
                raise SystemExit("\n".join(str(problem) for problem in document.problems))
            if isinstance(document.message, Roster):
                roster = ConfigureRosterRequest(workspace_id=self.name, roster=document.message)
                self._roster.ConfigureRoster(roster, timeout=DEADLINE)
            else:
                rules = ConfigureRulesRequest(workspace_id=self.name, rule_set=document.message)
                self._assignment.ConfigureRules(rules, timeout=DEADLINE)

    def first_message(self, contact_id: str = "") -> str:
        """Somebody writes on WhatsApp for the first time; gives the contact's id."""
        contact = Contact(id=contact_id or f"contact-{next(self._numbers)}", source="whatsapp_dm", channel="whatsapp")
        return self._report(EventType.EVENT_TYPE_CONTACT_CREATED, contact)

    def upload(self, owner_id: str = "") -> str:
        """A contact comes with a bulk upload, perhaps with its owner; gives its id."""
        contact = Contact(id=f"contact-{next(self._numbers)}", source="upload", owner_id=owner_id)
        return self._report(EventType.EVENT_TYPE_CONTACT_CREATED, contact)

    def answers(self, contact_id: str, **traits: Any) -> None:
        """A workflow stores what a contact has answered so far; the last trait is the new one."""
        contact = Contact(id=contact_id, source="whatsapp_dm", channel="whatsapp")
        for key, value in traits.items():
            if isinstance(value, str):
                contact.traits[key].string_value = value
            else:
                contact.traits[key].number_value = value
        self._report(EventType.EVENT_TYPE_TRAIT_OR_TAG_UPDATED, contact, [*traits][-1])

    def synced(self, contact_id: str, owner_id: str) -> None:
        """The CRM reports what it knows of a contact that it has an owner for."""
        contact = Contact(id=contact_id, source="upload", owner_id=owner_id)
        contact.traits["plan"].string_value = "pro"
        self._report(EventType.EVENT_TYPE_TRAIT_OR_TAG_UPDATED, contact, "plan")

    def tagged(self, contact_id: str, tag: str) -> None:
        """Somebody, or something, tags a contact."""
        contact = Contact(id=contact_id, source="whatsapp_dm", channel="whatsapp", tags=[tag])
        self._report(EventType.EVENT_TYPE_TRAIT_OR_TAG_UPDATED, contact, tag)

    def conversation(self, first_name: str, contact_id: str = "", *, key: str = "firstName") -> str:
        """A contact, whose first name has this key, opens a conversation; gives the contact's id."""
        contact = Contact(id=contact_id or f"contact-{next(self._numbers)}", channel="whatsapp")
        contact.traits[key].string_value = first_name
        return self._report(EventType.EVENT_TYPE_CONVERSATION_OPENED, contact)

    def presence(self, **presences: str) -> None:
        """Report who is there: `presence(dev="ONLINE")`."""
        reports = [
            AgentPresence(agent_id=agent, presence=Presence.Value(f"PRESENCE_{name}"))
            for agent, name in presences.items()
        ]
        self._roster.SetPresence(SetPresenceRequest(workspace_id=self.name, presences=reports), timeout=DEADLINE)

    def by_hand(self, agent_id: str, contacts: int) -> None:
        """A person gives an agent some contacts."""
        for _ in range(contacts):
            request = AssignContactRequest(
                workspace_id=self.name, contact_id=f"contact-{next(self._numbers)}", agent_id=agent_id
            )
            self._assignment.AssignContact(request, timeout=DEADLINE)

    def close(self, contact_id: str) -> None:
        """The conversation ends."""
        request = CloseContactRequest(workspace_id=self.name, contact_id=contact_id)
        self._assignment.CloseContact(request, timeout=DEADLINE)

    def roster(self) -> Roster:
        """Give the agents, with presence and open contacts."""
        return self._roster.GetRoster(GetRosterRequest(workspace_id=self.name), timeout=DEADLINE).roster

    def assigned(self) -> dict[str, list[Event]]:
        """Give the events that assigned a contact, by agent; those whose contact has nobody are under ""."""
        owned: dict[str, list[Event]] = {}
        latest = {event.contact_id: event for event in self.events}
        for event in self.events:
            if event.decision.outcome == Outcome.OUTCOME_ASSIGNED:
                owned.setdefault(event.decision.agent_id, []).append(event)
            elif latest[event.contact_id] is event and not event.decision.agent_id:
                owned.setdefault("", []).append(event)
        return owned

    def _report(self, event_type: EventType.ValueType, contact: Contact, *updated_keys: str) -> str:
        request = EvaluateContactRequest(
            workspace_id=self.name,
            event_type=event_type,
            contact=contact,
            updated_keys=updated_keys,
            request_id=f"{contact.id}/{len(self.events)}",
        )
        decision = self._assignment.EvaluateContact(request, timeout=DEADLINE).decision
        self.events.append(Event(contact.id, decision))
        return contact.id
