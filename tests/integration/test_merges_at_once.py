"""Merges, decisions, closes and erasures of few contacts by many callers at once, on two replicas: all stays exact."""

from __future__ import annotations

import random
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import grpc
import pytest
import redis as redis_py

from service.redis_client.client import RedisClient
from service.store import keys
from service.store.audit import audit_workspace
from tests.support.builders import LEAST_OPEN_CONTACTS, agent, rule
from tests.support.client import Workspace

if TYPE_CHECKING:
    from tests.support.backends import Backend

CALLERS, CALLS = 8, 150
LIMIT = 12
CONTACTS = [f"c{number}" for number in range(40)]


def act(workspace: Workspace, chance: random.Random) -> str:
    """Something happens to some contact; a merge that would be a circle is named."""
    who, other = chance.sample(CONTACTS, 2)
    kind = chance.choices(["create", "open", "close", "merge", "assign", "forget"], [6, 4, 3, 4, 1, 1])[0]
    match kind:
        case "create":
            workspace.created(who, request_id=chance.choice(["", "one", "two"]))
        case "open":
            workspace.opened(who)
        case "close":
            workspace.close(who)
        case "assign":
            workspace.assign(who, chance.choice(["ann", "bob"]))
        case "forget":
            workspace.forget(who)
        case _:
            try:
                workspace.merge(who, other)
            except grpc.RpcError as error:
                if error.code() is not grpc.StatusCode.FAILED_PRECONDITION:
                    raise
                return "circle"
    return kind


@pytest.mark.every_redis
def test_counts_are_exact_whatever_is_merged(backend: Backend):
    """Open counts are a recount of the records, each contact is there once, and every old id leads to one of them."""
    name = uuid.uuid4().hex
    workspace = Workspace(name, backend.service(0), backend.service(1))
    workspace.roster(*(agent(who, max_open_contacts=LIMIT) for who in ("ann", "bob", "cy")))
    workspace.rules(rule("r", strategy=LEAST_OPEN_CONTACTS))

    def play(seed: int) -> list[str]:
        chance = random.Random(seed)
        own = Workspace(name, backend.service(seed % 2), backend.service((seed + 1) % 2))
        return [act(own, chance) for _ in range(CALLS)]

    with ThreadPoolExecutor(CALLERS) as callers:
        done = Counter(kind for each in callers.map(play, range(CALLERS)) for kind in each)
    assert done["merge"] > done["circle"] > 0
    listed = [one for page in workspace.pages(size=5) for one in page]
    records = {one.contact_id: one for one in listed}
    assert len(records) == len(listed)
    assert workspace.open_counts() == {
        who: sum(one.open for one in listed if one.owner_id == who) for who in ("ann", "bob", "cy")
    }
    for who in CONTACTS:
        found = workspace.contact(who)
        assert found is None or found.contact_id in records
        assert found is None or (who == found.contact_id) == (who in records)
    redis = RedisClient(backend.url, 5.0)
    found = audit_workspace(redis, name)
    redis.close()
    assert (found.contacts, found.drifts) == (sum(one.open for one in listed), ())
    assert_nothing_lingers(backend, name, set(records))


def assert_nothing_lingers(backend: Backend, workspace_id: str, records: set[str]) -> None:
    """Each alias stands for a contact on record, which knows it, and lasts as long."""
    root = keys.root(workspace_id)
    for url in backend.node_urls:
        with redis_py.Redis.from_url(url) as client:
            for key in client.scan_iter(keys.pattern(root + b":alias:"), count=10_000):
                old, into = key.removeprefix(root + b":alias:"), client.get(key)[2:]
                assert into.decode() in records
                assert client.hget(root + b":aliases:" + into, old) == old
                settled = client.pttl(root + b":settled:" + into)
                assert abs(client.pttl(key) - settled) < 1000 if settled > 0 else client.pttl(key) == -1
