"""What the options accept."""

from __future__ import annotations

import pytest
import typer

from service.cli.evaluate import parse_trait
from service.cli.options import format_duration, parse_duration, parse_server


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("500ms", 0.5), ("30s", 30), (" 1.5m ", 90), ("2h", 7200), ("1d", 86400), ("5", 5), (2.5, 2.5)],
)
def test_durations(text, seconds):
    """A duration is a number with a unit, or plain seconds."""
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["250ms", "1.5ms", "2.5s", "30s", "90s", "5m", "36h", "7d"])
def test_durations_are_written_as_they_are_read(text):
    """A duration that is shown could be typed again."""
    assert format_duration(parse_duration(text)) == text


@pytest.mark.parametrize("text", ["", "soon", "-1s", "1 s", "s", "1w"])
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
