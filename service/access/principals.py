"""Principals: who calls, how each is known, and what each may do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

from service.access.errors import PermissionDeniedError
from service.access.rights import Right

CERTIFICATE_KINDS: Final = ("dns", "uri", "email", "ip")
"""Kinds of names in a certificate, as the file writes them before the name: `dns:inbox.example.com`."""


class Subject(NamedTuple):
    """Whom a JWT is about.

    Attributes:
        issuer: who issued it.
        name: the value of the claim that says it.
    """

    issuer: str
    name: str


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody, or some program, who calls.

    Attributes:
        name: what logs and the audit trail call it.
        workspaces: the ids of its workspaces.
        prefixes: how the ids of more of them begin.
        rights: what it may do in all of them.
        tokens: SHA-256 of its bearer tokens.
        certificates: names in its client certificates: "dns:inbox.example.com".
        subjects: its names in JWTs.
    """

    name: str
    workspaces: frozenset[str]
    prefixes: tuple[str, ...]
    rights: frozenset[Right]
    tokens: frozenset[bytes] = frozenset()
    certificates: frozenset[str] = frozenset()
    subjects: frozenset[Subject] = frozenset()

    def may(self, right: Right | None, workspace_id: str) -> bool:
        """Return whether it may make a call; none, where it is not known what the call asks for."""
        return right in self.rights and (workspace_id in self.workspaces or workspace_id.startswith(self.prefixes))

    def require(self, right: Right | None, workspace_id: str) -> None:
        """Let a call pass that it may make.

        Whether the workspace is there makes no difference, in the answer or in the time that it takes: nobody looks.

        Raises:
            PermissionDeniedError: it may not.
        """
        if not self.may(right, workspace_id):
            raise PermissionDeniedError(right or Right.ADMIN, self.name)


NOBODY: Final = Principal("", frozenset(), (), frozenset())
"""Stands for a caller whom the service certainly does not know."""

UNVERIFIED: Final = Principal("", frozenset(), (), frozenset())
"""Stands for a caller whose JWT has yet to be verified, which takes long."""
