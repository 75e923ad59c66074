"""The access file in force: who calls, by what a caller shows. Read again when it changes.

A file that is wrong at start is named, and the service does not start. One that is wrong later is logged, and what was
read before stays in force. A thread looks at it every second, so that no call waits for its being read.
"""

from __future__ import annotations

import hmac
import logging
import threading
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from service.access import document
from service.access.changes import changes_between
from service.access.errors import NotBearerError, UnauthenticatedError
from service.access.principals import NOBODY, UNVERIFIED
from service.access.tokens import token_hash
from service.config import SettingsError
from service.config.files import stamps
from service.telemetry import logs, trail

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from service.access.document import AccessFile
    from service.access.principals import Principal
    from service.config import Settings

_LOOKS_S: Final = 1.0
_LONGEST_TOKEN: Final = 8 * 1024
_INDEX: Final = 8  # bytes of a hash by which it is looked up, before all of it is compared
_JWT_DOTS: Final = 2

_log = logging.getLogger(__name__)


class Access:
    """Knows callers by the access file. Threads may ask while it is read again.

    Args:
        settings: name the file.
        tell_refused: is told whenever the file was read again, whether it is wrong.

    Raises:
        SettingsError: the file is missing or wrong.
    """

    def __init__(self, settings: Settings, tell_refused: Callable[[bool], None]) -> None:
        self._tell_refused = tell_refused
        self._path = Path(settings.access)
        self._said: tuple[object, str] | None = None  # the state of the file that was last called wrong, and why
        self._stamps = stamps([self._path])  # before it is read, so that no change is missed
        self._callers = Callers(load(settings), None)
        self._key_files = self._callers.file.key_files
        self._stamps += stamps(self._key_files)
        self._closed = threading.Event()
        self._follower = threading.Thread(target=self._follow, name="access", daemon=True)
        self._follower.start()

    def close(self) -> None:
        """Follow the file no more."""
        self._closed.set()
        self._follower.join()
        self._callers.close(None)

    def identify(self, authorization: Sequence[str], certificate: Callable[[], Iterable[str]]) -> Principal:
        """Return who calls.

        Args:
            authorization: the values of the call's metadata of that name. Where there are any, they alone count.
            certificate: returns the names in the caller's certificate, each after its kind: "dns:inbox.example.com".

        Raises:
            UnauthenticatedError: nobody whom the file names.
            KeysUnavailableError: see there.
        """
        return self._callers.identify(authorization, certificate)

    def recognize(self, authorization: Sequence[str], certificate: Callable[[], Iterable[str]]) -> Principal:
        """Return who calls, at once: NOBODY, or UNVERIFIED where a JWT has not been verified before."""
        return self._callers.recognize(authorization, certificate)

    def _follow(self) -> None:
        while not self._closed.wait(_LOOKS_S):
            now = stamps([self._path, *self._key_files])
            if now != self._stamps:
                self._stamps = now
                try:
                    self._renew()
                except Exception as error:  # noqa: BLE001 - whatever this file does to it, the next one has to be read
                    _log.exception("the access file could not be read")
                    self._say_wrong(f"cannot be read: {type(error).__name__}")

    def _renew(self) -> None:
        """Read the file again."""
        try:
            found = _read(self._path)
        except OSError as error:
            self._say_wrong(f"cannot be read: {error.strerror}")
            return
        self._key_files = found.key_files
        if found.problems:
            self._say_wrong(document.summary(found.problems))
            return
        self._tell_refused(False)
        self._said = None
        before = self._callers
        if found == before.file:
            return
        self._callers = Callers(found, before)
        before.close(self._callers)
        trail.access_changed(str(self._path), **changes_between(before.file, found))

    def _say_wrong(self, reason: str) -> None:
        self._tell_refused(True)
        said = (self._stamps[0], reason)
        if said == self._said:  # it was only read again since it names other files than the one before
            return
        self._said = said
        logs.event(
            _log,
            logging.ERROR,
            "the access file is wrong, the old one stays",
            file=str(self._path),
            reason=reason,
        )


class Callers:
    """Callers by what each shows, as one state of the file has them.

    Args:
        file: what it says, without a mistake.
        before: the state before; None: there was none.

    Attributes:
        file: the file.
        verifier: verifies JWTs; None: nobody issues any.
    """

    def __init__(self, file: AccessFile, before: Callers | None) -> None:
        self.file = file
        self._by_token: dict[bytes, list[tuple[bytes, Principal]]] = {}
        self._by_name: dict[str, Principal] = {}
        self._by_subject: dict[object, Principal] = {}
        for principal in file.principals.values():
            for digest in principal.tokens:
                self._by_token.setdefault(digest[:_INDEX], []).append((digest, principal))
            self._by_name |= dict.fromkeys(principal.certificates, principal)
            self._by_subject |= dict.fromkeys(principal.subjects, principal)
        self.verifier: Any = None
        if file.issuers:
            fetched = before.verifier.fetched if before is not None and before.verifier is not None else {}
            self.verifier = import_module("service.access.jwts").Verifier(file.issuers, fetched)

    def close(self, after: Callers | None) -> None:
        """Let go of what the state that follows does not need; None: nothing follows."""
        if self.verifier is not None:
            kept = after.verifier.fetched if after is not None and after.verifier is not None else ()
            self.verifier.close(kept)

    def identify(self, authorization: Sequence[str], certificate: Callable[[], Iterable[str]]) -> Principal:
        """Return who calls; see `Access.identify`."""
        if authorization:
            return self._by_authorization(authorization)
        principal = self._of_names(certificate)
        if principal is None:
            raise UnauthenticatedError("NO_CREDENTIALS")
        return principal

    def recognize(self, authorization: Sequence[str], certificate: Callable[[], Iterable[str]]) -> Principal:
        """Return who calls, at once; see `Access.recognize`."""
        if not authorization:
            return self._of_names(certificate) or NOBODY
        token = _bearer(authorization)
        if not token:
            return NOBODY
        digest = token_hash(token)
        principal = self._of_token(digest)
        if principal is not None or not self._may_be_jwt(token):
            return principal or NOBODY
        subject = self.verifier.remembered(digest)
        return self._by_subject.get(subject, NOBODY) if subject is not None else UNVERIFIED

    def _of_names(self, certificate: Callable[[], Iterable[str]]) -> Principal | None:
        """Return whose names these are in a certificate, which is looked at only if anybody is known by one."""
        if not self._by_name:
            return None
        return next((self._by_name[name] for name in certificate() if name in self._by_name), None)

    def _by_authorization(self, authorization: Sequence[str]) -> Principal:
        token = _bearer(authorization)
        if not token:
            raise NotBearerError
        digest = token_hash(token)
        principal, why = self._of_token(digest), "unknown token"
        if principal is None and self._may_be_jwt(token):
            principal, why = self._by_subject.get(self.verifier.subject(token, digest)), "unknown subject"
        if principal is None:
            raise UnauthenticatedError("INVALID_CREDENTIALS", why)
        return principal

    def _of_token(self, digest: bytes) -> Principal | None:
        """Return whose token has this hash."""
        # Which hash a token has nobody can choose, so the time that looking it up takes tells nothing.
        for known, principal in self._by_token.get(digest[:_INDEX], ()):
            if hmac.compare_digest(known, digest):
                return principal
        return None

    def _may_be_jwt(self, token: str) -> bool:
        return self.verifier is not None and token.count(".") == _JWT_DOTS


def _bearer(authorization: Sequence[str]) -> str:
    """Return the one bearer token; empty if there is anything else."""
    scheme, _, token = authorization[0].partition(" ")
    is_one = len(authorization) == 1 and scheme.lower() == "bearer" and len(token) <= _LONGEST_TOKEN
    return token if is_one else ""


def load(settings: Settings) -> AccessFile:
    """Read and check the file that the settings name.

    Raises:
        SettingsError: it is missing or wrong.
    """
    path = Path(settings.access)
    name = settings.name_of("access")
    try:
        found = _read(path)
    except OSError as error:
        raise SettingsError(name, f"{path} cannot be read: {error.strerror}") from error
    if found.problems:
        raise SettingsError(name, document.summary(found.problems))
    return found


def _read(path: Path) -> AccessFile:
    with path.open("rb") as file:
        return document.parse(file.read(document.MOST_BYTES + 1), str(path))
