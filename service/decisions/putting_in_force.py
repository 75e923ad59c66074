"""Putting something new in force: whoever watches is told of it, also where the caller cannot be told yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from service.redis_client.durability import NotDurableError
from service.store.values import revision_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from service.call import Call
    from service.store.port import WorkspaceStore


class Configured(Protocol):
    """Is told what is newly in force."""

    def __call__(self, call: Call, what: str, before: int, after: int, /, *, confirmed: bool) -> None:
        """Take note.

        Args:
            call: which call put it in force.
            what: "rules" or "roster".
            before: its revision until then; 0 if there was none.
            after: its revision since then.
            confirmed: whether it is as durable as changes have to be.
        """


def tell_nobody(_call: Call, _what: str, _before: int, _after: int, /, *, confirmed: bool) -> None:
    """Take no note: a `Configured` for those who need none."""
    del confirmed


def put_in_force(configured: Configured, call: Call, what: str, before: str, configure: Callable[[], str]) -> str:
    """Put something new in force, and tell of it if it is.

    Args:
        configured: is told.
        call: on whose behalf.
        what: "rules" or "roster".
        before: the version in force.
        configure: puts it in force; `WorkspaceStore.configure`, with all arguments.

    Returns:
        Its version; empty if something else is in force meanwhile.

    Raises:
        NotDurableError: it is in force, but may be lost.
    """
    try:
        version = configure()
    except NotDurableError as error:
        configured(call, what, revision_of(before), revision_of(error.reply), confirmed=False)
        raise
    if version:
        configured(call, what, revision_of(before), revision_of(version), confirmed=True)
    return version


def is_confirmed(workspace: WorkspaceStore, rules_version: str, roster_version: str) -> bool:
    """Wait until what is in force is durable, for a call that has nothing to change; an earlier one may not have.

    Returns:
        Whether these versions still are in force.

    Raises:
        NotDurableError: it did not become durable in time.
    """
    now = workspace.confirmed()
    return (now.rules_version, now.version) == (rules_version, roster_version)
