"""Lines that commands print for people."""

from __future__ import annotations

import typer

from service.telemetry.logs import printable


def say(line: str, *, err: bool = False) -> None:
    """Print a line, as the log has it: what others have named in it makes it read no otherwise than it is written.

    Args:
        line: the line, or more of them.
        err: whether it is for standard error.
    """
    typer.echo(printable(line), err=err)
