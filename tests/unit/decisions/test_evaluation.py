"""Calls that are decided together: one that breaks does not spoil the others."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from evenhand.v1.assignment_service_pb2 import EvaluateContactRequest
from evenhand.v1.contact_pb2 import EVENT_TYPE_CONTACT_CREATED, Contact

from service.decisions.errors import RefusedError
from service.decisions.evaluation import Evaluation
from service.redis_client.client import RedisAwayError
from service.rpc.statuses import status_of
from service.store.values import Answer
from service.telemetry.metrics import DecisionMetrics


class Matcher:
    """Rules that match nothing, and break at one contact."""

    def match(self, _event: int, contact: Contact, _updated_keys: object) -> None:
        """Find nothing."""
        if contact.id == "broken":
            raise ZeroDivisionError


class Store:
    """A store that decides that no rule matched, unless Redis is away."""

    def __init__(self) -> None:
        self.away = False

    def within(self, _timeout_s: float | None) -> Store:
        """Return itself."""
        return self

    def decide(self, _root: bytes, _revision: int, cases: Any, *, slow: bool) -> list[Answer]:
        """Return an answer for each."""
        assert not slow
        if self.away:
            raise RedisAwayError
        return [Answer(4, b"", b"", 1, 7, 0, 0, b"") for _ in cases]

    def decide_each(self, groups: Any) -> list[list[Answer]]:
        """Return an answer for each contact of each workspace."""
        return [self.decide(root, revision, cases, slow=False) for root, revision, cases in groups]


def ask(store: Store, *contact_ids: str) -> list[Any]:
    """What comes of calls about these contacts that are decided together."""
    rules = SimpleNamespace(root=b"r", revision=1, compiled=Matcher())
    evaluation = Evaluation(store, SimpleNamespace(of=lambda _: rules), DecisionMetrics(most_workspaces=0), status_of)
    requests = [
        EvaluateContactRequest(workspace_id="w", event_type=EVENT_TYPE_CONTACT_CREATED, contact=Contact(id=contact_id))
        for contact_id in contact_ids
    ]
    return evaluation._evaluate_together("w", [(request, None, None) for request in requests])


def test_a_call_that_breaks_breaks_alone():
    """Of calls decided together, one that meets a fault of ours gets it raised, and the others their decisions."""
    good, broken, wrong, last = ask(Store(), "c-1", "broken", "", "c-2")
    assert good.decision.sequence == last.decision.sequence == 7
    assert isinstance(broken, ZeroDivisionError)
    assert isinstance(wrong, RefusedError)


def test_newcomers_among_which_one_breaks_come_again_alone():
    """Of calls to workspaces that are not at hand, none is answered in a group that breaks, and none fails in it."""
    rules = SimpleNamespace(root=b"r", revision=1, compiled=Matcher())
    book = SimpleNamespace(reload_each=lambda ids: [rules for _ in ids])
    evaluation = Evaluation(Store(), book, DecisionMetrics(most_workspaces=0), status_of)

    def decided(*contact_ids: str) -> list[bool]:
        requests = [
            EvaluateContactRequest(
                workspace_id=f"w-{at}", event_type=EVENT_TYPE_CONTACT_CREATED, contact=Contact(id=each)
            )
            for at, each in enumerate(contact_ids)
        ]
        responses = evaluation._evaluate_newcomers([(request, None, None) for request in requests])
        return [response is not None for response in responses]

    assert decided("c-1", "broken", "c-2") == [False, False, False]
    assert decided("c-1", "", "c-2") == [True, False, True]


def test_when_redis_is_away_nobody_tries_one_by_one():
    """While Redis is away all calls of a group learn it at once."""
    store = Store()
    store.away = True
    with pytest.raises(RedisAwayError):
        ask(store, "c-1", "c-2")
