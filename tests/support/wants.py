"""What a test may want of a machine beyond what `make setup` brings, and how to get it: so that no proof is skipped."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

REDIS = "Debian's package redis-server"
PROMETHEUS = "Debian's package prometheus"
KUBECTL = "kubectl on PATH"
NODE = "Debian's packages nodejs and npm"
NPM = "the npm registry"
GO = "Debian's packages for Go in .ci/packages"
JAVA = "Debian's packages for Java in .ci/packages"
PROTOC = "Debian's package protobuf-compiler"
COMPILER = "Debian's package gcc, on Linux"
NETWORK = "an interface beside loopback"
ENGINE = "`make lab`"

_TO_RUN_IT = "; to run it: "


def reason(why: str, remedy: str) -> str:
    """Return why a test is skipped, as `summary` reads it."""
    return why + _TO_RUN_IT + remedy


def summary(reasons: Iterable[str]) -> str:
    """Return one line on what was skipped, and what would un-skip it."""
    counts = Counter(each.rpartition(_TO_RUN_IT)[2] if _TO_RUN_IT in each else "" for each in reasons)
    if not counts:
        return "Nothing was skipped."
    without = counts.pop("", 0)
    parts = [f"{remedy} ({count})" for remedy, count in sorted(counts.items())]
    ways = "; to run them: " + ", ".join(parts) if parts else ""
    rest = f"; this machine cannot run {without}" if without else ""
    return f"Skipped: {counts.total() + without}{ways}{rest}."
