"""What is known of a call whose request is there, before the request is read; and how it is answered then."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any

from google.protobuf.message import DecodeError
from grpc_status import rpc_status

from service.access.principals import UNVERIFIED
from service.rpc import statuses
from service.rpc.grpc_internals import answer_unary, is_active, refuse, respond

if TYPE_CHECKING:
    from collections.abc import Callable

    from service.access.principals import Principal
    from service.rpc.grpc_internals import Begun

# Whose turn callers take that are not verified yet: no workspace's name.
_UNVERIFIED_TURN = "\0unverified"

# No message begins so: there is no field 0.
_NO_MESSAGE = b"\0"

# How a message begins whose first field, a text of less than 128 bytes, is set. Clients write fields in their order.
_FIRST_FIELD = 0x0A
_TWO_BYTES = 0x80


class Refusal(Enum):
    """Why a call is not answered."""

    CALLS = "calls"
    """Too many calls are waiting."""
    BYTES = "bytes"
    """Large requests in progress take too many bytes."""
    QUOTA = "quota"
    """Its workspace asks for more than its quota."""
    STOPPING = "stopping"
    """The service ends before its turn."""


class Received:
    """A call whose request is there.

    Args:
        begun: the call.
        message: its request.
        note: is told of a call that is answered with one response; see `Unread.note`.
        give_back: gives back the room that its request takes, if it was given any.

    Attributes:
        workspace: the workspace that it is about, as the request names it; empty: nobody knows.
        turn: whose turn it takes: the workspace's, or that of all who may not make it there, or are not verified yet.
        stranger: whether it is made by one of those, so that it takes from no workspace's quota.
        size: bytes of the request.
        slow: whether it may take long however small its request is.
    """

    __slots__ = ("_begun", "_give_back", "_message", "_note", "size", "slow", "stranger", "turn", "workspace")

    def __init__(
        self,
        begun: Begun,
        message: bytes,
        note: Callable[[Any, Any, int], None],
        give_back: Callable[[], object] | None = None,
    ) -> None:
        self._begun = begun
        self._give_back = give_back
        self._message = message
        self._note = note
        self.size = len(message)
        self.slow: bool = getattr(begun.read, "slow", False)
        self.workspace = self.turn = workspace_of(message)
        self.stranger = False

    def made_by(self, caller: Principal) -> Received:
        """Return it, at no workspace's cost if its caller may not make it there: it will be refused.

        Those who are not verified yet have a turn of their own, so that nobody else can keep them from being so.
        """
        if not caller.may(self._begun.read.right, self.workspace):  # type: ignore[attr-defined]  # see `calls._handler`
            self.workspace = ""
            self.turn = _UNVERIFIED_TURN if caller is UNVERIFIED else ""
            self.stranger = True
        return self

    def run(self) -> None:
        """Answer it."""
        begun = self._begun
        if begun.answer is answer_unary:
            begun.run(respond, begun, self._request, self._note)
        else:
            begun.run(*begun[1:5], self._request, *begun[6:])

    def let_go(self) -> None:
        """Let go of the request, since the call will be refused."""
        self._message = b""
        if self._give_back is not None:
            self._give_back()

    def refuse(self, refusal: Refusal, wait_s: float) -> bool:
        """Answer it by refusing it; `wait_s` is when it may be made again, in seconds; 0: nobody knows.

        Nothing that a behavior may need is made for that: it takes a fifth of the time of a call that fails.

        Returns:
            Whether anybody was waiting for an answer.
        """
        begun = self._begun
        with begun.state.condition:
            if not is_active(begun.state):
                return False
            refuse(begun, begun.read.refused(refusal, self.workspace, wait_s))  # type: ignore[attr-defined]  # see `calls._handler`
        self._note(begun.state, begun.event.call, 0)
        return True

    def _request(self) -> Any:
        """Return the request; none if it names another workspace than it was let in for."""
        request = read(self._begun, self._message)
        workspace = self.workspace
        if workspace and getattr(request, "workspace_id", "") not in (workspace, ""):
            return self._begun.read(_NO_MESSAGE)
        return request


def workspace_of(message: bytes) -> str:
    """Return the workspace that a request is about, without reading the request: its field 1, if that comes first.

    Who writes its fields in another order shares the turns of all who do.
    """
    if len(message) < 2 or message[0] != _FIRST_FIELD:  # noqa: PLR2004 - a tag and a length
        return ""
    size = message[1]
    if size < _TWO_BYTES:
        return str(message[2 : 2 + size], "utf-8", "replace")
    if len(message) < 3 or message[2] >= _TWO_BYTES:  # noqa: PLR2004 - no id is so long
        return ""
    return str(message[3 : 3 + (size & 0x7F | message[2] << 7)], "utf-8", "replace")


def read(begun: Begun, message: bytes) -> Any:
    """Return a request; None if it is none, which has been answered, or if nobody waits for an answer any more."""
    state = begun.state
    try:
        return begun.read(message) if is_active(state) else None
    except DecodeError:
        with state.condition:
            if is_active(state):
                refuse(begun, _UNREADABLE)
        return None


_UNREADABLE = rpc_status.to_status(statuses.invalid(statuses.UNREADABLE))
