"""What another access file changes, for the audit trail: who may do what, but never how one is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from service.access.document import AccessFile
    from service.access.principals import Principal


def changes_between(before: AccessFile, after: AccessFile) -> dict[str, str]:
    """Return what differs, as fields of the audit trail; empty where nothing does.

    Returns:
        Names of the principals that are `added`, `removed` and `altered`, and of those among the altered that are known
        by other `credentials`; names of `issuers` that are not what they were; what principals that differ might do
        `before`, and may do `after`.
    """
    old, new = before.principals, after.principals
    altered = {name for name in new.keys() & old.keys() if new[name] != old[name]}
    names = {
        "added": new.keys() - old.keys(),
        "removed": old.keys() - new.keys(),
        "altered": altered,
        "credentials": {name for name in altered if _known_by(new[name]) != _known_by(old[name])},
        "issuers": {
            name
            for name in before.issuers.keys() | after.issuers.keys()
            if before.issuers.get(name) != after.issuers.get(name)
        },
    }
    fields = {what: ", ".join(sorted(each)) for what, each in names.items()}
    return fields | {
        "before": _leave(old, names["removed"] | altered),
        "after": _leave(new, names["added"] | altered),
    }


def _known_by(principal: Principal) -> tuple[frozenset[object], ...]:
    return principal.tokens, principal.certificates, principal.subjects


def _leave(principals: Mapping[str, Principal], names: Iterable[str]) -> str:
    """Return what principals may do: `crm: decide, read in acme, shop-*; ...`."""
    return "; ".join(f"{name}: {_rights(principals[name])}" for name in sorted(names))


def _rights(principal: Principal) -> str:
    workspaces = [*principal.workspaces, *(f"{prefix}*" for prefix in principal.prefixes)]
    return f"{', '.join(sorted(principal.rights))} in {', '.join(sorted(workspaces))}"
