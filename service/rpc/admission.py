"""Which calls are taken on: those of a known caller, who may make them, with time enough left for an answer."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from service.call import NO_DEADLINE, Call, DeadlineError
from service.decisions.errors import InvalidError
from service.rpc import credentials, statuses

if TYPE_CHECKING:
    from collections.abc import Callable

    import grpc

    from service.access.access import Access
    from service.access.rights import Right
    from service.telemetry.tracing import Tracing

UNREADABLE: Final[Any] = object()
"""Stands for a request that is no message; grpc would answer INTERNAL by itself."""

# Time that the answer needs on its way back, and that a call must have left to be worth starting.
_MARGIN_SECONDS = 0.002


class Admission(NamedTuple):
    """Which calls are taken on.

    Attributes:
        tracing: tells the span of the call that this thread handles; None: there are no traces.
        access: knows who calls, and what each may do; None: everybody may do all.
        owe: is told of contacts that a workspace asks for beside its calls, each of which counts for one; None:
            nobody counts.
    """

    tracing: Tracing | None
    access: Access | None = None
    owe: Callable[[str, int], None] | None = None

    def admit(self, request: Any, context: grpc.ServicerContext, right: Right | None) -> Call:
        """Take a call on.

        Args:
            request: its request, or `UNREADABLE`, which only those are told whom the service knows.
            context: grpc's.
            right: what it asks for; None: it may be made by nobody, where there are principals.

        Raises:
            AccessError: its caller may not make it.
            InvalidError: the request is no message.
            DeadlineError: its deadline is too near to start the work.
        """
        principal = credentials.identify(self.access, context) if self.access is not None else None
        if request is UNREADABLE:
            raise InvalidError(statuses.UNREADABLE)
        if principal is not None:
            principal.require(right, request.workspace_id)
        remaining: float | None = context.time_remaining()  # the stubs leave out that there may be no deadline
        if remaining is None:
            deadline = NO_DEADLINE
        elif remaining <= _MARGIN_SECONDS:
            raise DeadlineError
        else:
            deadline = monotonic() + remaining - _MARGIN_SECONDS
        if self.owe is not None and (contacts := len(getattr(request, "requests", ()))) > 1:
            self.owe(request.workspace_id, contacts - 1)
        span = self.tracing.current() if self.tracing is not None else None
        return Call(request.workspace_id, deadline, span, context, principal.name if principal is not None else "")
