"""Files of TLS that cannot be used are named, with what is wrong with them."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import grpc
import pytest

from service.config import Settings, SettingsError
from service.runtime.certificates import load
from tests.support.certificates import Authority, Files

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """An authority of the test's own."""
    return Authority(tmp_path / "authority")


def refusal(files: Files, client_ca: Path | None = None) -> str:
    """Return what is said of files that are wrong."""
    options = {"tls_cert": str(files.cert), "tls_key": str(files.key), "redis_url": "redis://nowhere"}
    if client_ca is not None:
        options["tls_client_ca"] = str(client_ca)
    with pytest.raises(SettingsError) as refused:
        load(Settings.read(options, {}))
    return str(refused.value)


def test_what_is_right_is_read(authority: Authority) -> None:
    """A certificate with its key and an authority for callers are taken as they are, with the day of expiry."""
    files = authority.issue("server", days=400)
    options = {"tls_cert": str(files.cert), "tls_key": str(files.key), "tls_client_ca": str(authority.file)}
    loaded = load(Settings.read(options | {"redis_url": "redis://nowhere"}, {}))
    assert loaded.chain == files.cert.read_bytes()
    assert loaded.client_ca == authority.file.read_bytes()
    assert loaded.expires.endswith(" GMT")


def test_a_file_that_is_missing(authority: Authority) -> None:
    """Each of the three is named by its option and its path."""
    files, missing = authority.issue("server"), authority.folder / "missing"
    said = f"{missing} cannot be read: No such file or directory"
    assert refusal(Files(missing, files.key)) == f"--tls-cert: {said}"
    assert refusal(Files(files.cert, missing)) == f"--tls-key: {said}"
    assert refusal(files, missing) == f"--tls-client-ca: {said}"


@pytest.mark.parametrize("content", [b"", b"\xff nonsense"])
def test_a_file_that_holds_something_else(authority: Authority, tmp_path: Path, content: bytes) -> None:
    """So is one without a certificate, without a key, or with a certificate that is no authority's."""
    files, odd = authority.issue("server"), tmp_path / "odd"
    odd.write_bytes(content)
    assert refusal(Files(odd, files.key)) == f"--tls-cert: {odd} has no certificate in PEM"
    assert refusal(Files(files.cert, odd)) == f"--tls-key: {odd} has no private key in PEM"
    assert refusal(files, odd) == f"--tls-client-ca: {odd} has no certificate in PEM"
    assert refusal(files, files.cert) == f"--tls-client-ca: {files.cert} has no certificate of an authority"


def test_the_key_of_another(authority: Authority) -> None:
    """A key that does not match is named together with the certificate."""
    files, other = authority.issue("server"), authority.issue("other")
    assert refusal(Files(files.cert, other.key)) == f"--tls-key: {other.key} is not the key of {files.cert}"


def made(folder: Path, *kind: str) -> Files:
    """A certificate that is its own authority, with a key of this kind, as openssl has it."""
    files = Files(folder / "cert.pem", folder / "key.pem")
    command = ["openssl", "req", "-x509", "-newkey", *kind, "-nodes", "-keyout", str(files.key), "-out"]
    command += [str(files.cert), "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    subprocess.run(command, check=True, capture_output=True)
    return files


def is_reached(files: Files) -> bool:
    """Whether a caller by gRPC's C core, as Python has it, reaches a gRPC server that has this certificate."""
    server = grpc.server(ThreadPoolExecutor(1))
    chain = files.cert.read_bytes()
    port = server.add_secure_port("localhost:0", grpc.ssl_server_credentials([(files.key.read_bytes(), chain)]))
    server.start()
    try:
        with grpc.secure_channel(f"localhost:{port}", grpc.ssl_channel_credentials(chain)) as channel:
            grpc.channel_ready_future(channel).result(timeout=3)
    except grpc.FutureTimeoutError:
        return False
    finally:
        server.stop(0).wait()
    return True


P_256, P_384, P_521 = (("ec", "-pkeyopt", f"ec_paramgen_curve:{curve}") for curve in ("P-256", "P-384", "P-521"))


@pytest.mark.parametrize("kind", [("rsa:2048",), P_256, P_384], ids=lambda kind: kind[-1])
def test_a_key_that_callers_take(tmp_path: Path, kind: tuple[str, ...]) -> None:
    """RSA, and ECDSA on P-256 and P-384, are read, and gRPC callers take them."""
    files = made(tmp_path, *kind)
    load(Settings.read({"tls_cert": str(files.cert), "tls_key": str(files.key), "redis_url": "redis://nowhere"}, {}))
    assert is_reached(files)


@pytest.mark.parametrize("kind", [("ed25519",), P_521], ids=lambda kind: kind[-1])
def test_a_key_that_some_callers_do_not_take(tmp_path: Path, kind: tuple[str, ...]) -> None:
    """Ed25519 and P-521 are refused, since gRPC callers in Python do not get through, though openssl does."""
    files = made(tmp_path, *kind)
    said = "has a key that many gRPC callers do not take: take RSA, or ECDSA on P-256 or P-384"
    assert refusal(files) == f"--tls-cert: {files.cert} {said}"
    assert not is_reached(files)


@pytest.mark.parametrize(
    "kind", [("ed448",), ("rsa-pss",), ("ec", "-pkeyopt", "ec_paramgen_curve:secp256k1")], ids=lambda kind: kind[-1]
)
def test_a_key_that_grpc_does_not_take(tmp_path: Path, kind: tuple[str, ...]) -> None:
    """What no server by gRPC could use is refused alike, as a matter of the certificate and of nothing else."""
    files = made(tmp_path, *kind)
    assert f"--tls-cert: {files.cert} has a key that many gRPC callers do not take" in refusal(files)


def test_a_key_of_another_kind_or_size(authority: Authority, tmp_path: Path) -> None:
    """A key of another kind is named as that of another certificate, and one that is too small as that."""
    files, small = authority.issue("server"), made(tmp_path, "rsa:1024")
    assert refusal(Files(files.cert, small.key)) == f"--tls-key: {small.key} is not the key of {files.cert}"
    assert refusal(small) == f"--tls-cert: {small.cert} has a key that is too small: take RSA of 2048 bits"


def test_a_certificate_that_nobody_would_accept(authority: Authority) -> None:
    """An expired certificate is refused in the words of TLS."""
    files = authority.issue("server", days=-1)
    assert refusal(files) == f"--tls-cert: {files.cert} certificate has expired"


def test_a_certificate_of_callers(tmp_path: Path) -> None:
    """One that is for callers alone is refused, as they would refuse it."""
    files = Files(tmp_path / "cert.pem", tmp_path / "key.pem")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    command += ["-keyout", str(files.key), "-out", str(files.cert), "-subj", "/CN=caller"]
    subprocess.run([*command, "-addext", "extendedKeyUsage=clientAuth"], check=True, timeout=60, capture_output=True)
    assert refusal(files) == f"--tls-cert: {files.cert} unsuitable certificate purpose"


def test_an_encrypted_key(authority: Authority, tmp_path: Path) -> None:
    """A key that needs a password is refused; nobody is asked for one."""
    files, encrypted = authority.issue("server"), tmp_path / "encrypted.pem"
    command = ["openssl", "pkey", "-in", files.key, "-aes256", "-passout", "pass:secret", "-out", encrypted]
    subprocess.run(command, check=True, timeout=60)
    assert refusal(Files(files.cert, encrypted)).startswith(f"--tls-key: {encrypted} is encrypted")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"tls_cert": "c"}, "--tls-cert: needs --tls-key, too"),
        ({"tls_key": "k"}, "--tls-key: needs --tls-cert, too"),
        ({"tls_client_ca": "a"}, "--tls-client-ca: needs --tls-cert, too"),
    ],
)
def test_one_without_the_other(options: dict[str, object], said: str) -> None:
    """A certificate without a key, a key without one, and an authority without both are refused before any is read."""
    with pytest.raises(SettingsError) as refused:
        Settings.read(options | {"redis_url": "redis://nowhere"}, {})
    assert str(refused.value) == said
