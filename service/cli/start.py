"""Starts the service as its options say. Takes nothing from typer, so that it starts fast."""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING

from service.config import SETTINGS, Settings, SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_CANNOT_START = 2

_NAMES = {each.option: each.name for each in SETTINGS}


def quick(arguments: Sequence[str]) -> int | None:
    """Run `evenhand serve` if its options are plain; return the exit code, None where typer has to read them."""
    options = plain_options(arguments)
    return None if options is None else start(options)


def plain_options(arguments: Sequence[str]) -> dict[str, str] | None:
    """Read `--option VALUE` and `--option=VALUE` as typer does for `evenhand serve`; the last of several counts.

    Returns:
        values by option name in Python's spelling, as `Settings.read` takes them. None if there is anything else,
        such as `--help` or a mistake: typer has an answer to that.
    """
    options: dict[str, str] = {}
    rest = iter(arguments)
    for argument in rest:
        option, equals, value = argument.partition("=")
        given = value if equals else next(rest, None)
        if option not in _NAMES or given is None:
            return None
        options[_NAMES[option]] = given
    return options


def start(options: Mapping[str, str | None]) -> int:
    """Run the service until it is told to stop; return the exit code. Says on standard error why it cannot start.

    Args:
        options: see `Settings.read`.
    """
    try:
        settings = Settings.read(options, os.environ)
    except SettingsError as error:
        return _cannot_start(error, options.get("log_format") or os.environ.get("EVENHAND_LOG_FORMAT", ""))
    # By name: not before the settings are known to be good.
    try:
        import_module("service.runtime.serving").serve(settings)
    except SettingsError as error:
        return _cannot_start(error, settings.log_format)
    return 0


def _cannot_start(why: SettingsError, log_format: str) -> int:
    import_module("service.telemetry.logs").say_cannot_start(why, log_format)
    return _CANNOT_START
