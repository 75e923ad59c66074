"""Why a caller is turned away. `service.rpc.statuses` says which status each becomes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from service.access.rights import Right


class AccessError(Exception):
    """A call that is not let in."""


class UnauthenticatedError(AccessError):
    """Nobody knows who calls.

    Attributes:
        reason: NO_CREDENTIALS, INVALID_CREDENTIALS or EXPIRED_CREDENTIALS.
        why: what is wrong, for the log alone, and without anything that the caller wrote: "wrong audience".
    """

    def __init__(self, reason: str, why: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.why = why


class NotBearerError(UnauthenticatedError):
    """What a caller shows has not the form of a bearer token."""

    def __init__(self) -> None:
        super().__init__("INVALID_CREDENTIALS", "not one bearer token")


class PermissionDeniedError(AccessError):
    """A principal may not do this here.

    Attributes:
        right: what the call asks for.
        who: the principal's name.
    """

    def __init__(self, right: Right, who: str) -> None:
        super().__init__(f"{who} may not {right}")
        self.right = right
        self.who = who


class KeysUnavailableError(AccessError):
    """The keys of whoever issued a token have not been fetched yet, so that it can be neither taken nor refused."""
