"""The kinds of settings: how each is read from text, shown, and named in help."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from service.config import redis_url
from service.config.addresses import is_host, split_address, unix_path
from service.config.durations import DAY, format_duration, parse_duration

if TYPE_CHECKING:
    from collections.abc import Callable

_HIGHEST_PORT: Final = 65_535
_FOREVER: Final = 100 * 365 * DAY


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of setting.

    Attributes:
        metavar: what help shows in the place of the value: "DURATION".
        parse: makes the value from text; raises ValueError that says what was expected.
        show: makes a text from the value, which `parse` would read.
    """

    metavar: str
    parse: Callable[[str], Any]
    show: Callable[[Any], str] = str


def whole(lowest: int, highest: int) -> Kind:
    """Make the kind of whole numbers between two bounds, both included."""

    def parse(value: str) -> int:
        if not re.fullmatch(r"[+-]?\d{1,18}", value.strip()) or not lowest <= int(value) <= highest:
            raise ValueError(f"expected a whole number from {lowest} to {highest}, not {value!r}")
        return int(value)

    return Kind("N", parse)


def duration(lowest: float = 0.0) -> Kind:
    """Make the kind of durations, in seconds, of at least `lowest`."""

    def parse(value: str) -> float:
        try:
            seconds = parse_duration(value)
        except ValueError:
            seconds = -1.0
        if not lowest <= seconds <= _FOREVER:
            bounds = f"from {lowest:g}s to {_FOREVER / DAY:g}d"
            raise ValueError(f"expected a duration {bounds}, such as 90s, 250ms or 30d, not {value!r}")
        return seconds

    return Kind("DURATION", parse, format_duration)


def one_of(metavar: str, *choices: str) -> Kind:
    """Make the kind of a few texts."""

    def parse(value: str) -> str:
        if value not in choices:
            raise ValueError(f"expected {', '.join(choices[:-1])} or {choices[-1]}, not {value!r}")
        return value

    return Kind(metavar, parse)


def _tcp_address(value: str) -> str:
    host, port = split_address(value)
    if unix_path(value) is not None or not is_host(host) or not 0 <= port <= _HIGHEST_PORT:
        raise ValueError(f"expected HOST:PORT or [IPV6]:PORT, not {value!r}")
    return value


def _address(value: str) -> str:
    path = unix_path(value)
    if path is not None:
        if not path:
            raise ValueError(f"expected unix:PATH, not {value!r}")
        return value
    try:
        return _tcp_address(value)
    except ValueError as error:
        raise ValueError(f"expected HOST:PORT, [IPV6]:PORT or unix:PATH, not {value!r}") from error


def _http_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"expected http://HOST:PORT or https://HOST:PORT, not {value!r}")
    return value


_EITHER: Final = one_of("yes|no", "yes", "no")

YES_OR_NO: Final = Kind(_EITHER.metavar, lambda value: _EITHER.parse(value) == "yes", lambda on: "yes" if on else "no")
ADDRESS: Final = Kind("ADDRESS", _address)
TCP_ADDRESS: Final = Kind("HOST:PORT", _tcp_address)
REDIS_URL: Final = Kind("URL", redis_url.checked)
HTTP_URL: Final = Kind("URL", _http_url)
FILE_PATH: Final = Kind("FILE", lambda value: Path(value).expanduser())
FOLDER: Final = Kind("FOLDER", lambda value: Path(value).expanduser())
FILE: Final = Kind("FILE", lambda value: str(Path(value).expanduser()))
