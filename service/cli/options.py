"""Options and exit codes that several commands share."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Final

import typer

EXIT_PROBLEMS: Final = 1  # the files, the request or the server's state are not as they must be
EXIT_UNREACHABLE: Final = 3  # nobody answered; 2 is typer's own for wrong usage

_UNITS: Final = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|)")


def parse_duration(text: str | float) -> float:
    """Read a duration such as "500ms", "30s", "5m", "2h", "1d", or plain seconds.

    Returns:
        Seconds.

    Raises:
        typer.BadParameter: The text is not such a duration.
    """
    found = _DURATION.fullmatch(str(text).strip())
    if found is None:
        raise typer.BadParameter(f'"{text}" is not a duration such as 500ms, 30s, 5m, 2h or 1d')
    return float(found[1]) * _UNITS[found[2]]


def format_duration(seconds: float) -> str:
    """Write a duration the way parse_duration reads it, in the largest unit that fits: "8h"."""
    if seconds < 1:
        return f"{seconds * 1000:g}ms"
    unit = next(unit for unit in ("d", "h", "m", "s") if seconds % _UNITS[unit] == 0 or unit == "s")
    return f"{seconds / _UNITS[unit]:g}{unit}"


def count(number: int, noun: str) -> str:
    """Write a number of things: "1 rule", "2 rules"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def parse_server(text: str) -> str:
    """Read a gRPC address; a bare host would silently mean port 443.

    Raises:
        typer.BadParameter: The port is missing.
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
DEFAULT_SERVER: Final = "127.0.0.1:50051"

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
DEFAULT_TIMEOUT: Final = 15.0  # seconds

Files = Annotated[
    list[Path],
    typer.Argument(metavar="FILE", exists=True, dir_okay=False, readable=True, help="Rules and roster files (YAML)."),
]
