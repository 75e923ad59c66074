"""Requests that an earlier version of the service answered, which noted their ids alone, on a real Redis."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from service.store.values import NO_CHOICE, Case, Decision, Opens
from tests.support import plans
from tests.support.stores import decide, open_store, request_of

if TYPE_CHECKING:
    from service.redis_client.client import RedisClient
    from service.store.store import RedisStore

VIEW = plans.view("t:sales", 1)
CHOICE = plans.choice(VIEW).ref
ASSIGNED, ALREADY_ASSIGNED, NO_RULE_MATCHED = 1, 2, 4
CREATED, UPDATED, OPENED = 1, 2, 3
# An earlier version sent the request id alone, and kept what it was sent: so does this one.
EARLIER = "one"


class Asks:
    """Decides about one contact of a workspace of two agents."""

    def __init__(self, store: RedisStore, name: str) -> None:
        self.store, self.name = store, name
        self.workspace = store.workspace(name)
        change = plans.everyone_in((VIEW,), "ab")
        self.version = self.workspace.configure(
            self.workspace.configuration(), change, rules=plans.rules(VIEW), unassign_on_close=False
        )

    def ask(self, request: str, choice: str = CHOICE, owner: str = "") -> Decision:
        """What is decided for this request."""
        (decided,) = decide(self.store, self.name, self.version, [Case("c", owner, Opens.NONE, request, choice, "")])
        return decided


@pytest.fixture
def asks(redis: RedisClient, request: pytest.FixtureRequest) -> Asks:
    """A new workspace."""
    return Asks(open_store(redis), request.node.name)


@pytest.mark.parametrize("event", [CREATED, UPDATED, OPENED])
def test_a_retry_after_the_upgrade_finds_the_owner(asks: Asks, event: int):
    """A retry of what an earlier version assigned gets that answer for any event, also after it is unassigned."""
    first = asks.ask(EARLIER)
    assert (first.outcome, first.agent) == (ASSIGNED, b"a")
    assert asks.workspace.unassign("c") == "a"
    assert asks.ask(request_of("one", event)) == first._replace(replayed=1)
    assert asks.ask(request_of("two", event)).agent == b"b"
    assert asks.workspace.unassign("c") == "b"
    assert asks.ask(request_of("one", event)) == first._replace(replayed=1), (
        "it gave way to another, and is still known"
    )


def test_a_named_owner_is_replayed_after_the_upgrade(asks: Asks):
    """What an earlier version said of a contact that was owned already is replayed, too."""
    first = asks.ask(EARLIER, owner="b")
    assert first.outcome == ALREADY_ASSIGNED
    assert asks.ask(request_of("one", UPDATED), owner="a") == first._replace(replayed=1)


def test_what_left_a_contact_without_an_owner_is_no_answer_to_another_event(asks: Asks):
    """A request that an earlier version left without an owner is decided anew: nobody knows for which event it was."""
    assert asks.ask(EARLIER, NO_CHOICE).outcome == NO_RULE_MATCHED
    found = asks.ask(request_of("one", OPENED))
    assert (found.outcome, found.agent, found.replayed) == (ASSIGNED, b"a", 0)
    assert asks.ask(request_of("one", OPENED)) == found._replace(replayed=1)
    again = asks.ask(request_of("one", CREATED))
    assert (again.outcome, again.agent, again.replayed) == (ALREADY_ASSIGNED, b"a", 0)


def test_the_version_before_finds_the_owner_on_record(asks: Asks):
    """A retry that comes to a replica of the version before, while both run, keeps the owner."""
    assert asks.ask(request_of("one", CREATED)).agent == b"a"
    before = asks.ask(EARLIER)
    assert (before.outcome, before.agent) == (ALREADY_ASSIGNED, b"a")
