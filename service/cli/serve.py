"""`evenhand serve`: run the service. Its options are the settings, each declared once in `service.config.settings`."""

from __future__ import annotations

from inspect import Parameter, Signature
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.cli.start import start
from service.config import SETTINGS

if TYPE_CHECKING:
    from service.config import Setting


def serve(**options: str | None) -> None:
    """Run the service until SIGTERM or Ctrl-C (twice: at once).

    Each option has a default, and an environment variable of its name that holds where the option is not given.
    Durations are written 250ms, 90s, 5m, 12h or 30d.
    """
    raise typer.Exit(start(options))


def _parameter(setting: Setting) -> Parameter:
    """Declare a setting as typer wants it.

    The environment variable is for `Settings.read` to look at, which says which of the two is wrong.
    """
    declared: Any = typer.Option(
        setting.option,
        metavar=setting.kind.metavar,
        show_default=False,
        help=f"{setting.meaning} ({setting.default}) {setting.variable}",
    )
    return Parameter(setting.name, Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[str | None, declared])


serve.__signature__ = Signature([_parameter(each) for each in SETTINGS])  # type: ignore[attr-defined]
