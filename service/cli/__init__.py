"""The `evenhand` command.

`evenhand serve` with nothing but options is started without typer, which would need as long as all the rest of the
start (0.15 s: typer 0.29 loads pydantic to read the first option). Whatever else is typed, typer reads it.
"""

from __future__ import annotations

import sys
from importlib import import_module

from service.cli.start import plain_options, start


def main() -> None:
    """Run the `evenhand` command; leaves with its exit code."""
    command, *arguments = sys.argv[1:] or [""]
    options = plain_options(arguments) if command == "serve" else None
    if options is not None:
        sys.exit(start(options))
    import_module("service.cli.commands").app(prog_name="evenhand")
