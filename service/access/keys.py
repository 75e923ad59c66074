"""The keys by which JWTs are verified: a JSON Web Key Set (RFC 7517), checked. Loaded only where there are issuers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

if TYPE_CHECKING:
    from collections.abc import Sequence

_RSA_BITS: Final = 2048
_CURVES: Final = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
_RSA: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")

MOST_BYTES: Final = 256 * 1024
"""The most that a set may have."""


class Key(NamedTuple):
    """A public key.

    Attributes:
        kid: its name; empty: none.
        algorithms: what it is for.
        key: the key.
    """

    kid: str
    algorithms: tuple[str, ...]
    key: Any


def parse(content: bytes) -> Sequence[Key]:
    """Return the keys of a set that can verify a JWT. Others are left out, as RFC 7517 says.

    Raises:
        ValueError: there are none; the message reads on from the name of the file or the address.
    """
    if len(content) > MOST_BYTES:
        raise ValueError(f"is larger than {MOST_BYTES // 1024} KiB")
    try:
        members = json.loads(content)["keys"]
        found = [_key(each) for each in members]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ValueError("is no JSON Web Key Set") from error
    keys = [key for key in found if key is not None]
    if not keys:
        raise ValueError("has no public key (RSA of at least 2048 bits, P-256, P-384, P-521 or Ed25519) for signatures")
    return keys


def _key(member: Any) -> Key | None:
    """Return one key of a set; None if it is of no use."""
    if not isinstance(member, dict):
        raise TypeError("not a key")
    if member.get("use", "sig") != "sig" or member.get("kty") not in {"RSA", "EC", "OKP"}:
        return None
    try:
        key = jwt.PyJWK(member).key
    except (jwt.PyJWTError, ValueError, TypeError):
        return None  # of a kind that is not known here, or wrong
    algorithms: tuple[str, ...] = ()
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= _RSA_BITS:
        algorithms = _RSA
    elif isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES:
        algorithms = (_CURVES[key.curve.name],)
    elif isinstance(key, ed25519.Ed25519PublicKey):
        algorithms = ("EdDSA",)
    if "alg" in member:
        algorithms = tuple(each for each in algorithms if each == member["alg"])
    return Key(str(member.get("kid", "")), algorithms, key) if algorithms else None


def chosen(keys: Sequence[Key], kid: str, algorithm: str) -> Key | None:
    """Return the key that a token names; one that names none is meant by the only key for its algorithm."""
    fitting = [key for key in keys if algorithm in key.algorithms and (key.kid == kid or not kid)]
    return fitting[0] if len(fitting) == 1 or (kid and fitting) else None
