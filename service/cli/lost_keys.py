"""What `evenhand audit` says of keys that are lost from Redis one by one, and what puts each of them back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from service.cli.saying import say
from service.store.keys import SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Collection

HASH: Final = ""
"""The workspace's hash, which has no suffix."""

_APPLY_BOTH: Final = "`evenhand apply` with its roster and rules puts it back"
_APPLY_ROSTER: Final = "`evenhand apply` with the roster puts it back"
_REPAIR: Final = "`evenhand audit --repair` puts it back"

_CURES: Final = {
    HASH: f"{_APPLY_BOTH}, and so does `evenhand audit --repair`",
    SUFFIXES["RULES"]: "`evenhand apply` with the rules puts it back; contacts are decided about meanwhile",
    SUFFIXES["PREPARED"]: "the next replica that reads the rules puts it back",
    SUFFIXES["AGENTS"]: _APPLY_ROSTER,
    SUFFIXES["AGENTS_ORDER"]: _APPLY_ROSTER,
    SUFFIXES["TEAMS"]: _APPLY_ROSTER,
    SUFFIXES["TEAMS_ORDER"]: _APPLY_ROSTER,
    SUFFIXES["TEAM"]: _APPLY_ROSTER,
    SUFFIXES["PLAN"]: f"a configuration was lost half-way: {_APPLY_BOTH}",
    SUFFIXES["NUMBERS"]: _REPAIR,
    SUFFIXES["VIEW"]: _REPAIR,
    SUFFIXES["ALIASES"]: f"{_REPAIR}, before contacts are merged on or forgotten",
    SUFFIXES["LEASES"]: "who had a lease stays ONLINE until presence is reported again",
}
_KINDS: Final = ("TEAM", "VIEW", "ALIASES")  # of which there are many keys
_NAMES: Final = {HASH: "the workspace's hash"} | {SUFFIXES[kind]: f"some of {SUFFIXES[kind]}…" for kind in _KINDS}


def show_lost(workspace: str, before: Collection[str], after: Collection[str]) -> list[str]:
    """Print which keys were lost, and which still are. Return these."""
    for suffix in before:
        cure = _CURES[suffix] if suffix in after else "put back"
        if suffix == SUFFIXES["LEASES"]:
            cure = _CURES[suffix]
        say(f"Workspace {workspace}: {_NAMES.get(suffix, suffix)} is lost from Redis: {cure}")
    return [suffix for suffix in before if suffix in after]
