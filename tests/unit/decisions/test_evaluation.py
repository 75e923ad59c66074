"""Calls that are decided together: one that fails does not spoil the others, and nothing is decided twice."""

from __future__ import annotations

from collections import Counter
from contextlib import nullcontext
from time import monotonic, thread_time
from types import SimpleNamespace
from typing import Any

import pytest
from evenhand.v1.assignment_service_pb2 import EvaluateContactRequest
from evenhand.v1.contact_pb2 import EVENT_TYPE_CONTACT_CREATED, Contact

from service.call import NO_DEADLINE, Call, DeadlineError
from service.decisions.errors import InternalError, InvalidError
from service.decisions.evaluation import Asked, Evaluation
from service.decisions.rulebook import Rules
from service.redis_client.client import RedisUnavailableError
from service.store.values import Decided, Decision, StaleRulesError, revision_of


class Matcher:
    """Rules that match nothing, break at one contact, and take long for some."""

    def match(self, _event: int, contact: Contact, _updated_keys: object, _opened_by: int) -> None:
        """Find nothing."""
        if contact.id == "broken":
            raise ZeroDivisionError
        if contact.id.startswith("slow"):
            end = thread_time() + 0.06
            while thread_time() < end:
                pass


class Book:
    """Rules of every workspace; those of `new` are found to be stale once."""

    def __init__(self) -> None:
        self.read_again: list[str] = []

    def of_each(self, workspace_ids: Any, _deadline: float, stale: Any = ()) -> dict[str, Any]:
        """Return the rules of each."""
        self.read_again += stale
        version = "2.b" if stale else "1.a"
        return {each: Rules(each, version, Matcher()) if each else None for each in workspace_ids}


class Store:
    """A store that decides that no rule matched, unless something is wrong with a workspace."""

    def __init__(self, **problems: Exception) -> None:
        self.problems = problems
        self.decided: Counter[str] = Counter()
        self.deadlines: list[float] = []
        self.slow = 0

    def decide(self, groups: Any, deadline: float, *, slow: bool = False) -> list[Decided]:
        """Return what becomes of each group."""
        self.slow += slow
        self.deadlines.append(deadline)
        results = []
        for workspace_id, version, cases in groups:
            problem = self.problems.get(workspace_id)
            if isinstance(problem, StaleRulesError) and version == "2.b":
                problem = None
            # Where there is a problem, the first of several was decided before it came up.
            count = len(cases) if problem is None else len(cases) - 1
            self.decided.update(case.contact_id for case in cases[:count])
            decisions = [Decision(4, b"", b"", revision_of(version), 7, 0, 0, b"") for _ in range(count)]
            results.append(Decided(decisions, problem))
        return results


class Observer:
    """Counts what it is told, and fails the first time at one seam."""

    def __init__(self, fails_at: str = "") -> None:
        self.fails_at = fails_at
        self.told: Counter[str] = Counter()

    def _note(self, seam: str) -> None:
        self.told[seam] += 1
        if seam == self.fails_at and self.told[seam] == 1:
            raise ZeroDivisionError(seam)

    def group(self, _spans: object) -> Any:
        """Note nothing."""
        self._note("group")
        return nullcontext()

    def prepared(self, _seconds: float) -> None:
        """Note the seam."""
        self._note("prepared")

    def decided(self, _workspace_id: str, _decided: object) -> None:
        """Note the seam."""
        self._note("decided")


def asked(contact_id: str, workspace: str = "w", deadline: float = NO_DEADLINE) -> Asked:
    """A call about a new contact."""
    request = EvaluateContactRequest(
        workspace_id=workspace, event_type=EVENT_TYPE_CONTACT_CREATED, contact=Contact(id=contact_id)
    )
    return Asked(workspace, request, Call(workspace, deadline))


def ask(store: Store, *calls: Asked, observer: Observer | None = None, book: Book | None = None) -> list[Any]:
    """What comes of calls that are decided together."""
    return Evaluation(store, book or Book(), observer or Observer())._decide_together(list(calls))


def test_a_call_that_fails_fails_alone():
    """Of calls decided together, each that cannot be prepared gets why, and the others get their decisions."""
    store = Store()
    late = monotonic() - 1
    good, broken, wrong, nowhere, over, last = ask(
        store, asked("c-1"), asked("broken"), asked(""), asked("c", ""), asked("c-3", deadline=late), asked("c-2", "v")
    )
    assert good.sequence == last.sequence == 7
    assert isinstance(broken, InternalError)
    assert [each.field for each in wrong.violations] == ["contact.id"]
    assert [each.field for each in nowhere.violations] == ["workspace_id"]
    assert isinstance(over, DeadlineError)
    assert store.decided == {"c-1": 1, "c-2": 1}


def test_what_is_wrong_with_one_workspace_reaches_its_own_calls_alone():
    """A script that fails, or a server that goes away, fails the undecided calls of that workspace, and no others."""
    store = Store(broken=ZeroDivisionError("in Lua"), lost=RedisUnavailableError())
    outcomes = ask(
        store, asked("b-1", "broken"), asked("b-2", "broken"), asked("l-1", "lost"), asked("l-2", "lost"), asked("c")
    )
    assert [type(each) for each in outcomes] == [Decision, InternalError, Decision, RedisUnavailableError, Decision]
    assert set(store.decided.values()) == {1}


def test_only_calls_without_a_decision_are_decided_under_newer_rules():
    """When rules change in the middle of a group, contacts decided before keep that; the others get the new rules."""
    book, store = Book(), Store(new=StaleRulesError())
    outcomes = ask(store, asked("c-1", "new"), asked("c-2", "new"), asked("c-3"), book=book)
    assert [each.revision for each in outcomes] == [1, 2, 1]
    assert book.read_again == ["new"]
    assert store.decided == {"c-1": 1, "c-2": 1, "c-3": 1}


@pytest.mark.parametrize("seam", ["group", "prepared", "decided"])
def test_an_observer_that_fails_changes_no_decision(seam, caplog):
    """Where metrics, traces or logs fail, every call gets the one decision made for it, and the log says so."""
    store, observer = Store(), Observer(seam)
    outcomes = ask(store, asked("c-1"), asked("c-2"), observer=observer)
    assert [each.sequence for each in outcomes] == [7, 7]
    assert store.decided == {"c-1": 1, "c-2": 1}
    assert observer.told[seam] == 1
    assert "could not be noted" in caplog.text


def test_a_group_has_as_long_as_its_most_patient_call():
    """The store is given the latest deadline of a group; a call without one waits as long as the settings say."""
    store = Store()
    soon, later = monotonic() + 5, monotonic() + 9
    ask(store, asked("c-1", deadline=soon), asked("c-2", deadline=later))
    ask(store, asked("c-3", deadline=soon), asked("c-4"))
    assert store.deadlines == [later, NO_DEADLINE]


def test_rules_that_are_not_to_be_had_fail_their_calls():
    """Where the rules of one workspace cannot be read, its calls are told so, and others are decided."""
    book = SimpleNamespace(
        of_each=lambda ids, _deadline, _stale: {
            each: RedisUnavailableError() if each == "lost" else Rules(each, "1.a", Matcher()) for each in ids
        }
    )
    lost, found = ask(Store(), asked("c-1", "lost"), asked("c-2"), book=book)
    assert isinstance(lost, RedisUnavailableError)
    assert found.sequence == 7


def test_the_error_of_a_wrong_request_names_every_field():
    """A wrong contact in an unnamed workspace is refused with both fields."""
    (wrong,) = ask(Store(), asked("", ""))
    assert isinstance(wrong, InvalidError)
    assert [each.field for each in wrong.violations] == ["workspace_id", "contact.id"]


def test_one_contact_that_takes_long_makes_no_workspace_costly():
    """Python may have looked for garbage meanwhile: contacts of that workspace go on being decided together."""
    evaluation = Evaluation(Store(), Book(), Observer())
    for contact_id in ("slow-1", "slow-2", "slow-3", *(f"c-{number}" for number in range(20))):
        evaluation.evaluate(asked(contact_id))
    assert not evaluation.costly


def test_rules_that_take_long_again_and_again_hold_up_no_others(monkeypatch):
    """Contacts of a workspace of which several took long are decided alone, until it is found out anew."""
    store = Store()
    evaluation = Evaluation(store, Book(), Observer())
    for number in range(4):  # the first raises the suspicion, and three bear it out
        evaluation.evaluate(asked(f"slow-{number}"))
    assert evaluation.costly == {"w"}
    assert store.slow == 0
    evaluation.evaluate(asked("c-1"))
    evaluation.evaluate(asked("c-2", "v"))
    assert store.slow == 1
    monkeypatch.setattr("service.decisions.costly_workspaces.monotonic", lambda: monotonic() + 61)
    evaluation.evaluate(asked("c-3"))
    assert not evaluation.costly
    assert not evaluation._costly._known_until
    evaluation.evaluate(asked("c-4"))
    assert store.slow == 2
