"""The store without a service around it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from service.store.port import CONTACTS_A_RUN
from service.store.store import RedisStore

if TYPE_CHECKING:
    from collections.abc import Sequence

    from service.redis_client.client import RedisClient
    from service.store.values import Case, Decision


def open_store(redis: RedisClient) -> RedisStore:
    """A store as the service makes it, with short retentions."""
    return RedisStore(redis, contact_retention_s=3600, replay_retention_s=60)


def decide(store: RedisStore, workspace_id: str, version: str, cases: Sequence[Case]) -> list[Decision]:
    """Decide about contacts of a workspace; what keeps a decision from being made is raised."""
    decisions: list[Decision] = []
    for at in range(0, len(cases), CONTACTS_A_RUN):
        (decided,) = store.decide([(workspace_id, version, cases[at : at + CONTACTS_A_RUN])])
        if decided.problem is not None:
            raise decided.problem
        decisions += decided.decisions
    return decisions


def request_of(request_id: str, event: int) -> str:
    """What identifies a call about an event."""
    return request_id + chr(event)


def raw(redis: RedisClient, *words: bytes | str | int) -> Any:
    """The reply of a command, past every script; the second word is its key."""
    (reply,) = redis._monitor.router.quick([(words[1], words)], 5.0)
    if isinstance(reply, Exception):
        raise reply
    return reply
