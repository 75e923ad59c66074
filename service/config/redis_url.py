"""The URL of Redis, checked. What is wrong with it is said without repeating it: it may hold a password."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from service.config.addresses import is_host, split_sentinel_url

if TYPE_CHECKING:
    from urllib.parse import SplitResult

_FORMS: Final = (
    "expected redis://[[user]:password@]host[:port][/db], rediss://..., unix://[[user]:password@]/path[?db=n] or "
    "redis+sentinel://[[user]:password@]host[:port][,host[:port]...]/name[/db], rediss+sentinel://..."
)
_UNESCAPED: Final = (
    "expected user and password percent-encoded (%2F for /, %3F for ?, %23 for #, %40 for @), and one of these is there"
)
_FILES: Final = ("ssl_ca_certs", "ssl_ca_path", "ssl_certfile", "ssl_keyfile")
# How redis-py names an option that is unknown, or has a wrong value.
_OPTION: Final = re.compile(r"(?:argument|Invalid value for) [`'](\w+)[`']")


def checked(value: str) -> str:
    """Return a URL without the space around it, which a Secret made from a file has at its end.

    Raises:
        ValueError: it is none; says which part of it is wrong.
    """
    value = value.strip()
    scheme = value.split("://", 1)[0] if "://" in value else ""
    if scheme.endswith("+sentinel"):
        try:
            parts = split_sentinel_url(value)
        except ValueError as error:
            raise ValueError(_FORMS) from error
        checked(parts.server)
        checked(parts.sentinel)
        return value
    if scheme not in {"redis", "rediss", "unix"}:
        raise ValueError(_FORMS)
    if scheme != "unix":
        _check_place(value)
    options = _options(value)
    if scheme == "unix" and not str(options.get("path", "")).startswith("/"):
        raise ValueError(_FORMS)
    for name in _FILES:
        if options.get(name) and not Path(options[name]).exists():
            raise ValueError(f"expected a file for {name}: {options[name]} is not there")
    return value


def _check_place(value: str) -> None:
    """Check host, port and database. redis-py takes a missing host for localhost, and a wrong database for 0."""
    rest = value.split("://", 1)[1]
    login_ends = rest.rfind("@")
    try:
        place = urlsplit(value)
        wrong = _wrong_place(place)
    except ValueError:  # brackets that are no IPv6 address
        place, wrong = None, "expected a host, an IPv6 address in brackets"
    # What ends host and port stands in the login, so that host and port are a part of that.
    if "#" in rest[: login_ends + 1] or (wrong and login_ends >= 0 and (place is None or "@" not in place.netloc)):
        raise ValueError(_UNESCAPED)
    if wrong:
        raise ValueError(wrong)


def _wrong_place(place: SplitResult) -> str:
    """Return what is wrong with host, port and database; empty if nothing is."""
    try:
        port = place.port
    except ValueError:
        port = 0
    if port == 0:
        return "expected a port from 1 to 65535"
    if not is_host(place.hostname or ""):
        return "expected a host"
    return "" if re.fullmatch(r"/?\d*", place.path) else "expected a number for the database, after the /"


def _options(value: str) -> dict[str, Any]:
    """Return what a URL says of connections."""
    from redis import ConnectionPool  # noqa: PLC0415 - takes 0.1 s to load, and the embedded Redis needs no URL

    try:
        pool = ConnectionPool.from_url(value)
        pool.connection_class(**pool.connection_kwargs)  # connects to nothing yet, but knows its options
    except (ValueError, TypeError) as error:
        named = _OPTION.search(str(error))
        # After an @ an option may be the rest of a password.
        option = named[1] if named and "@" not in urlsplit(value).query else "one of them"
        raise ValueError(
            f"expected options that there are, after the ?: {option} is unknown, or has a wrong value"
        ) from error
    options: dict[str, Any] = pool.connection_kwargs
    return options
