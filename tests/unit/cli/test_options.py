"""What the options accept."""

from __future__ import annotations

import pytest
import typer

from service.cli.evaluate import parse_trait
from service.cli.options import parse_duration, parse_server


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
