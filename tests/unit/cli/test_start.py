"""`evenhand serve` starts without what it does not need yet, and reads its options as typer would."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import typer

from service.cli.commands import app
from service.cli.start import plain_options
from service.config import SETTINGS


def serve_command() -> Any:
    """Return `evenhand serve` as typer knows it."""
    group: Any = typer.main.get_command(app)
    return group.get_command(typer.Context(group), "serve")


def read_by_typer(*arguments: str) -> dict[str, str]:
    """Return the options that typer reads, by name in Python's spelling."""
    context = serve_command().make_context("serve", list(arguments))
    return {name: value for name, value in context.params.items() if value is not None}


def test_every_option_is_plain():
    """No option that typer knows is left to typer, which would take its time."""
    options = [name for each in serve_command().params for name in each.opts if name != "--help"]
    assert len(options) > 10
    for option in options:
        assert plain_options([option, "x"]) == {option.removeprefix("--").replace("-", "_"): "x"}


def test_help_is_made_of_the_settings():
    """Every setting is an option whose help has its meaning, its default and its variable; there is no other option."""
    options = {each.opts[0]: each for each in serve_command().params if "--help" not in each.opts}
    assert list(options) == [setting.option for setting in SETTINGS]
    for setting in SETTINGS:
        assert options[setting.option].metavar == setting.kind.metavar
        assert options[setting.option].help == f"{setting.meaning} ({setting.default}) {setting.variable}"


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--listen", "127.0.0.1:0"],
        ["--listen=127.0.0.1:0", "--workers", "2"],
        ["--drain", "1s", "--drain=2s", "--drain", "3s"],
        ["--redis-url="],
        ["--redis-url", "redis://h?a=b", "--data-dir=a=b"],
        ["--drain", "-1", "--data-dir", "--listen"],
        ["--data-dir", "--help"],
    ],
)
def test_plain_options_are_read_as_typer_does(arguments):
    """An option means the same, whoever reads it."""
    assert plain_options(arguments) == read_by_typer(*arguments)


@pytest.mark.parametrize("odd", ["--help", "-h", "--lis=x", "-listen", "listen", "--", "", "--listen"])
def test_all_else_is_left_to_typer(odd):
    """Help, and every mistake, gets typer's answer."""
    assert plain_options(["--workers", "1", odd]) is None


@pytest.mark.parametrize("module", ["service.runtime.serving", "service.runtime.supervisor"])
def test_what_comes_first_does_not_wait_for_what_takes_long_to_load(module):
    """What starts the embedded Redis, and a supervisor, load no command line reader, no gRPC, and no Redis client."""
    loaded = subprocess.run(
        [sys.executable, "-c", f"import sys, service.cli, {module}; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert module in loaded
    assert not {"typer", "pydantic", "grpc", "google.protobuf", "prometheus_client", "redis"} & set(loaded)
    assert "service.app" not in loaded
