"""JWTs: which are taken, that each is verified once, and that keys are fetched off the way of any call."""

from __future__ import annotations

import base64
import hmac
import json
import time
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.access import issuers, keys
from service.access.errors import KeysUnavailableError, UnauthenticatedError
from service.access.issuers import FetchedKeys, Issuer
from service.access.jwts import Verifier
from service.access.tokens import token_hash
from tests.support import access
from tests.support.access import AUDIENCE, ISSUER, Signer, key_set
from tests.support.key_server import KeyServer
from tests.support.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

SIGNER = Signer()
RSA = Signer("rsa", "RS256")


def issuer(**fields: Any) -> Issuer:
    """Return the issuer of these tests, with the keys of both signers."""
    told = {"keys": tuple(keys.parse(key_set(SIGNER, RSA)))} | fields
    return Issuer(ISSUER, AUDIENCE, ("ES256", "RS256"), "sub", **told)


VERIFIER = Verifier({ISSUER: issuer()}, {})


def outcome(token: str, verifier: Verifier = VERIFIER) -> str:
    """Return whom a token is about, or why it is refused."""
    try:
        return verifier.subject(token, token_hash(token)).name
    except UnauthenticatedError as error:
        return error.reason


def unsigned(header: dict[str, Any], claims: dict[str, Any]) -> str:
    """Return a token with a signature that is none."""
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (header, claims)]
    return ".".join([*parts, ""])


def test_tokens_of_the_issuer_are_taken() -> None:
    """A token by either algorithm is about whom its claim says; so is one without a name of a key, if only one fits."""
    assert outcome(SIGNER.token("crm")) == "crm"
    assert outcome(RSA.token("inbox")) == "inbox"
    assert outcome(SIGNER.token("crm", aud=[AUDIENCE, "others"])) == "crm"
    token = jwt.encode({"iss": ISSUER, "aud": AUDIENCE, "sub": "a", "exp": time.time() + 60}, RSA.key, "RS256")
    assert outcome(token) == "a"


@pytest.mark.parametrize(
    ("token", "reason", "why"),
    [
        (SIGNER.token(lasts_s=-60), "EXPIRED_CREDENTIALS", "expired"),
        (SIGNER.token(exp=None), "INVALID_CREDENTIALS", "no exp"),
        (SIGNER.token(aud="others"), "INVALID_CREDENTIALS", "wrong audience"),
        (SIGNER.token(aud=None), "INVALID_CREDENTIALS", "no aud"),
        (SIGNER.token(iss="https://elsewhere.example.com"), "INVALID_CREDENTIALS", "unknown issuer"),
        (SIGNER.token(iss=None), "INVALID_CREDENTIALS", "malformed"),
        (SIGNER.token(sub=None), "INVALID_CREDENTIALS", "no sub"),
        (SIGNER.token(nbf=int(time.time()) + 3600), "INVALID_CREDENTIALS", "not valid yet"),
        (Signer().token(), "INVALID_CREDENTIALS", "wrong signature"),
        (Signer("unknown").token(), "INVALID_CREDENTIALS", "unknown kid"),
        (SIGNER.token()[:-4] + "AAAA", "INVALID_CREDENTIALS", "wrong signature"),
        (SIGNER.token(header={"kid": "rsa"}), "INVALID_CREDENTIALS", "unknown kid"),
        (SIGNER.token(header={"crit": ["b64"], "b64": False}), "INVALID_CREDENTIALS", "malformed"),
        (Signer(algorithm="RS256").token(lasts_s=-60), "INVALID_CREDENTIALS", "unknown kid"),
        ("a.b.c", "INVALID_CREDENTIALS", "malformed"),
        ("..", "INVALID_CREDENTIALS", "malformed"),
    ],
)
def test_other_tokens_are_refused(token: str, reason: str, why: str) -> None:
    """Expired, early, for others, by others, changed, or without a claim that is asked for: refused, with a why."""
    with pytest.raises(UnauthenticatedError) as refused:
        VERIFIER.subject(token, token_hash(token))
    assert (refused.value.reason, refused.value.why) == (reason, why)


def test_no_algorithm_but_the_pinned_ones_is_taken() -> None:
    """Neither no signature, nor one by the public key as a secret, nor one by an algorithm that the file leaves out."""
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "crm", "exp": int(time.time()) + 60}
    for algorithm in ("none", "None", "", "HS256", None, ["RS256"]):
        assert outcome(unsigned({"alg": algorithm, "kid": "rsa"}, claims)) == "INVALID_CREDENTIALS"
    for public_key in (json.dumps(RSA.jwk()).encode(), RSA.public_pem()):
        signed = unsigned({"alg": "HS256", "kid": "rsa"}, claims).rstrip(".")
        mac = base64.urlsafe_b64encode(hmac.digest(public_key, signed.encode(), "sha256")).rstrip(b"=").decode()
        assert outcome(f"{signed}.{mac}") == "INVALID_CREDENTIALS"
    by_pss = jwt.encode(claims, RSA.key, "PS256", headers={"kid": "rsa"})
    assert outcome(by_pss) == "INVALID_CREDENTIALS"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "alg", "kid"]), inner, max_size=3)
    ),
    max_leaves=6,
)
NAMES = st.sampled_from(
    ["alg", "kid", "typ", "crit", "b64", "iss", "aud", "sub", "exp", "nbf", "iat", "jku", "jwk", "x5u"]
)
PARTS = st.dictionaries(NAMES, JSON | st.sampled_from([ISSUER, AUDIENCE, "ES256", "one", "RS256"]), max_size=6)


@given(PARTS, PARTS)
def test_whatever_stands_in_a_token_is_refused_in_order(header: dict[str, Any], claims: dict[str, Any]) -> None:
    """No header and no claim that anybody can write makes anything but a refusal."""
    assert outcome(unsigned(header, claims)) == "INVALID_CREDENTIALS"
    assert outcome(unsigned({"alg": "ES256", "kid": "one"} | header, {"iss": ISSUER} | claims)) == "INVALID_CREDENTIALS"


def test_a_deeply_nested_token_is_refused() -> None:
    """JSON that is nested as deeply as a token of 8 KiB allows is no more than a wrong token."""
    nested = base64.urlsafe_b64encode(b"[" * 3000).decode()
    assert outcome(f"{nested}.{nested}.") == "INVALID_CREDENTIALS"


def test_a_token_is_verified_once_until_it_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second time nothing is verified; and what is remembered does not outlive the token."""
    verifier = Verifier({ISSUER: issuer()}, {})
    token = SIGNER.token("crm", lasts_s=60)
    assert outcome(token, verifier) == "crm"
    with monkeypatch.context() as patched:
        patched.setattr(jwt, "decode_complete", lambda *_, **__: {}["a token is looked into"])
        assert outcome(token, verifier) == "crm"
        with pytest.raises(KeyError):
            outcome(SIGNER.token("another"), verifier)
    later = time.time() + 100
    monkeypatch.setattr(time, "time", lambda: later)
    with monkeypatch.context() as patched:
        patched.setattr(jwt, "decode_complete", lambda *_, **__: {}["a token is looked into"])
        with pytest.raises(KeyError):
            outcome(token, verifier)


def test_keys_that_are_no_good_are_left_out() -> None:
    """Secrets, keys for encryption, short and unknown ones verify nothing; a set without others is refused."""
    good, short = SIGNER.jwk(), access.short_rsa_key()
    bad = [{"kty": "oct", "k": "c2VjcmV0"}, {**good, "use": "enc"}, short, {"kty": "?"}, {**good, "alg": "ES512"}]
    assert [key.kid for key in keys.parse(json.dumps({"keys": [*bad, good]}).encode())] == ["one"]
    for content in (json.dumps({"keys": bad}).encode(), b"[]", b"{", b'{"keys": 5}', b'{"keys": [5]}', b"[" * 9000):
        with pytest.raises(ValueError, match=r"has no public key|is no JSON Web Key Set"):
            keys.parse(content)


@pytest.fixture
def server() -> Iterator[KeyServer]:
    """A server of keys."""
    with KeyServer(key_set(SIGNER)) as running:
        yield running


def test_keys_are_fetched_and_followed(server: KeyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until keys are there a token can only be tried again; a new key is asked for by the first token that names it."""
    monkeypatch.setattr(issuers, "_LEAST_S", 0.3)
    server.hold()
    verifier = Verifier({ISSUER: issuer(keys=(), keys_url=server.url)}, {})
    try:
        with pytest.raises(KeysUnavailableError):
            outcome(SIGNER.token(), verifier)
        server.go_on()
        fetched = verifier.fetched[server.url]
        wait_until(lambda: fetched.keys, "keys are there")
        assert outcome(SIGNER.token("crm"), verifier) == "crm"
        new = Signer("two")
        server.content = key_set(new)
        assert outcome(new.token(), verifier) == "INVALID_CREDENTIALS"
        wait_until(lambda: outcome(new.token("inbox"), verifier) == "inbox", "the new key is there")
        assert outcome(SIGNER.token("crm"), verifier) == "INVALID_CREDENTIALS"
    finally:
        verifier.close(())


def test_keys_are_asked_for_only_so_often(server: KeyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many tokens name keys that are not there, their server is asked once in so many seconds."""
    monkeypatch.setattr(issuers, "_LEAST_S", 0.5)
    verifier = Verifier({ISSUER: issuer(keys=(), keys_url=server.url)}, {})
    try:
        wait_until(lambda: verifier.fetched[server.url].keys, "keys are there")
        began = time.monotonic()
        while time.monotonic() - began < 1.2:
            assert outcome(Signer("other").token(), verifier) == "INVALID_CREDENTIALS"
        assert 2 <= server.asked <= 4
    finally:
        verifier.close(())


@pytest.mark.parametrize("fault", ["error", "redirect", "large", "no keys", "slow"])
def test_old_keys_stay_while_new_ones_cannot_be_had(
    server: KeyServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, fault: str
) -> None:
    """Errors, redirections, sets without bound, key or end leave the keys in force, and one line says so."""
    for name, seconds in (("_LEAST_S", 0.05), ("_RETRY_S", 0.05), ("_TIMEOUT_S", 0.2)):
        monkeypatch.setattr(issuers, name, seconds)
    fetched = FetchedKeys(server.url, lambda: None)
    try:
        wait_until(lambda: fetched.keys, "keys are there")
        server.fault = fault
        before = server.asked
        fetched.ask()
        wait_until(lambda: server.asked > before + 2, "they were asked for again")
        assert [key.kid for key in fetched.keys] == ["one"]
        assert [record.message for record in caplog.records].count("keys cannot be fetched, old ones stay") == 1
    finally:
        server.go_on()
        fetched.close()


def test_an_issuer_that_stays_keeps_its_keys(server: KeyServer) -> None:
    """Where the access file changes, keys that were fetched are not fetched anew."""
    first = Verifier({ISSUER: issuer(keys=(), keys_url=server.url)}, {})
    wait_until(lambda: first.fetched[server.url].keys, "keys are there")
    second = Verifier({ISSUER: issuer(keys=(), keys_url=server.url)}, first.fetched)
    first.close(second.fetched)
    try:
        assert outcome(SIGNER.token("crm"), second) == "crm"
        assert server.asked == 1
    finally:
        second.close(())
