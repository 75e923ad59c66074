"""How commands reach a service, and what they say and leave with where they do not. Loads nothing."""

from __future__ import annotations

from typing import Final, NamedTuple

DEFAULT_SERVER: Final = "127.0.0.1:50051"
DEFAULT_TIMEOUT: Final = 15.0  # seconds

EXIT_USAGE: Final = 2  # typer's own, too
EXIT_PROBLEMS: Final = 1  # the files, the request or the server's state are not as they must be
EXIT_UNREACHABLE: Final = 3  # nobody answered

NOT_TLS: Final = "WRONG_VERSION_NUMBER"
"""What OpenSSL calls an answer that is no TLS."""


class Target(NamedTuple):
    """The service that a command is for, and how to reach it.

    Attributes:
        server: `HOST:PORT`, `[IPV6]:PORT` or `unix:PATH`.
        timeout: deadline of each call in seconds.
        tls_ca: file of the authorities (PEM) that the service's certificate may come from; empty: plain text.
        tls_cert: file of the caller's certificate (PEM); empty: none.
        tls_key: file of its key (PEM).
        token_file: file of the caller's bearer token; empty: none.
    """

    server: str = DEFAULT_SERVER
    timeout: float = DEFAULT_TIMEOUT
    tls_ca: str = ""
    tls_cert: str = ""
    tls_key: str = ""
    token_file: str = ""

    def incomplete(self) -> str:
        """Say which of the files is missing beside another; empty where none is."""
        if bool(self.tls_cert) != bool(self.tls_key):
            return "--tls-cert and --tls-key (EVENHAND_TLS_CERT, EVENHAND_TLS_KEY) go together"
        if self.tls_cert and not self.tls_ca:
            return "--tls-cert (EVENHAND_TLS_CERT) needs --tls-ca (EVENHAND_TLS_CA), too"
        return ""


def no_answer(server: str, timeout: float) -> str:
    """Say that a deadline, in seconds, was over."""
    return f"no answer from {server} within {timeout:g} s"


def not_reached(server: str, reason: str) -> str:
    """Say that nobody could be asked."""
    return f"cannot reach a service at {server}: {reason.rstrip('.')}. Is `evenhand serve` running?"


def not_evenhand(server: str) -> str:
    """Say that what answered is something else."""
    return f"what listens on {server} is not Evenhand"


def not_tls(server: str) -> str:
    """Say that what answers there is no TLS."""
    return f"something answers at {server}, but not by TLS; if it is Evenhand in plain text, leave --tls-ca out"


def not_trusted(server: str, reason: str) -> str:
    """Say that the certificate of what listens there was refused."""
    return f"the certificate of {server} is not trusted: {reason.rstrip('.')}"


def closed(target: Target) -> str:
    """Say that what listens there closed the connection: gRPC says no more to callers whom TLS does not let in."""
    hint = "Does it speak TLS only (--tls-ca)?"
    if target.tls_ca:
        hint = "Does it trust your certificate?" if target.tls_cert else "Does it ask for a certificate (--tls-cert)?"
    return f"cannot reach a service at {target.server}: the connection was closed. {hint}"
