"""What a caller shows, as gRPC has it: a bearer token, or a client certificate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from service.access.principals import CERTIFICATE_KINDS
from service.rpc.grpc_internals import caller_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    import grpc

    from service.access.access import Access
    from service.access.principals import Principal

    _Properties = Mapping[str, Iterable[bytes]]

_HEADER: Final = "authorization"
# The names in a certificate by their kind, as gRPC's core calls them (grpc/grpc_security_constants.h).
_PROPERTIES: Final = tuple((f"peer_{kind}", f"{kind}:") for kind in CERTIFICATE_KINDS)


def recognize(
    access: Access, metadata: Iterable[tuple[str, str | bytes]], properties: Callable[[], _Properties]
) -> Principal:
    """Return who makes a call, as `Access.recognize` does.

    Args:
        access: knows callers.
        metadata: of the call.
        properties: returns what gRPC knows of the caller, by name.
    """
    shown = [str(value) for key, value in metadata if key == _HEADER]
    return access.recognize(shown, lambda: _certificate(properties()))


def identify(access: Access, context: grpc.ServicerContext) -> Principal:
    """Return who makes a call: who was recognized as it came, or else who is found now.

    Raises:
        AccessError: nobody whom the service knows.
    """
    known: Principal | None = caller_of(context)
    if known is not None:
        return known
    shown = [str(value) for key, value in context.invocation_metadata() if key == _HEADER]
    return access.identify(shown, lambda: _certificate(context.auth_context()))  # type: ignore[arg-type]  # the stubs err


def _certificate(properties: _Properties) -> list[str]:
    """Return the names in the caller's certificate, each after its kind; none without one."""
    return [prefix + name.decode(errors="replace") for key, prefix in _PROPERTIES for name in properties.get(key, ())]
