"""All commands of `evenhand`, by typer.

Each command lives in the module of its own name and is imported only when it is the one asked for, so that
`evenhand check` does not pay for gRPC, and `evenhand roster` not for YAML.
"""

from __future__ import annotations

from importlib import import_module, metadata
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from service.cli.options import GROUP

COMMANDS = (
    "serve",
    "check",
    "token",
    "apply",
    "evaluate",
    "roster",
    "agents",
    "teams",
    "presence",
    "contacts",
    "audit",
    "accept-loss",
    "health",
)


class LazyGroup(TyperGroup):
    """A group of the commands in COMMANDS, each the function, or the group, of that name in `service.cli.<name>`."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 (typer's signature)
        """Name the commands in the order in which help shows them."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Import one command; None if there is none of that name."""
        if cmd_name in COMMANDS and cmd_name not in self.commands:
            name = cmd_name.replace("-", "_")
            found = getattr(import_module(f"service.cli.{name}"), name)
            alone = found
            if not isinstance(found, typer.Typer):
                alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
                alone.command(cmd_name)(found)
            self.commands[cmd_name] = typer.main.get_command(alone)
            self.commands[cmd_name].name = cmd_name
        return super().get_command(ctx, cmd_name)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command that is asked for; for an unknown one, load all, so that a similar one is suggested."""
        if args[0] not in COMMANDS:
            for name in COMMANDS:
                self.get_command(ctx, name)
        return super().resolve_command(ctx, args)


app = typer.Typer(cls=LazyGroup, **GROUP)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"evenhand {metadata.version('evenhand')}")
        raise typer.Exit


@app.callback()
def evenhand(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and leave."),
    ] = False,
) -> None:
    """Assign contacts to agents by rules: fairly, atomically, and with the reason."""
    del version  # its callback has done the work
