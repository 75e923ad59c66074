"""How commands reach a service, and what they say and leave with where they do not. Loads nothing."""

from __future__ import annotations

from typing import Final

DEFAULT_SERVER: Final = "127.0.0.1:50051"
DEFAULT_TIMEOUT: Final = 15.0  # seconds

EXIT_PROBLEMS: Final = 1  # the files, the request or the server's state are not as they must be
EXIT_UNREACHABLE: Final = 3  # nobody answered; 2 is typer's own for wrong usage


def no_answer(server: str, timeout: float) -> str:
    """Say that a deadline, in seconds, was over."""
    return f"no answer from {server} within {timeout:g} s"


def not_reached(server: str, reason: str) -> str:
    """Say that nobody could be asked."""
    return f"cannot reach a service at {server}: {reason.rstrip('.')}. Is `evenhand serve` running?"


def not_evenhand(server: str) -> str:
    """Say that what answered is something else."""
    return f"what listens on {server} is not Evenhand"
