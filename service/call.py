"""What a handler knows of the call it answers: one value, from admission to the answer."""

from __future__ import annotations

import math
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import grpc

NO_DEADLINE: Final = math.inf
"""The deadline of work that nobody waits for."""


class DeadlineError(TimeoutError):
    """The deadline of a call is over, or too near to start or go on with its work."""


class Call:
    """One call.

    Attributes:
        workspace_id: the workspace that the call is about, as the caller names it.
        deadline: when the caller stops waiting, by `time.monotonic`; NO_DEADLINE if it never does. The deadline covers
            the whole call, loops included.
        span: the span of the call in its trace; None without traces.
    """

    __slots__ = ("_context", "_principal", "deadline", "span", "workspace_id")

    def __init__(
        self,
        workspace_id: str,
        deadline: float = NO_DEADLINE,
        span: Any = None,
        context: grpc.ServicerContext | None = None,
        principal: str = "",
    ) -> None:
        self.workspace_id = workspace_id
        self.deadline = deadline
        self.span = span
        self._context = context
        self._principal = principal

    @property
    def caller(self) -> str:
        """The address of who calls, as gRPC writes it; empty for a call from within."""
        return self._context.peer() if self._context is not None else ""

    @property
    def who(self) -> str:
        """The principal that calls; where there are none, the names in the caller's certificate; empty without one."""
        if self._principal:
            return self._principal
        found = self._context.peer_identities() if self._context is not None else None
        return ", ".join(name.decode(errors="replace") for name in found or ())


def time_left(deadline: float) -> float:
    """Return the seconds until a deadline.

    Raises:
        DeadlineError: there are none.
    """
    left = deadline - monotonic()
    if left <= 0:
        raise DeadlineError
    return left
