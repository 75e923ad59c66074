"""The callers: each a thread that reports events to any replica, calls again after errors, and notes all."""

from __future__ import annotations

import random
import time
from collections import deque
from typing import TYPE_CHECKING, Any

import grpc
from evenhand.v1 import assignment_service_pb2 as api
from evenhand.v1 import roster_service_pb2 as roster_api
from google.rpc.error_details_pb2 import ErrorInfo
from grpc_status import rpc_status

from tests.chaos.history import FOREVER, Call, Decided, History, Operation, PresenceReport, RulesChange
from tests.chaos.workload import LIMITS, NIGHT, WORKSPACES, Contacts, roster, rules
from tests.support import builders
from tests.support.builders import CREATED, OFFLINE, ONLINE, OPENED, UPDATED
from tests.support.client import Service

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

DEADLINE_S = 2.5
_EVENTS = {"evaluate": CREATED, "open": OPENED, "update": UPDATED}
_BATCH = 12
_PAUSE_S = 0.012
_PAUSE_AFTER_ERROR_S = 0.15
_AGAIN = 3
_REPEATABLE = 10
_CONNECT = (("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 300))
# Answers of a service that has done nothing.
_UNDONE = frozenset({"RESOURCE_EXHAUSTED", "INVALID_ARGUMENT", "NOT_FOUND", "ABORTED"})
_WEIGHTS = {"evaluate": 40, "batch": 4, "open": 8, "update": 4, "close": 24, "unassign": 5, "assign": 6, "get": 5}
_SELDOM = {"repeat": 5, "presence": 3, "rules": 0.6, "roster": 0.4}


class Caller:
    """One client.

    Args:
        addresses: of the replicas.
        history: where it notes all.
        contacts: whom it calls about.
        seed: of its choices.
        begin: with which replica it begins.
    """

    def __init__(
        self, addresses: Sequence[str], history: History, contacts: Contacts, seed: int, begin: int = 0
    ) -> None:
        self._replicas = [Service(address, *_CONNECT) for address in addresses]
        self._history = history
        self._contacts = contacts
        self._chance = random.Random(seed)
        self._turn = begin
        self._requests = 0
        self._repeatable: deque[tuple[str, str, str, str]] = deque(maxlen=_REPEATABLE)
        self._name = f"{seed}"

    def close(self) -> None:
        """Close its connections."""
        for each in self._replicas:
            each.close()

    def run(self, until: Callable[[], bool]) -> None:
        """Call and call, until told to end."""
        seldom = {"repeat": self.repeat, "presence": self.presence, "rules": self.rules, "roster": self.roster}
        names, weights = zip(*(_WEIGHTS | _SELDOM).items(), strict=True)
        while not until():
            workspace = self._chance.choice(list(WORKSPACES))
            name = self._chance.choices(names, weights)[0]
            if name in _SELDOM:
                seldom[name](workspace)
            elif name == "batch":
                self.batch(workspace)
            else:
                self._about_one(name, workspace)
            time.sleep(self._chance.expovariate(1 / _PAUSE_S))

    def _about_one(self, kind: str, workspace: str) -> None:
        """Make a call about one contact, and the same again while it fails."""
        contact = None if kind == "evaluate" and self._chance.random() < 0.7 else self._known(workspace)
        if contact is None:
            kind, contact = "evaluate", self._contacts.new(workspace)
        request_id = self._request_id() if kind in _EVENTS else ""
        if request_id:
            self._repeatable.append((kind, workspace, contact, request_id))
        agent = self._chance.choice(list(LIMITS)) if kind == "assign" else ""
        for _ in range(_AGAIN):
            if self.call(kind, workspace, contact, request_id=request_id, agent=agent) or self._chance.random() < 0.3:
                return
            time.sleep(self._chance.uniform(0.3, 1) * _PAUSE_AFTER_ERROR_S)

    def _known(self, workspace: str) -> str | None:
        return self._contacts.known(workspace, self._chance)

    def _request_id(self) -> str:
        """Return an id of a request, or in half of the cases none."""
        self._requests += 1
        return f"{self._name}-{self._requests}" if self._chance.random() < 0.5 else ""

    def call(
        self,
        kind: str,
        workspace: str,
        contact: str,
        *,
        request_id: str = "",
        agent: str = "",
        replica: int | None = None,
    ) -> bool:
        """Make a call about one contact and note what it did; return whether it was answered."""
        name = f"{workspace}/{contact}"
        match kind:
            case "close":
                sent = self._send("CloseContact", api.CloseContactRequest(contact_id=contact), workspace, replica)
                result = _of(sent, lambda said: (said.owner_id, said.closed))
            case "unassign":
                sent = self._send("UnassignContact", api.UnassignContactRequest(contact_id=contact), workspace, replica)
                result = _of(sent, lambda said: (said.previous_owner_id,))
            case "assign":
                request = api.AssignContactRequest(contact_id=contact, agent_id=agent)
                sent = self._send("AssignContact", request, workspace, replica)
                result = _of(sent, lambda said: (said.previous_owner_id, said.open))
            case "get":
                sent = self._send("GetContact", api.GetContactRequest(contact_id=contact), workspace, replica)
                result = _of(sent, _record)
            case _:
                sent = self._send("EvaluateContact", _evaluation(kind, contact, request_id), workspace, replica)
                result = _of(sent, lambda said: _decided(said.decision))
        call, _ = sent
        absent = kind == "get" and call.code == "NOT_FOUND"
        answered = call.code == "OK" or absent
        if answered or (kind != "get" and call.code not in _UNDONE):
            end = call.answered if answered else FOREVER
            self._note(Operation(kind, workspace, name, call.sent, end, request_id, agent, result))
        return answered

    def repeat(self, _: str) -> None:
        """Report again, by the same request id, what was reported a while ago, answered or not."""
        if self._repeatable:
            kind, workspace, contact, request_id = self._repeatable.popleft()
            self.call(kind, workspace, contact, request_id=request_id)

    def probe(self, workspace: str, replica: int) -> bool:
        """Report a new contact to this replica; return whether it was answered."""
        return self.call("evaluate", workspace, self._contacts.new(workspace), replica=replica)

    def batch(self, workspace: str) -> None:
        """Report several contacts at once, most of them new."""
        contacts = [self._contacts.new(workspace) for _ in range(self._chance.randint(2, _BATCH))]
        known = self._known(workspace)
        contacts += [known] if known is not None and known not in contacts else []
        requests = [_evaluation("evaluate", contact, self._request_id()) for contact in contacts]
        call, said = self._send("BatchEvaluateContacts", api.BatchEvaluateContactsRequest(requests=requests), workspace)
        if call.code in _UNDONE:
            return
        results = said.results if said is not None else [api.BatchEvaluateContactsResponse.Result()] * len(requests)
        for request, result in zip(requests, results, strict=True):
            answered = result.WhichOneof("result") == "decision"
            decided = _decided(result.decision) if answered else None
            end = call.answered if answered else FOREVER
            name = f"{workspace}/{request.contact.id}"
            self._note(Operation("evaluate", workspace, name, call.sent, end, request.request_id, "", decided))

    def rules(self, workspace: str) -> None:
        """Configure other rules."""
        tag = self._contacts.tag()
        call, said = self._send("ConfigureRules", api.ConfigureRulesRequest(rule_set=rules(tag, workspace)), workspace)
        change = RulesChange(workspace, tag, call.sent, call.answered, said.revision if said is not None else None)
        with self._history.lock:
            self._history.rules.append(change)

    def roster(self, workspace: str) -> None:
        """Configure other weights and names."""
        self._send("ConfigureRoster", roster_api.ConfigureRosterRequest(roster=roster(self._chance)), workspace)

    def presence(self, workspace: str, *, everybody: bool = False) -> None:
        """Report some agents, or everybody of the team, online or offline."""
        agents = NIGHT if everybody else self._chance.sample(NIGHT, 2)
        online = {agent: everybody or self._chance.random() < 0.6 for agent in agents}
        reports = [
            roster_api.AgentPresence(agent_id=agent, presence=ONLINE if there else OFFLINE)
            for agent, there in online.items()
        ]
        call, said = self._send("SetPresence", roster_api.SetPresenceRequest(presences=reports), workspace)
        if call.code in _UNDONE:
            return
        end = call.answered if said is not None else FOREVER
        with self._history.lock:
            self._history.presences += [
                PresenceReport(workspace, agent, there, call.sent, end) for agent, there in online.items()
            ]

    def read_all(self, workspace: str) -> None:
        """Note the rules in force, and the open count and the presence of each agent."""
        _, said = self._send("GetRules", api.GetRulesRequest(), workspace)
        if said is not None:
            tag = int(said.rule_set.rules[0].id.rpartition("-")[2]) if said.rule_set.rules else 0
            self._history.final_rules[workspace] = (said.revision, tag)
        _, said = self._send("GetRoster", roster_api.GetRosterRequest(), workspace)
        agents = said.roster.agents if said is not None else []
        self._history.final_counts[workspace] = {one.id: one.open_contact_count for one in agents}
        self._history.final_presence[workspace] = {one.id: one.presence == ONLINE for one in agents}

    def flood(self, workspace: str, calls: int, replica: int) -> None:
        """Make so many calls at once, all to one replica."""
        stub = self._replicas[replica].assignment
        request = api.GetContactRequest(workspace_id=workspace, contact_id="nobody")
        sent = time.monotonic()
        under_way = [stub.GetContact.future(request, timeout=DEADLINE_S) for _ in range(calls)]
        for each in under_way:
            error = each.exception()
            if error is not None:
                self._note_call(replica, "GetContact", sent, error)

    def _send(self, method: str, request: Any, workspace: str, replica: int | None = None) -> tuple[Call, Any]:
        """Send a request to the next replica or this one; return how that went, and the response, if one came."""
        if replica is None:
            self._turn += 1
            replica = self._turn % len(self._replicas)
        request.workspace_id = workspace
        service = self._replicas[replica]
        stub = service.assignment if hasattr(service.assignment, method) else service.roster
        sent = time.monotonic()
        try:
            response = getattr(stub, method)(request, timeout=DEADLINE_S)
        except grpc.RpcError as error:
            return self._note_call(replica, method, sent, error), None
        return self._note_call(replica, method, sent, None), response

    def _note_call(self, replica: int, method: str, sent: float, error: Any) -> Call:
        answered = time.monotonic()
        code, reason = ("OK", "") if error is None else (error.code().name, _reason(error))
        call = Call(replica, method, sent, answered, DEADLINE_S, code, reason)
        with self._history.lock:
            self._history.calls.append(call)
        return call

    def _note(self, operation: Operation) -> None:
        with self._history.lock:
            self._history.operations.append(operation)


def _of(sent: tuple[Call, Any], read: Callable[[Any], tuple[object, ...]]) -> tuple[object, ...] | None:
    return None if sent[1] is None else read(sent[1])


def _evaluation(kind: str, contact: str, request_id: str) -> api.EvaluateContactRequest:
    keys = ("vip",) if kind == "update" else ()
    return api.EvaluateContactRequest(
        event_type=_EVENTS[kind], contact=builders.contact(contact), updated_keys=keys, request_id=request_id
    )


def _decided(said: Any) -> Decided:
    return Decided(said.outcome, said.agent_id, said.sequence, said.rules_revision, said.rule_id, said.replayed)


def _record(said: Any) -> tuple[object, ...]:
    return (said.owner_id, said.open, said.decision.outcome, said.decision.agent_id, said.decision.sequence)


def _reason(error: grpc.RpcError) -> str:
    status = rpc_status.from_call(error)
    for detail in status.details if status is not None else ():
        if detail.Is(ErrorInfo.DESCRIPTOR):
            return str(ErrorInfo.FromString(detail.value).reason)
    return ""
