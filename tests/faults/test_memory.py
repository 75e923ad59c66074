"""Requests as large as may be, by the dozen: memory has a bound, and who finds no room is told so."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import grpc
from evenhand.v1 import assignment_service_pb2 as api

from tests.support import builders as b
from tests.support.client import Service, Workspace, refused
from tests.support.processes import EvenhandServer, RedisServer

BATCHES = 60
CONNECTIONS = 4
MEMORY_BYTES = 512 * 1024 * 1024


def test_sixty_large_batches_at_once_stay_within_half_a_gigabyte():
    """Of 60 batches of 11 MiB at once some are answered, the others OVERLOADED; then as many are answered again."""
    traits = {f"k{number}": "v" * 950 for number in range(12)}
    contacts = [
        api.EvaluateContactRequest(event_type=b.CREATED, contact=b.contact(f"c{number}", traits=traits))
        for number in range(1000)
    ]
    batch = api.BatchEvaluateContactsRequest(workspace_id="w", requests=contacts)
    assert batch.ByteSize() > 11 * 1024 * 1024
    with RedisServer() as redis, EvenhandServer(redis.url) as server:
        connections = [Service(server.address) for _ in range(CONNECTIONS)]
        team = Workspace("w", connections[0])
        team.roster("a")
        team.rules(b.rule("everyone"))

        def send(number: int) -> str:
            try:
                results = connections[number % CONNECTIONS].assignment.BatchEvaluateContacts(batch, timeout=60).results
            except grpc.RpcError as error:
                with refused("RESOURCE_EXHAUSTED") as said:
                    raise error  # noqa: TRY201 - to have it read
                assert said.reason == "OVERLOADED"
                assert said.retry_after_s
                return "refused"
            assert len(results) == len(contacts)
            return "answered"

        with ThreadPoolExecutor(BATCHES) as threads:
            outcomes = list(threads.map(send, range(BATCHES)))
        assert outcomes.count("answered") >= 3
        assert outcomes.count("refused") >= 3
        assert [send(number) for number in range(6)] == ["answered"] * 6
        assert server.peak_memory() < MEMORY_BYTES
