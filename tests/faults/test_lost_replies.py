"""Replies of Redis that are lost after the script has run: callers hear what was decided, once, with its reply."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from evenhand.v1 import assignment_service_pb2 as api

from service.redis_client.client import WAITS_BEFORE_REPEAT
from tests.support.builders import (
    ALREADY_ASSIGNED,
    ASSIGNED,
    CREATED,
    NO_RULE_MATCHED,
    ONLINE,
    contact,
    rule,
)
from tests.support.client import Service, Workspace
from tests.support.lossy_proxy import LossyProxy
from tests.support.processes import EvenhandServer, RedisServer, free_port, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

LOST = 1000
BATCHES, CONTACTS_A_BATCH = 20, 50
RUN_KEYS = "*:run:*"
REDIS_TIMEOUT_S = 0.5


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    """A Redis of these tests."""
    with RedisServer(port=free_port()) as redis:
        yield redis


@pytest.fixture(scope="module")
def proxy(redis: RedisServer) -> Iterator[LossyProxy]:
    """What is between: it loses the first reply about each contact whose id says so."""
    assert redis.port is not None
    with LossyProxy(redis.port, rb"lost-\d+") as proxy:
        yield proxy


@pytest.fixture
def workspace(proxy: LossyProxy, request: pytest.FixtureRequest) -> Iterator[Workspace]:
    """A tenant of a service that reaches Redis through the proxy."""
    options = ("--redis-timeout", f"{REDIS_TIMEOUT_S}s")
    with EvenhandServer(proxy.url, options=options) as server:
        service = Service(server.address)
        workspace = Workspace(request.node.name, service)
        workspace.roster("ann", "bob")
        workspace.rules(rule("r", reply="Hello from $agent.name"))
        proxy.lost.clear()
        yield workspace
        service.close()


def test_a_lost_reply_is_told_again(workspace: Workspace, proxy: LossyProxy, redis: RedisServer):
    """1,000 new contacts without a request id, each with its first reply lost, are ASSIGNED with the welcome message.

    What is kept for that is gone as soon as no repeat can come any more.
    """
    decisions = [workspace.created(f"lost-{at}") for at in range(LOST)]
    assert len(proxy.lost) == LOST
    assert {(one.outcome, one.replayed) for one in decisions} == {(ASSIGNED, False)}
    assert {(one.agent_id, one.reply) for one in decisions} == {
        ("ann", "Hello from ann"),
        ("bob", "Hello from bob"),
    }
    assert len({one.sequence for one in decisions}) == LOST
    assert workspace.open_counts() == {"ann": LOST / 2, "bob": LOST / 2}
    with redis.client() as client:
        longest_ms = int(WAITS_BEFORE_REPEAT * REDIS_TIMEOUT_S * 1000)  # -2: gone meanwhile
        assert all(client.pttl(key) in {-2, *range(longest_ms + 1)} for key in client.scan_iter(RUN_KEYS))
        wait_until(lambda: not list(client.scan_iter(RUN_KEYS)), "nothing is kept of runs")


def test_a_lost_batch_is_told_again(workspace: Workspace, proxy: LossyProxy):
    """A batch whose reply is lost comes out as it was decided, contact by contact, also where one is in it twice."""
    for batch in range(BATCHES):
        name = f"lost-{LOST + batch}"
        contacts = [contact(f"{name}/{at}") for at in range(CONTACTS_A_BATCH - 3)]
        contacts += [contacts[0], contact(f"{name}/none", source="api"), contact(f"{name}/none")]
        decisions = workspace.batch(api.EvaluateContactRequest(event_type=CREATED, contact=one) for one in contacts)
        # Of the last contact the record has its second decision alone; so the first is made again, and changes nothing.
        expected = [ASSIGNED] * (CONTACTS_A_BATCH - 3) + [ALREADY_ASSIGNED, ALREADY_ASSIGNED, ASSIGNED]
        assert [one.outcome for one in decisions] == expected
        assert all((one.reply != "") == (one.outcome == ASSIGNED) for one in decisions)
    assert len(proxy.lost) == BATCHES
    assert sum(workspace.open_counts().values()) == BATCHES * (CONTACTS_A_BATCH - 2)


def test_a_lost_reply_about_nobody_is_told_again(workspace: Workspace, proxy: LossyProxy):
    """A contact that no rule matched is told so again, with the same sequence number as on record."""
    first = workspace.created("lost-5000", source="api")
    assert (first.outcome, len(proxy.lost)) == (NO_RULE_MATCHED, 1)
    on_record = workspace.contact("lost-5000")
    assert on_record is not None
    assert on_record.decision.sequence == first.sequence


def test_a_new_call_is_no_repeat(workspace: Workspace):
    """A second call about the contact is decided anew, however soon it comes."""
    assert workspace.created("c").outcome == ASSIGNED
    again = workspace.created("c")
    assert (again.outcome, again.reply) == (ALREADY_ASSIGNED, "")


@pytest.mark.parametrize("contacts", [1, CONTACTS_A_BATCH])
def test_only_what_an_earlier_call_decided_is_replayed(workspace: Workspace, proxy: LossyProxy, contacts: int):
    """A first call with request ids whose reply is lost is told its decisions as new; a second one, as replayed."""
    asked = [
        api.EvaluateContactRequest(event_type=CREATED, contact=contact(f"lost-{6000 + contacts}/{at}"), request_id="r")
        for at in range(contacts)
    ]
    first, second = workspace.batch(asked), workspace.batch(asked)
    assert len(proxy.lost) == 1
    assert {(one.outcome, one.replayed, one.reply != "") for one in first} == {(ASSIGNED, False, True)}
    assert {(one.outcome, one.replayed, one.reply != "") for one in second} == {(ASSIGNED, True, True)}
    assert [one.sequence for one in first] == [one.sequence for one in second]


def test_a_lost_reply_after_a_refusal_is_told_as_new(workspace: Workspace, proxy: LossyProxy):
    """A first call that had to wait until a presence had ended, and then lost its reply, is told as the first."""
    workspace.presence(ONLINE, "ann", lease_ms=50)
    time.sleep(0.1)
    first = workspace.created("lost-8000", request_id="r")
    assert len(proxy.lost) == 1
    assert (first.outcome, first.replayed) == (ASSIGNED, False)
    assert workspace.created("lost-8000", request_id="r").replayed


def test_a_repeated_call_whose_reply_is_lost_is_replayed(workspace: Workspace, proxy: LossyProxy, redis: RedisServer):
    """What a call decided by another replica, a moment ago, is replayed, also if that takes two runs."""
    with EvenhandServer(redis.url) as server:
        service = Service(server.address)
        first = Workspace(workspace.id, service).created("lost-7000", request_id="r")
        service.close()
    again = workspace.created("lost-7000", request_id="r")
    assert len(proxy.lost) == 1
    assert (first.replayed, again.replayed, again.sequence) == (False, True, first.sequence)


@pytest.mark.parametrize("request_id", ["", "r"])
def test_a_lost_reply_is_told_again_though_the_rules_have_changed(
    workspace: Workspace, proxy: LossyProxy, redis: RedisServer, request_id: str
):
    """Rules that are configured between a run and its repeat change nothing: what was decided is told, as new."""
    name = f"lost-{8000 + len(request_id)}"
    workspace.created("owned")
    with EvenhandServer(redis.url) as server:
        service = Service(server.address)
        proxy.meanwhile = lambda: Workspace(workspace.id, service).rules(rule("later", reply="Later"))
        try:
            told, owned = workspace.batch(
                api.EvaluateContactRequest(event_type=CREATED, contact=contact(each), request_id=request_id)
                for each in (name, "owned")
            )
        finally:
            proxy.meanwhile = lambda: None
            service.close()
    assert len(proxy.lost) == 1
    assert (told.outcome, told.replayed, told.rule_id, told.rules_revision) == (ASSIGNED, False, "r", 1)
    assert told.reply == f"Hello from {told.agent_id}"
    assert (owned.outcome, owned.replayed) == (ALREADY_ASSIGNED, False)
    assert workspace.created("next").rule_id == "later"
