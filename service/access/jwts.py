"""JWTs (RFC 7519): verified by the keys of their issuers, and whom each is about.

Loaded only where there are issuers.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, Final

import jwt

from service.access import keys
from service.access.errors import KeysUnavailableError, UnauthenticatedError
from service.access.issuers import FetchedKeys
from service.access.principals import Subject

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from service.access.issuers import Issuer

_LEEWAY_S: Final = 30  # how much clocks may differ
_REMEMBERED: Final = 10_000  # tokens, about 300 bytes each

# What is wrong with a token can come out as any of these: its parts are JSON that anybody wrote.
_MALFORMED: Final = (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError)
# The more special ones before those of which they are kinds.
_WRONG: Final = {
    jwt.InvalidAudienceError: "wrong audience",
    jwt.InvalidIssuerError: "unknown issuer",
    jwt.InvalidAlgorithmError: "wrong algorithm",
    jwt.InvalidKeyError: "unknown kid",
    jwt.ImmatureSignatureError: "not valid yet",
    jwt.InvalidSignatureError: "wrong signature",
}


class Verifier:
    """Verifies tokens, each once until it expires.

    Args:
        issuers: who issues them, by name.
        fetched: keys that are fetched, by address, which an earlier verifier had; it takes those that it needs.

    Attributes:
        fetched: the keys that it has fetched, by address.
    """

    def __init__(self, issuers: Mapping[str, Issuer], fetched: Mapping[str, FetchedKeys]) -> None:
        self._issuers = issuers
        urls = {issuer.keys_url for issuer in issuers.values() if issuer.keys_url}
        self._lock = threading.Lock()
        self._remembered: dict[bytes, tuple[float, Subject]] = {}
        self.fetched = {url: fetched.get(url) or FetchedKeys(url, self._forget) for url in urls}
        for each in self.fetched.values():
            each.changed = self._forget

    def close(self, kept: Iterable[str]) -> None:
        """Fetch keys no more, except those at the addresses in `kept`."""
        for url in self.fetched.keys() - set(kept):
            self.fetched[url].close()

    def subject(self, token: str, digest: bytes) -> Subject:
        """Return whom a token is about.

        Args:
            token: the token.
            digest: its hash.

        Raises:
            UnauthenticatedError: it is not valid, or not any more.
            KeysUnavailableError: its issuer's keys are not there yet.
        """
        remembered = self._remembered
        known = self.remembered(digest)
        if known is not None:
            return known
        expires, subject = self._verify(token)
        with self._lock:
            if len(remembered) >= _REMEMBERED:
                remembered.clear()
            remembered[digest] = (expires + _LEEWAY_S, subject)
        return subject

    def remembered(self, digest: bytes) -> Subject | None:
        """Return whom a token with this hash is about, if it was verified before and is still valid."""
        known = self._remembered.get(digest)
        return known[1] if known is not None and known[0] > time.time() else None

    def _forget(self) -> None:
        """Verify all tokens anew, because a key may have been taken back; also those that are being verified."""
        self._remembered = {}

    def _verify(self, token: str) -> tuple[float, Subject]:
        """Return when a valid token expires, and whom it is about."""
        try:
            issuer, key, algorithm = self._key_of(token)
            claims = jwt.decode(
                token,
                key.key,
                algorithms=[algorithm],
                audience=issuer.audience,
                issuer=issuer.name,
                leeway=_LEEWAY_S,
                options={"require": ["exp", "iss", "aud", issuer.claim]},
            )
            subject = Subject(issuer.name, _text(claims[issuer.claim]))
            return float(claims["exp"]), subject
        except jwt.ExpiredSignatureError as error:
            raise UnauthenticatedError("EXPIRED_CREDENTIALS", "expired") from error
        except _MALFORMED as error:
            raise UnauthenticatedError("INVALID_CREDENTIALS", _why(error)) from error

    def _key_of(self, token: str) -> tuple[Issuer, keys.Key, str]:
        """Return who claims to have issued a token, and the key and the algorithm that it names. None is believed yet.

        Raises:
            jwt.PyJWTError: there is no such issuer or key, or it does not sign by this algorithm.
        """
        unverified: Any = jwt.decode_complete(token, options={"verify_signature": False})
        header, claims = unverified["header"], unverified["payload"]
        issuer = self._issuers.get(_text(claims.get("iss")))
        algorithm = _text(header.get("alg"))
        if issuer is None:
            raise jwt.InvalidIssuerError("unknown issuer")
        if algorithm not in issuer.algorithms:
            raise jwt.InvalidAlgorithmError("the issuer signs by no such algorithm")
        fetched = self.fetched.get(issuer.keys_url)
        known: Sequence[keys.Key] = fetched.keys if fetched is not None else issuer.keys
        if not known:
            raise KeysUnavailableError
        key = keys.chosen(known, _text(header.get("kid", "")), algorithm)
        if key is None:
            if fetched is not None:
                fetched.ask()
            raise jwt.InvalidKeyError("the issuer has no such key")
        return issuer, key, algorithm


def _why(error: Exception) -> str:
    """Return what is wrong with a token; what stands in an error itself may be the caller's writing."""
    if isinstance(error, jwt.MissingRequiredClaimError):
        return f"no {error.claim}"
    return next((why for kind, why in _WRONG.items() if isinstance(error, kind)), "malformed")


def _text(value: object) -> str:
    """Return a text as it is.

    Raises:
        TypeError: it is none.
    """
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value
