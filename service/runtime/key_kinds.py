"""Which kinds of keys a certificate may have: those that every gRPC caller takes.

BoringSSL, by which gRPC's C core speaks TLS (callers in Python, C++, Ruby, PHP), offers no others: their handshake
fails, though openssl takes the certificate, and so does a probe by Python's own TLS. The same goes for certificates of
callers, which the service cannot look at before they come.
"""

from __future__ import annotations

import re
import ssl
from typing import Final

_FIRST: Final = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)

# Source: RFC 5280, section 4.1: what comes before subjectPublicKeyInfo in a TBSCertificate, after the version, which
# has a tag of its own and may be missing.
_VERSION_TAG: Final = 0xA0
_BEFORE_KEY: Final = ("serialNumber", "signature", "issuer", "validity", "subject")

_LONG: Final = 0x80

# An AlgorithmIdentifier, without its tag and length. Sources: RFC 3279, section 2.3.1; RFC 5480, section 2.1.
_RSA: Final = bytes.fromhex("06092a864886f70d0101010500")
_P_256: Final = bytes.fromhex("06072a8648ce3d020106082a8648ce3d030107")
_P_384: Final = bytes.fromhex("06072a8648ce3d020106052b81040022")


def is_taken(chain: bytes) -> bool:
    """Whether every gRPC caller takes the kind of key of the first certificate of a chain, which is right, in PEM."""
    first = _FIRST.search(chain.decode("ascii"))
    return first is not None and _algorithm(ssl.PEM_cert_to_DER_cert(first[0])) in {_RSA, _P_256, _P_384}


def _algorithm(certificate: bytes) -> bytes:
    """Return the AlgorithmIdentifier of a certificate's key, by X.509 in DER."""
    to_be_signed, _ = _content(_content(certificate)[0])
    if to_be_signed[0] == _VERSION_TAG:
        _, to_be_signed = _content(to_be_signed)
    for _ in _BEFORE_KEY:
        _, to_be_signed = _content(to_be_signed)
    key, _ = _content(to_be_signed)
    return _content(key)[0]


def _content(der: bytes) -> tuple[bytes, bytes]:
    """Return what is in the value with which DER begins, and what follows it."""
    size, begin = der[1], 2
    if size >= _LONG:
        begin += size - _LONG
        size = int.from_bytes(der[2:begin], "big")
    return der[begin : begin + size], der[begin + size :]
