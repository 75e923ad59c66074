"""Addresses: `host:port`, `[ipv6]:port` and `unix:path` taken apart and put together, and URLs fit for eyes."""

from __future__ import annotations

import re
from typing import Final, NamedTuple
from urllib.parse import parse_qsl, quote, urlencode

_SENTINEL_PORT: Final = 26_379


def split_address(address: str) -> tuple[str, int]:
    """Split `host:port` or `[ipv6]:port` into host (without brackets) and port; port -1 if there is none to see."""
    match = re.fullmatch(r"(?:\[([^\[\]]+)\]|([^:\[\]]*)):(\d{1,5})", address)
    return (match[1] or match[2], int(match[3])) if match else (address, -1)


def is_host(host: str) -> bool:
    """Return whether a text can be the name of a host, or its address. Asks no name server."""
    try:
        host.encode("idna")  # as Python does before it asks one: an empty label, or one of 64 characters, is none
    except UnicodeError:
        return False
    return host != "" and re.search(r"[\x00-\x20\x7f/]", host) is None


def with_port(address: str, port: int) -> str:
    """Return the address with the port that was really taken, which the address may have left open (0)."""
    return address if unix_path(address) is not None else f"{address.rpartition(':')[0]}:{port}"


def unix_path(address: str) -> str | None:
    """Return the path of `unix:path` or `unix://path`; None for an address of another kind."""
    return address.removeprefix("unix:").removeprefix("//") if address.startswith("unix:") else None


def is_local(address: str) -> bool:
    """Return whether only this machine reaches an address: loopback, or a unix socket. Asks no name server."""
    host, _ = split_address(address)
    return unix_path(address) is not None or re.fullmatch(r"localhost|::1|127(\.\d{1,3}){3}", host) is not None


def redact(url: str) -> str:
    """Return a Redis URL fit for eyes: without password, and without its query, which may hold one."""
    before, question, query = url.partition("?")
    if question and "@" in query:
        # The query may hold an @, and so may a password that holds a question mark: nobody can tell where either ends.
        return re.sub(r"(?<=://).*", "***", before, flags=re.DOTALL)
    # To the last @: a password may hold that, too.
    return re.sub(r"(?<=://)([^:]*):.*@", r"\1:***@", before, flags=re.DOTALL)


class SentinelUrl(NamedTuple):
    """A URL of Sentinels, taken apart.

    Attributes:
        addresses: host and port of each Sentinel.
        name: what they call the Redis that they watch.
        server: the URL of a server of it, but for its host.
        sentinel: the URL of a Sentinel, but for its host.
    """

    addresses: list[tuple[str, int]]
    name: str
    server: str
    sentinel: str


def split_sentinel_url(url: str) -> SentinelUrl:
    """Take apart `redis+sentinel://[[user]:password@]host[:port][,host[:port]...]/name[/db][?options]`.

    User, password and options are those of the servers, as in a `redis://` URL. The options of TLS in
    `rediss+sentinel://` hold for the Sentinels, too; their own user and password are the options `sentinel_username`
    and `sentinel_password`.

    Raises:
        ValueError: it has another form.
    """
    match = re.fullmatch(
        r"(rediss?)\+sentinel://(?:(.*)@)?([^/?#@]+)/([^/?#]+)(?:/(\d*))?(?:\?([^#]*))?", url, re.DOTALL
    )
    if match is None:
        raise ValueError("no URL of Sentinels")
    scheme, login, hosts, name, database, query = match.groups(default="")
    addresses = []
    for host in hosts.split(","):
        address = split_address(host if re.search(r":\d+$", host) else f"{host}:{_SENTINEL_PORT}")
        if not is_host(address[0]) or not 0 < address[1] <= 65_535:  # noqa: PLR2004 - the highest port there is
            raise ValueError("no address of a Sentinel")
        addresses.append(address)
    options = dict(parse_qsl(query, keep_blank_values=True))
    user, password = options.pop("sentinel_username", ""), options.pop("sentinel_password", "")
    server = f"{scheme}://{login and f'{login}@'}localhost/{database}?{urlencode(options)}"
    options.pop("db", None)
    own = f"{quote(user, safe='')}:{quote(password, safe='')}@" if user or password else ""
    return SentinelUrl(addresses, name, server, f"{scheme}://{own}localhost?{urlencode(options)}")
