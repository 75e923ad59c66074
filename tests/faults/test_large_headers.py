"""Headers that are large: one bound, the same for every call, and nothing in the log that is not the service's own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import grpc
import pytest
from evenhand.v1 import assignment_service_pb2 as api
from evenhand.v1.assignment_service_pb2_grpc import AssignmentServiceStub

from tests.support.processes import EvenhandServer, RedisServer

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def server() -> Iterator[EvenhandServer]:
    """A service that logs as JSON."""
    with RedisServer() as redis, EvenhandServer(redis.url, options=["--log-format", "json"]) as started:
        yield started


def code_with(server: EvenhandServer, key: str, value: str) -> grpc.StatusCode:
    """Make a call with one header, about a contact that is not there; return its code."""
    request = api.GetContactRequest(workspace_id="w", contact_id="c")
    with pytest.raises(grpc.RpcError) as failed:
        AssignmentServiceStub(server.channel()).GetContact(request, timeout=20, metadata=[(key, value)])
    return failed.value.code()


def test_whether_headers_are_too_large_is_no_matter_of_luck(server: EvenhandServer) -> None:
    """Calls with 15 KB of headers are all answered, and with 17 KB none is."""
    assert {code_with(server, "x-large", "x" * 15_000) for _ in range(50)} == {grpc.StatusCode.NOT_FOUND}
    assert {code_with(server, "x-large", "x" * 17_000) for _ in range(50)} == {grpc.StatusCode.RESOURCE_EXHAUSTED}


def test_nobody_writes_lines_of_grpc_into_the_log(server: EvenhandServer) -> None:
    """Headers whose names alone take 10 to 20 KB, which gRPC would write a line about each, leave JSON only."""
    for size in range(10_000, 20_000, 100):
        code_with(server, "x" * size, "x")
    lines = server.log().splitlines()
    assert lines
    for line in lines:
        assert json.loads(line)["level"]
