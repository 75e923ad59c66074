"""Who is told how long Redis takes."""

from __future__ import annotations

from typing import Protocol


class Timings(Protocol):
    """Is told how long Redis takes. What it raises is logged, and nothing else."""

    def sent(self, seconds: float, /) -> None:
        """Note that commands which were sent together were all answered after so many seconds."""

    def ran(self, script: str, seconds: float, /) -> None:
        """Note that a script by that name was answered after so many seconds, waiting for its turn included."""


class NoTimings:
    """Listens to nobody."""

    def sent(self, seconds: float) -> None:
        """Ignore it."""

    def ran(self, script: str, seconds: float) -> None:
        """Ignore it."""
