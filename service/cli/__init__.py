"""The `evenhand` command.

`evenhand serve` and `evenhand health` with nothing but plain options run without typer, which would need as long as
all the rest of a start (0.15 s: typer 0.29 loads pydantic to read the first option). Whatever else is typed, typer
reads it.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module

from service.cli.reaching import EXIT_USAGE
from service.cli.streams import OutputError, not_text, prepare_output, say_not_written

_QUICK = {"serve": "service.cli.start", "health": "service.cli.health_probe"}
"""Where the function `quick` of a command is: it takes the arguments, and returns the exit code, or None for typer."""


def main() -> None:
    """Run the `evenhand` command; leaves with its exit code."""
    # gRPC would write a line of its own form for each caller whose TLS fails or whose headers are odd, without end.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    prepare_output()
    try:
        try:
            _run(sys.argv[1:])
        finally:
            sys.stdout.flush()  # while it can still be said that this fails
    except OutputError as error:
        sys.exit(say_not_written(error))


def _run(arguments: list[str]) -> None:
    if problem := not_text(arguments, os.environ):
        sys.stderr.write(f"evenhand: {problem}\n")
        sys.exit(EXIT_USAGE)
    command, *rest = arguments or [""]
    if command in _QUICK:
        code = import_module(_QUICK[command]).quick(rest)
        if code is not None:
            sys.exit(code)
    import_module("service.cli.commands").app(prog_name="evenhand")
