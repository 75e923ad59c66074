"""All commands of `evenhand`, by typer.

Each command lives in the module of its own name and is imported only when it is the one asked for, so that
`evenhand check` does not pay for gRPC, and `evenhand roster` not for YAML.
"""

from __future__ import annotations

from importlib import import_module, metadata
from inspect import cleandoc
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from typer.core import TyperGroup

from service.cli.options import GROUP

if TYPE_CHECKING:
    from collections.abc import Callable

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

_UNFRAMED: Final = ("serve",)
"""Whose help has names too long for what a frame leaves of 80 columns."""
_BEFORE_REASON: Final = "Value error, "
"""What pydantic, by which typer reads options, puts before a reason."""


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
                alone = typer.Typer(
                    add_completion=False,
                    pretty_exceptions_enable=False,
                    rich_markup_mode=None if cmd_name in _UNFRAMED else "rich",
                )
                alone.command(cmd_name, help=_flowing(found))(found)
            self.commands[cmd_name] = typer.main.get_command(alone)
            self.commands[cmd_name].name = cmd_name
        return super().get_command(ctx, cmd_name)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command that is asked for; for an unknown one, load all, so that a similar one is suggested."""
        if args[0] not in COMMANDS:
            for name in COMMANDS:
                self.get_command(ctx, name)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Run the command; of a wrong option only the reason is said."""
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            error.message = error.message.removeprefix(_BEFORE_REASON)
            raise


def _flowing(command: Callable[..., None]) -> str:
    """Return a command's docstring in paragraphs without line breaks, which help would keep beside its own."""
    return "\n\n".join(" ".join(each.split()) for each in cleandoc(command.__doc__ or "").split("\n\n"))


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
