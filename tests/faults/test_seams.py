"""Each seam of the decision path fails once: whoever asked is told the one decision that was made."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from evenhand.v1.assignment_service_pb2 import EvaluateContactRequest
from evenhand.v1.contact_pb2 import EVENT_TYPE_CONTACT_CREATED, Contact

from service.app import App
from service.call import NO_DEADLINE, Call, DeadlineError
from service.config import Settings
from service.decisions.evaluation import Asked
from service.redis_client.client import RedisClient
from service.rpc.receiving import Receiver
from service.store.workspace import RedisWorkspace
from service.telemetry import metrics
from service.telemetry.observer import DecisionObserver
from tests.support.builders import ASSIGNED, rule
from tests.support.client import Service, Workspace
from tests.support.processes import EvenhandServer, RedisServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CONTACTS = ("c-1", "c-2")


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    """A Redis of these tests."""
    with RedisServer() as server:
        yield server


@pytest.fixture(scope="module")
def workspace_id(redis: RedisServer) -> str:
    """A workspace in it in which every new contact is assigned."""
    with EvenhandServer(redis.url) as server:
        workspace = Workspace(uuid4().hex, Service(server.address))
        workspace.roster("ann", "bob")
        workspace.rules(rule("everyone"))
    return workspace.id


@pytest.fixture
def app(redis: RedisServer) -> Iterator[App]:
    """What answers calls, on this Redis and in this process."""
    receiver = Receiver(timeout_s=5, response_timeout_s=60)
    app = App(Settings(redis_url=redis.url), redis.url, receiver, is_worker=True)
    yield app
    app.close()
    receiver.close()


def once(original: Callable[..., Any]) -> Callable[..., Any]:
    """The same function, but that it raises when it is first called."""
    failed = Event()

    def function(*arguments: Any, **options: Any) -> Any:
        if not failed.is_set():
            failed.set()
            raise ZeroDivisionError("a seam")
        return original(*arguments, **options)

    return function


SEAMS = {
    "spans of a group": (DecisionObserver, "group"),
    "time that rules took": (DecisionObserver, "prepared"),
    "decisions": (DecisionObserver, "decided"),
    "counters": (metrics.DecisionMetrics, "of"),
    "time that a script took": (metrics.RedisMetrics, "ran"),
}
"""What is told on the way of a contact, each by its class and method."""


@pytest.mark.parametrize("seam", SEAMS)
def test_a_seam_that_fails_once_decides_nothing_twice(seam, app, workspace_id, monkeypatch, caplog):
    """Two new contacts, decided together while a seam fails, are both told ASSIGNED, one after the other."""
    kind, method = SEAMS[seam]
    monkeypatch.setattr(kind, method, once(getattr(kind, method)))
    evaluation = app._assignment._evaluation
    group = [
        Asked(
            workspace_id,
            EvaluateContactRequest(
                workspace_id=workspace_id,
                event_type=EVENT_TYPE_CONTACT_CREATED,
                contact=Contact(id=f"{seam}-{each}", source="whatsapp_dm"),
            ),
            Call(workspace_id, NO_DEADLINE),
        )
        for each in CONTACTS
    ]
    first, second = evaluation._decide_together(group)
    assert (first.outcome, second.outcome) == (ASSIGNED, ASSIGNED)
    assert second.sequence == first.sequence + 1  # one run, which decided nothing else
    assert {first.agent, second.agent} == {b"ann", b"bob"}
    assert "ZeroDivisionError: a seam" in caplog.text


def test_calls_that_wait_together_while_a_seam_fails_are_all_answered(app, workspace_id, monkeypatch):
    """However threads come together, each of them gets a decision of its own while counting fails again and again."""
    calls = iter(range(10**9))
    original = DecisionObserver.decided

    def every_other(*arguments: Any) -> None:
        if next(calls) % 2:
            raise ZeroDivisionError
        original(*arguments)

    monkeypatch.setattr(DecisionObserver, "decided", every_other)
    evaluation = app._assignment._evaluation

    def decide(number: int) -> Any:
        request = EvaluateContactRequest(
            workspace_id=workspace_id,
            event_type=EVENT_TYPE_CONTACT_CREATED,
            contact=Contact(id=f"together-{number}", source="whatsapp_dm"),
        )
        return evaluation.ask(Asked(workspace_id, request, Call(workspace_id, NO_DEADLINE)))

    def open_counts() -> Counter[str]:
        standings = evaluation._store.workspace(workspace_id).standings(["ann", "bob"])
        return Counter({agent: standing.open_contacts for agent, standing in standings})

    before = open_counts()
    with ThreadPoolExecutor(16) as threads:
        decisions = list(threads.map(decide, range(400)))
    assert {each.outcome for each in decisions} == {ASSIGNED}
    assert len({each.sequence for each in decisions}) == 400
    held = Counter(each.agent.decode() for each in decisions)
    assert open_counts() == held + before, "something was decided twice"


def test_nothing_goes_on_past_a_deadline(redis, workspace_id):
    """Work for a call whose deadline is over is not begun, also not in the middle of a loop, and changes nothing."""
    client = RedisClient(redis.url, 1.0)
    try:
        over = RedisWorkspace(client, f"evenhand:{{{workspace_id}}}".encode(), 0.0, 1000)
        for work in (
            over.configuration,
            over.build,
            over.expire_leases,
            lambda: over.close("deadline"),
            lambda: over.assign("deadline", "ann"),
            lambda: list(over.standings(["ann"])),
        ):
            with pytest.raises(DeadlineError):
                work()
        there = RedisWorkspace(client, f"evenhand:{{{workspace_id}}}".encode(), NO_DEADLINE, 1000)
        assert there.contact("deadline") is None
    finally:
        client.close()
