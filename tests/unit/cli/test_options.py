"""What the options accept."""

from __future__ import annotations

import itertools

import pytest
import typer
from typer.testing import CliRunner

from service.cli.commands import COMMANDS, app
from service.cli.evaluate import parse_trait
from service.cli.options import parse_duration, parse_server
from service.config import SETTINGS


def test_a_duration_is_typed_or_is_a_default_in_seconds():
    """An option's text is read by its unit; a default that is a number of seconds already stays as it is."""
    assert (parse_duration("1.5m"), parse_duration(2.5)) == (90, 2.5)


@pytest.mark.parametrize("text", ["", "soon", "-1s", "s", "1w"])
def test_what_is_no_duration_is_wrong_usage(text):
    """Anything else is refused as wrong usage."""
    with pytest.raises(typer.BadParameter):
        parse_duration(text)


def test_an_address_needs_its_port():
    """A bare host is refused: gRPC would take it for port 443, which is never meant."""
    assert parse_server("localhost:50051") == "localhost:50051"
    with pytest.raises(typer.BadParameter, match="localhost:50051"):
        parse_server("localhost")


@pytest.mark.parametrize(
    ("text", "key", "kind"),
    [
        ("budget=5000", "budget", "number_value"),
        ("vip=true", "vip", "bool_value"),
        ("city=New York", "city", "string_value"),
        ('code="007"', "code", "string_value"),
        ("note=a=b", "note", "string_value"),
        ("empty=", "empty", "string_value"),
        ("sizes=[1, 2]", "sizes", "list_value"),
        ("gone=null", "gone", "null_value"),
        ("odd=NaN", "odd", "string_value"),
    ],
)
def test_traits_are_json_where_they_are_json(text, key, kind):
    """A value that is JSON has its JSON type; all else is text."""
    parsed, value = parse_trait(text)
    assert (parsed, value.WhichOneof("kind")) == (key, kind)


def test_a_trait_without_a_value_is_wrong_usage():
    """KEY alone is refused."""
    with pytest.raises(typer.BadParameter):
        parse_trait("budget")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["presence", "a", "-w", "w", "--set", "away"], "'--set': 'away' is not one of 'online', 'busy', 'offline'."),
        (["evaluate", "-w", "w", "-c", "c", "--event", "gone"], "'--event': 'gone' is not one of 'created', "),
        (["check", "missing.yaml"], "'FILE': file 'missing.yaml' does not exist."),
    ],
)
def test_of_a_wrong_value_only_the_reason_is_said(arguments, said):
    """A wrong value is said with what would be right, without words of the library that reads it."""
    result = CliRunner().invoke(app, arguments, env={"COLUMNS": "200"})
    assert result.exit_code == 2
    assert f"Invalid value for {said}" in result.stderr


def test_help_of_serve_has_every_variable_whole():
    """At 80 columns, `evenhand serve --help` writes the name of every variable and option whole."""
    words = CliRunner().invoke(app, ["serve", "--help"], env={"COLUMNS": "80"}).output.split()
    assert [each.variable for each in SETTINGS if each.variable not in words] == []
    assert [each.option for each in SETTINGS if each.option not in words] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_help_flows(command):
    """At 80 columns, a line of a command's description ends only where the next word has no room."""
    shown = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "80"}).output.splitlines()
    start = next(at for at, line in enumerate(shown) if "Usage: " in line) + 1
    end = next(at for at, line in enumerate(shown) if line.startswith(("\u256d", "Options:")))
    lines = [line.strip() for line in shown[start:end]]
    ragged = [(one, two) for one, two in itertools.pairwise(lines) if one and two and _has_room(one, two)]
    assert ragged == []


def _has_room(line: str, following: str) -> bool:
    return len(line) + 1 + len(following.split(maxsplit=1)[0]) <= 76
