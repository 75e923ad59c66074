"""What tests of scripts have in common: a Redis, and nothing between."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from service.redis_client.client import RedisClient
from tests.support.processes import RedisServer
from tests.support.stores import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.store.store import RedisStore


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisClient]:
    """A Redis that only the tests of one file use."""
    with RedisServer() as server:
        redis = RedisClient(server.url, 5.0)
        yield redis
        redis.close()


@pytest.fixture(scope="module")
def store(redis: RedisClient) -> RedisStore:
    """A store on that Redis."""
    return open_store(redis)
