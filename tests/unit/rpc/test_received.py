"""What is known of a request before it is read."""

from __future__ import annotations

import pytest
from evenhand.v1 import assignment_service_pb2, roster_service_pb2
from google.protobuf.message_factory import GetMessageClass

from service.rpc.received import workspace_of

METHODS = {
    method.full_name: method
    for file in (assignment_service_pb2, roster_service_pb2)
    for service in file.DESCRIPTOR.services_by_name.values()
    for method in service.methods
}


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("workspace_id", ["", "w", "é" * 30, "w" * 127, "w" * 128, "名" * 128])
def test_every_request_begins_with_its_workspace(name: str, workspace_id: str):
    """Of each method's request the workspace is found, however long its id, and with other fields behind it."""
    request = GetMessageClass(METHODS[name].input_type)(workspace_id=workspace_id)
    assert METHODS[name].input_type.fields_by_number[1].name == "workspace_id"
    assert workspace_of(request.SerializeToString()) == workspace_id
    assert workspace_of(request.SerializeToString() + b"\x7a\x01x") == workspace_id


@pytest.mark.parametrize("message", [b"", b"\x0a", b"\x0a\x80", b"\x0a\xff\xff", b"\x12\x01w", b"\x0a\x80\x80\x80\x01"])
def test_what_begins_otherwise_has_none(message: bytes):
    """A request that begins with something else, or breaks off, counts as one of no workspace."""
    assert workspace_of(message) == ""
