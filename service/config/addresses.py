"""Addresses: `host:port`, `[ipv6]:port` and `unix:path` taken apart and put together, and URLs fit for eyes."""

from __future__ import annotations

import re


def split_address(address: str) -> tuple[str, int]:
    """Split `host:port` or `[ipv6]:port` into host (without brackets) and port; port -1 if there is none to see."""
    match = re.fullmatch(r"(?:\[([^\[\]]+)\]|([^:\[\]]*)):(\d{1,5})", address)
    return (match[1] or match[2], int(match[3])) if match else (address, -1)


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
    # To the last @, and before the query is looked for: a password may hold both characters.
    return re.sub(r"(?<=://)([^:]*):.*@", r"\1:***@", url, flags=re.DOTALL).split("?", 1)[0]
