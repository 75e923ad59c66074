"""Durations: read and written by one module, whoever asks for them."""

from __future__ import annotations

import pytest

from service.config.durations import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("500ms", 0.5), ("30s", 30), (" 1.5m ", 90), ("2h", 7200), ("1d", 86400), ("5", 5), ("2.5", 2.5), ("2 s", 2)],
)
def test_durations_are_seconds(text: str, seconds: float) -> None:
    """A duration is a number with a unit, or plain seconds."""
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["0s", "250ms", "1.5ms", "2.5s", "30s", "90s", "5m", "36h", "7d"])
def test_durations_are_written_as_they_are_read(text: str) -> None:
    """A duration that is shown could be typed again."""
    assert format_duration(parse_duration(text)) == text


@pytest.mark.parametrize("text", ["", "soon", "-1s", "s", "1w", "1e3", "nan"])
def test_what_is_no_duration_is_said_so(text: str) -> None:
    """Anything else is refused, with the forms that are taken."""
    with pytest.raises(ValueError, match=r"is not a duration such as 500ms, 30s, 5m, 2h or 1d"):
        parse_duration(text)
