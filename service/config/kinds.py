"""The kinds of settings: how each is read from text, shown, and named in help."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from service.config.addresses import split_address, split_sentinel_url, unix_path
from service.config.durations import DAY, format_duration, parse_duration

if TYPE_CHECKING:
    from collections.abc import Callable

_HIGHEST_PORT: Final = 65_535
_FOREVER: Final = 100 * 365 * DAY
_URL_FORMS: Final = (
    "expected redis://[[user]:password@]host[:port][/db], rediss://..., unix://[[user]:password@]/path[?db=n] or "
    "redis+sentinel://[[user]:password@]host[:port][,host[:port]...]/name[/db], rediss+sentinel://..."
)


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
    if unix_path(value) is not None or not host or re.search(r"[\s/]", host) or not 0 <= port <= _HIGHEST_PORT:
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


def _redis_url(value: str) -> str:
    """Check the URL without ever repeating it: it may hold a password, also (or just then) when it is malformed.

    Space around it is taken off: a Secret made from a file has the end of the line, too.
    """
    value = value.strip()
    scheme = value.split("://", 1)[0] if "://" in value else ""
    if scheme.endswith("+sentinel"):
        try:
            parts = split_sentinel_url(value)
        except ValueError as error:
            raise ValueError(_URL_FORMS) from error
        _redis_url(parts.server)
        _redis_url(parts.sentinel)
        return value
    if scheme not in {"redis", "rediss", "unix"}:
        raise ValueError(_URL_FORMS)
    from redis import ConnectionPool  # noqa: PLC0415 - takes 0.1 s to load, and the embedded Redis needs no URL

    try:
        pool = ConnectionPool.from_url(value)
        pool.connection_class(**pool.connection_kwargs)  # connects to nothing yet, but knows its options
        place = urlsplit(value)
        port = place.port
    except (ValueError, TypeError) as error:
        raise ValueError(_URL_FORMS) from error
    if scheme == "unix":
        if not str(pool.connection_kwargs.get("path", "")).startswith("/"):
            raise ValueError(_URL_FORMS)
    elif not place.hostname or port == 0 or not re.fullmatch(r"/?\d*", place.path):
        # redis-py takes a missing host for localhost, and a wrong database for 0, without a word.
        raise ValueError(_URL_FORMS)
    return value


def _http_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"expected http://HOST:PORT or https://HOST:PORT, not {value!r}")
    return value


_EITHER: Final = one_of("yes|no", "yes", "no")

YES_OR_NO: Final = Kind(_EITHER.metavar, lambda value: _EITHER.parse(value) == "yes", lambda on: "yes" if on else "no")
ADDRESS: Final = Kind("ADDRESS", _address)
TCP_ADDRESS: Final = Kind("HOST:PORT", _tcp_address)
REDIS_URL: Final = Kind("URL", _redis_url)
HTTP_URL: Final = Kind("URL", _http_url)
FILE_PATH: Final = Kind("FILE", lambda value: Path(value).expanduser())
FOLDER: Final = Kind("FOLDER", lambda value: Path(value).expanduser())
FILE: Final = Kind("FILE", lambda value: str(Path(value).expanduser()))
