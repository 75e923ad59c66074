"""The `evenhand` command.

`evenhand serve` and `evenhand health` with nothing but plain options run without typer, which would need as long as
all the rest of a start (0.15 s: typer 0.29 loads pydantic to read the first option). Whatever else is typed, typer
reads it.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module

_QUICK = {"serve": "service.cli.start", "health": "service.cli.health_probe"}
"""Where the function `quick` of a command is: it takes the arguments, and returns the exit code, or None for typer."""


def main() -> None:
    """Run the `evenhand` command; leaves with its exit code."""
    # gRPC would write a line of its own form for each caller whose TLS fails or whose headers are odd, without end.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    command, *arguments = sys.argv[1:] or [""]
    if command in _QUICK:
        code = import_module(_QUICK[command]).quick(arguments)
        if code is not None:
            sys.exit(code)
    import_module("service.cli.commands").app(prog_name="evenhand")
