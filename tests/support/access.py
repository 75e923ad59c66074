"""Access files for tests, and what callers show who are in them."""

from __future__ import annotations

import hashlib
import json
import time
from typing import TYPE_CHECKING, Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

ISSUER = "https://login.example.com"
AUDIENCE = "evenhand"


def hashed(token: str) -> str:
    """Return the line of a token in an access file, as `evenhand token` prints it."""
    return f"sha256:{hashlib.sha256(token.encode()).hexdigest()}"


def bearer(token: str) -> list[tuple[str, str]]:
    """Return the metadata of a call with this token."""
    return [("authorization", f"Bearer {token}")]


def principal(
    name: str, *rights: str, workspaces: Sequence[str] = ("*",), token: str | None = None, **known: Any
) -> dict[str, Any]:
    """Return a principal of an access file, known by a token: `NAME-token` unless told otherwise."""
    if not known:
        known = {"tokens": [hashed(token or f"{name}-token")]}
    return {"name": name, "workspaces": list(workspaces), "rights": list(rights), **known}


def write(path: Path, *principals: dict[str, Any], issuers: Sequence[dict[str, Any]] = ()) -> Path:
    """Write an access file (JSON is YAML, too), in the place of another at once."""
    content: dict[str, Any] = {"principals": list(principals)}
    if issuers:
        content["issuers"] = list(issuers)
    beside = path.with_name(f"{path.name}.new")
    beside.write_text(json.dumps(content, indent=1))
    beside.replace(path)
    return path


class Signer:
    """One who issues JWTs, with a key of its own.

    Args:
        kid: the key's name.
        algorithm: RS256 or ES256.
    """

    def __init__(self, kid: str = "one", algorithm: str = "ES256") -> None:
        self.kid = kid
        self.algorithm = algorithm
        self.key: Any = (
            ec.generate_private_key(ec.SECP256R1())
            if algorithm == "ES256"
            else rsa.generate_private_key(public_exponent=65537, key_size=2048)
        )

    def jwk(self) -> dict[str, Any]:
        """Return the public key as it stands in a key set."""
        made = jwt.get_algorithm_by_name(self.algorithm).to_jwk(self.key.public_key(), as_dict=True)
        return {**made, "kid": self.kid, "alg": self.algorithm, "use": "sig"}

    def public_pem(self) -> bytes:
        """Return the public key in PEM."""
        made: bytes = self.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return made

    def token(
        self, subject: str = "crm", *, lasts_s: float = 600.0, header: dict[str, Any] | None = None, **claims: Any
    ) -> str:
        """Sign a token about somebody; claims that are None are left out."""
        said = {"iss": ISSUER, "aud": AUDIENCE, "sub": subject, "exp": int(time.time() + lasts_s)} | claims
        payload = {name: value for name, value in said.items() if value is not None}
        return jwt.encode(payload, self.key, self.algorithm, headers={"kid": self.kid, **(header or {})})


def key_set(*signers: Signer) -> bytes:
    """Return the key set of signers."""
    return json.dumps({"keys": [signer.jwk() for signer in signers]}).encode()


def issuer(**fields: Any) -> dict[str, Any]:
    """Return an issuer of an access file, which signs by ES256 and RS256."""
    return {"issuer": ISSUER, "audience": AUDIENCE, "algorithms": ["ES256", "RS256"], **fields}


def short_rsa_key() -> dict[str, Any]:
    """Return an RSA key of a set that is too short to be trusted."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 - which is the point
    return {**jwt.get_algorithm_by_name("RS256").to_jwk(key.public_key(), as_dict=True), "kid": "short"}
