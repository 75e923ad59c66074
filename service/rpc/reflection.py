"""The standard reflection service, so that a client such as grpcurl needs no .proto files."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from grpc_reflection.v1alpha import (  # type: ignore[import-untyped,unused-ignore]
    reflection,
    reflection_pb2_grpc,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    import grpc

_THREADS = 4


class _Reflection(reflection.ReflectionServicer):  # type: ignore[misc,unused-ignore]
    """The service, with threads of its own: a client holds one as long as its stream is open."""

    def ServerReflectionInfo(self, request_iterator: Any, context: grpc.ServicerContext) -> Any:
        return super().ServerReflectionInfo(request_iterator, context)


def register(server: grpc.Server, service_names: Iterable[str]) -> None:
    """Add reflection to the server.

    Args:
        server: the server.
        service_names: full names of the other services that it tells of.
    """
    _Reflection.ServerReflectionInfo.experimental_thread_pool = ThreadPoolExecutor(  # type: ignore[attr-defined]
        _THREADS, thread_name_prefix="reflection"
    )
    names = [*service_names, reflection.SERVICE_NAME]
    reflection_pb2_grpc.add_ServerReflectionServicer_to_server(_Reflection(names), server)
