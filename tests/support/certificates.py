"""Certificates for tests: an authority of a test's own, and what it issues, as files."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import grpc
import trustme

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOCAL = ("127.0.0.1", "localhost")
"""The names of a service on this machine."""


def write(path: Path, content: bytes) -> Path:
    """Put a file in the place of another at once, as those do who renew certificates."""
    beside = path.with_name(f"{path.name}.new")
    beside.write_bytes(content)
    beside.replace(path)
    return path


@dataclass(frozen=True)
class Files:
    """A certificate and its key.

    Attributes:
        cert: the certificate, with its chain.
        key: its private key.
    """

    cert: Path
    key: Path

    def options(self) -> list[str]:
        """Return the options for it; the service and its callers call them the same."""
        return ["--tls-cert", str(self.cert), "--tls-key", str(self.key)]


@dataclass
class Authority:
    """An authority that issues certificates into a folder.

    Attributes:
        folder: where its files are.
    """

    folder: Path
    _ca: trustme.CA = field(default_factory=trustme.CA)

    def __post_init__(self) -> None:
        self.folder.mkdir(exist_ok=True)
        self.file = write(self.folder / "ca.pem", self._ca.cert_pem.bytes())

    def issue(self, name: str, *identities: str, days: float = 1) -> Files:
        """Issue a certificate, valid from two days ago for `days` from now, over one of that name if there is one.

        Args:
            name: what to call its files.
            identities: whose it is; by default this machine's.
            days: how long it is valid; below zero, it has expired.
        """
        now = datetime.now(UTC)
        issued = self._ca.issue_cert(
            *(identities or LOCAL), not_before=now - timedelta(days=2), not_after=now + timedelta(days=days)
        )
        chain = b"".join(each.bytes() for each in issued.cert_chain_pems)
        return Files(
            write(self.folder / f"{name}.pem", chain),
            write(self.folder / f"{name}.key.pem", issued.private_key_pem.bytes()),
        )

    def credentials(self, own: Files | None = None) -> grpc.ChannelCredentials:
        """Return the credentials of a caller who trusts this authority, and has a certificate of its own or none."""
        return grpc.ssl_channel_credentials(
            self.file.read_bytes(),
            own.key.read_bytes() if own else None,
            own.cert.read_bytes() if own else None,
        )

    def channel(self, address: str, own: Files | None = None) -> grpc.Channel:
        """Return a connection of its own to a service whose certificate this authority has issued."""
        return grpc.secure_channel(address, self.credentials(own), [("grpc.use_local_subchannel_pool", 1)])


def without_evenhand() -> Iterator[tuple[str, str]]:
    """Give the environment but for what it says to Evenhand."""
    return ((name, value) for name, value in os.environ.items() if not name.startswith("EVENHAND_"))
