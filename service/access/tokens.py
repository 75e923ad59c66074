"""Bearer tokens, and what is kept of each."""

from __future__ import annotations

import hashlib
from typing import Final

HASH_PREFIX: Final = "sha256:"
"""How the hash of a token begins in the access file."""


def token_hash(token: str) -> bytes:
    """Return what is kept of a bearer token.

    SHA-256 alone is enough: a hash made slow, or salted, protects what can be guessed, and a random token cannot be.
    """
    return hashlib.sha256(token.encode(errors="surrogatepass")).digest()
