"""The service's certificate, its key, and whose certificates callers may have: read again when the files change.

A file that is wrong at start is named, and the service does not start. One that is wrong later is logged, and what was
read before stays in force. Files are looked at whenever somebody connects, so that nothing has to watch them; calls on
connections that are there already go on as they are.
"""

from __future__ import annotations

import logging
import ssl
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn

import grpc

from service.config import SettingsError
from service.config.files import stamps
from service.runtime import key_kinds
from service.telemetry import logs
from service.telemetry.metrics import set_certificate_expiry, set_file_refused

if TYPE_CHECKING:
    from service.config import Settings

_log = logging.getLogger(__name__)

# What OpenSSL says of a certificate and its key, by its names for that.
_CERTIFICATE_PROBLEMS: Final = {
    "EE_KEY_TOO_SMALL": "has a key that is too small: take RSA of 2048 bits",
    "CA_MD_TOO_WEAK": "is signed by a hash that is too weak: take SHA-256",
}
_OTHER_KEY: Final = {"KEY_VALUES_MISMATCH", "NO_CERTIFICATE_ASSIGNED"}  # the latter where it is of another kind


class Loaded(NamedTuple):
    """What the files hold, checked.

    Attributes:
        chain: the certificate and those between it and its authority, in PEM.
        key: the private key, in PEM.
        client_ca: the authorities of callers' certificates, in PEM; None: callers need no certificate.
        context: all of it, for listeners by Python's own TLS.
        expires: when the certificate expires: "Nov 27 15:00:00 2026 GMT".
    """

    chain: bytes
    key: bytes
    client_ca: bytes | None
    context: ssl.SSLContext
    expires: str


class Certificates:
    """What the files of the settings hold, and held when they were last right.

    Args:
        settings: name the files.
        user: what the log calls whoever uses them: "grpc".

    Attributes:
        loaded: what is in force.

    Raises:
        SettingsError: a file is missing or wrong.
    """

    def __init__(self, settings: Settings, user: str) -> None:
        self._settings = settings
        self._user = user
        self._lock = threading.Lock()
        self._stamps = _stamps(settings)
        self.loaded = load(settings)
        set_certificate_expiry(ssl.cert_time_to_seconds(self.loaded.expires))

    def renew(self) -> bool:
        """Read the files again if they changed; return whether there is something new in `loaded`."""
        with self._lock:
            now = _stamps(self._settings)
            if now == self._stamps:
                return False
            self._stamps = now
            try:
                self.loaded = load(self._settings)
            except SettingsError as error:
                set_file_refused("tls", refused=True)
                logs.event(
                    _log, logging.ERROR, "TLS files are wrong, the old ones stay", user=self._user, reason=str(error)
                )
                return False
            set_file_refused("tls", refused=False)
            set_certificate_expiry(ssl.cert_time_to_seconds(self.loaded.expires))
            logs.event(_log, logging.INFO, "TLS files read again", user=self._user, expires=self.loaded.expires)
            return True

    def context(self) -> ssl.SSLContext:
        """Return what is in force now, for a connection by Python's own TLS."""
        self.renew()
        return self.loaded.context


def server_credentials(settings: Settings) -> grpc.ServerCredentials:
    """Return the credentials of a gRPC server, which follow the files.

    Raises:
        SettingsError: a file is missing or wrong.
    """
    certificates = Certificates(settings, "grpc")

    def configuration() -> grpc.ServerCertificateConfiguration:
        loaded = certificates.loaded
        return grpc.ssl_server_certificate_configuration([(loaded.key, loaded.chain)], loaded.client_ca)

    def renewed() -> Any:  # the stubs do not know of None, which says that nothing changed
        return configuration() if certificates.renew() else None

    return grpc.dynamic_ssl_server_credentials(
        configuration(),
        renewed,
        require_client_authentication=bool(settings.tls_client_ca),
    )


def load(settings: Settings) -> Loaded:
    """Read and check the files.

    Raises:
        SettingsError: a file is missing or wrong.
    """
    chain = _read(settings, "tls_cert")
    key = _read(settings, "tls_key")
    client_ca = _read(settings, "tls_client_ca") if settings.tls_client_ca else None
    trusting_it_alone = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting_it_alone.check_hostname = False
    trusting_it_alone.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    _trust(settings, "tls_cert", trusting_it_alone, chain)
    if not key_kinds.is_taken(chain):
        raise _wrong(
            settings, "tls_cert", "has a key that many gRPC callers do not take: take RSA, or ECDSA on P-256 or P-384"
        )
    context = _with_chain(settings)
    expires = _expiry(settings, context, trusting_it_alone)
    if client_ca is not None:
        _trust(settings, "tls_client_ca", context, client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
        if not context.cert_store_stats()["x509_ca"]:
            raise _wrong(settings, "tls_client_ca", "has no certificate of an authority")
    return Loaded(chain, key, client_ca, context, expires)


def _stamps(settings: Settings) -> list[tuple[int, int, int] | None]:
    return stamps([settings.tls_cert, settings.tls_key, settings.tls_client_ca])


def _read(settings: Settings, setting: str) -> bytes:
    try:
        return Path(getattr(settings, setting)).read_bytes()
    except OSError as error:
        raise _wrong(settings, setting, f"cannot be read: {error.strerror}") from error


def _trust(settings: Settings, setting: str, context: ssl.SSLContext, certificates: bytes) -> None:
    """Have a context trust the certificates of a file."""
    try:
        context.load_verify_locations(cadata=certificates.decode("ascii"))
    except (ssl.SSLError, ValueError) as error:
        raise _wrong(settings, setting, "has no certificate in PEM") from error


def _with_chain(settings: Settings) -> ssl.SSLContext:
    """Return a context with the certificate, which is known to be one, and its key."""

    def encrypted() -> NoReturn:
        raise _wrong(settings, "tls_key", "is encrypted; take one that is not, and let nobody else read it")

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(settings.tls_cert, settings.tls_key, encrypted)
    except ssl.SSLError as error:
        if error.reason in _CERTIFICATE_PROBLEMS:
            raise _wrong(settings, "tls_cert", _CERTIFICATE_PROBLEMS[error.reason]) from error
        is_other = error.reason in _OTHER_KEY
        problem = f"is not the key of {settings.tls_cert}" if is_other else "has no private key in PEM"
        raise _wrong(settings, "tls_key", problem) from error
    return context


def _expiry(settings: Settings, context: ssl.SSLContext, trusting: ssl.SSLContext) -> str:
    """Return when the certificate expires, by a handshake in memory: its caller checks what any caller would."""
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = trusting.wrap_bio(to_client, to_server)
    server = context.wrap_bio(to_server, to_client, server_side=True)
    done = False
    while not done:
        done = True
        for side in (client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                done = False
            except ssl.SSLCertVerificationError as error:
                raise _wrong(settings, "tls_cert", error.verify_message) from error
    return str((client.getpeercert() or {})["notAfter"])


def _wrong(settings: Settings, setting: str, problem: str) -> SettingsError:
    return SettingsError(settings.name_of(setting), f"{getattr(settings, setting)} {problem}")
