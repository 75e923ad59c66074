"""Who may do what: real calls to real services with access files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc
import pytest
from evenhand.v1 import assignment_service_pb2, roster_service_pb2
from google.protobuf.message_factory import GetMessageClass
from grpc_status import rpc_status

from service.access.rights import RIGHTS, Right
from tests.support import access
from tests.support.client import read_status
from tests.support.processes import EvenhandServer, RedisServer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from google.protobuf.descriptor import MethodDescriptor

METHODS: list[MethodDescriptor] = [
    method
    for file in (assignment_service_pb2, roster_service_pb2)
    for service in file.DESCRIPTOR.services_by_name.values()
    for method in service.methods
]
SINGLE_RIGHTS = [right for right in Right if right is not Right.ADMIN]


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    """One Redis for all of them."""
    with RedisServer() as running:
        yield running


@pytest.fixture(scope="module")
def server(redis: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EvenhandServer]:
    """A service with a principal for each right, in the workspace `own` and those that begin with `own-`."""
    file = access.write(
        tmp_path_factory.mktemp("access") / "access.yaml",
        *(access.principal(right, right, workspaces=["own", "own-*"]) for right in Right),
        access.principal("operator", "admin"),
    )
    with EvenhandServer(redis.url, options=["--access", str(file)]) as running:
        yield running


def call(
    channel: grpc.Channel, method: MethodDescriptor, workspace: str, metadata: Sequence[tuple[str, str]]
) -> tuple[str, str]:
    """Make a call with nothing but a workspace; return its code and reason, both "OK" if it went well."""
    request = GetMessageClass(method.input_type)(workspace_id=workspace)
    path = f"/{method.containing_service.full_name}/{method.name}"
    made: Any = channel.unary_unary(path, request_serializer=lambda message: message.SerializeToString())
    try:
        made(request, timeout=20, metadata=metadata)
    except grpc.RpcError as error:
        said = read_status(rpc_status.from_call(error))
        return said.code, said.reason
    return "OK", "OK"


def test_every_rpc_of_the_contract_has_its_right() -> None:
    """The table of rights has a row for each RPC of the contract, and none for anything else."""
    assert RIGHTS.keys() == {method.full_name for method in METHODS}


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_an_rpc_is_for_those_with_its_right_in_its_workspace(server: EvenhandServer, method: MethodDescriptor) -> None:
    """Each RPC is refused to every right but its own and admin, and to all of them in a workspace of others."""
    channel = server.channel()
    let_in = {
        (right, workspace)
        for right in Right
        for workspace in ("own", "own-2", "others", "ow", "", "OWN")
        if call(channel, method, workspace, access.bearer(f"{right}-token"))
        != ("PERMISSION_DENIED", "PERMISSION_DENIED")
    }
    assert let_in == {
        (right, workspace) for right in (RIGHTS[method.full_name], Right.ADMIN) for workspace in ("own", "own-2")
    }
