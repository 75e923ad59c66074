"""The standard reflection service, so that a client such as grpcurl needs no .proto files.

It is served under both of its names: `grpc.reflection.v1`, which newer clients ask first, and `v1alpha`, the only one
that grpcio-reflection has. The two have the same messages, byte for byte.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc
from google.protobuf import descriptor_pool
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_reflection.v1alpha import (  # type: ignore[import-untyped,unused-ignore]
    reflection,
    reflection_pb2,
)

from service.rpc.dialogs import DialogThread

if TYPE_CHECKING:
    from collections.abc import Iterable

    from service.rpc.receiving import Receiver

_METHOD = "ServerReflectionInfo"
_OLD, _NEW = "grpc.reflection.v1alpha", "grpc.reflection.v1"
_NEW_SERVICE = f"{_NEW}.ServerReflection"


def register(server: grpc.Server, service_names: Iterable[str], receiver: Receiver) -> None:
    """Add reflection to the server, by both of its names.

    Args:
        server: the server.
        service_names: full names of the other services that it tells of.
        receiver: counts its calls.
    """
    _describe_new()
    servicer = reflection.ReflectionServicer([*service_names, reflection.SERVICE_NAME, _NEW_SERVICE])

    def answer(request: Any) -> Any:
        return next(servicer.ServerReflectionInfo(iter([request]), None))

    answer.experimental_thread_pool = DialogThread(receiver, "reflection")  # type: ignore[attr-defined]
    method = grpc.stream_stream_rpc_method_handler(
        answer,
        reflection_pb2.ServerReflectionRequest.FromString,
        reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    names = (reflection.SERVICE_NAME, _NEW_SERVICE)
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(name, {_METHOD: method}) for name in names])


def _describe_new() -> None:
    """Have the service by its new name among the descriptors, so that it can be asked about as any other."""
    file = FileDescriptorProto()
    reflection_pb2.DESCRIPTOR.CopyToProto(file)
    file.name = "grpc/reflection/v1/reflection.proto"
    file.package = _NEW
    file.ClearField("options")
    for message in file.message_type:
        for field in message.field:
            if field.HasField("type_name"):
                field.type_name = field.type_name.replace(_OLD, _NEW)
    for method in file.service[0].method:
        method.input_type = method.input_type.replace(_OLD, _NEW)
        method.output_type = method.output_type.replace(_OLD, _NEW)
    descriptor_pool.Default().Add(file)
