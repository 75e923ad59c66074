"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final

import typer

from service.config import durations

GROUP: Final[dict[str, Any]] = {
    "no_args_is_help": True,
    "add_completion": False,
    "pretty_exceptions_enable": False,
    "context_settings": {"help_option_names": ["-h", "--help"]},
}
"""What all groups of commands have in common."""


def parse_duration(text: str | float) -> float:
    """Read a duration, or take seconds as they are; see `service.config.durations`.

    Raises:
        typer.BadParameter: the text is not a duration.
    """
    try:
        return durations.parse_duration(str(text))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def count(number: int, noun: str) -> str:
    """Write a number of things: "1 rule", "2 rules"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def parse_server(text: str) -> str:
    """Read a gRPC address; a bare host would silently mean port 443.

    Raises:
        typer.BadParameter: the port is missing.
    """
    if ":" not in text:
        raise typer.BadParameter(f'"{text}" has no port; write HOST:PORT, such as {text or "127.0.0.1"}:50051')
    return text


Server = Annotated[
    str,
    typer.Option(
        "--server",
        "-s",
        envvar="EVENHAND_SERVER",
        metavar="HOST:PORT",
        callback=parse_server,
        help="Where the service listens.",
    ),
]

Workspace = Annotated[
    str,
    typer.Option("--workspace", "-w", envvar="EVENHAND_WORKSPACE", metavar="ID", help="The workspace (tenant)."),
]

Timeout = Annotated[
    float,
    typer.Option(
        "--timeout",
        envvar="EVENHAND_TIMEOUT",
        metavar="DURATION",
        parser=parse_duration,
        show_default="15s",
        help="The deadline of each call.",
    ),
]

DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would change, and let the server check it only.")]

Files = Annotated[
    list[Path],
    typer.Argument(metavar="FILE", exists=True, dir_okay=False, readable=True, help="Rules and roster files (YAML)."),
]
