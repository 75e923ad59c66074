"""The client's side of TLS: its files, in words where they are wrong. Loaded only where TLS is asked for."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from service.cli.reaching import Target


class TlsFileError(Exception):
    """A file of the options cannot be used; the message says which, and why."""


def context(target: Target) -> ssl.SSLContext:
    """Return the context of connections to a target with TLS.

    Raises:
        TlsFileError: a file is missing or wrong.
    """
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.set_alpn_protocols(["h2"])
    try:
        made.load_verify_locations(cadata=read(target.tls_ca).decode("ascii"))
    except (ssl.SSLError, ValueError) as error:
        raise TlsFileError(f"--tls-ca: {target.tls_ca} has no certificate in PEM") from error
    if target.tls_cert:
        for each in (target.tls_cert, target.tls_key):
            read(each)
        try:
            made.load_cert_chain(target.tls_cert, target.tls_key, _encrypted)
        except ssl.SSLError as error:
            names = f"{target.tls_cert} and {target.tls_key}"
            raise TlsFileError(f"--tls-cert, --tls-key: {names} are not a certificate and its key in PEM") from error
    return made


def read(path: str) -> bytes:
    """Read a file of the options.

    Raises:
        TlsFileError: that is not possible.
    """
    try:
        return Path(path).expanduser().read_bytes()
    except OSError as error:
        raise TlsFileError(f"cannot read {path}: {error.strerror}") from error


def _encrypted() -> NoReturn:
    raise TlsFileError("--tls-key: the key is encrypted; take one that is not")
