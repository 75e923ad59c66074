"""The component for TLS: what it tells Kubernetes works with the real service, its probes and its scrapes."""

from __future__ import annotations

import re
import socket
import ssl
import subprocess
import sys
from typing import TYPE_CHECKING

import kubernetes_validate
import pytest

from service.config import Settings
from tests.support.certificates import Authority, Files, without_evenhand, write
from tests.support.manifests import OPERATOR, SOME_REDIS, Manifests
from tests.support.processes import EvenhandServer, RedisServer

if TYPE_CHECKING:
    from pathlib import Path

NOT_KUBERNETES = {OPERATOR, "cert-manager.io/v1"}
KEYS = {"tls.crt", "tls.key", "ca.crt"}
"""What cert-manager puts into a Secret."""


@pytest.fixture(scope="module")
def manifests() -> Manifests:
    """All objects of the overlay with TLS."""
    return Manifests("overlays/tls")


@pytest.mark.parametrize("version", ["1.30", "1.37"])
def test_every_object_is_right_for_kubernetes(manifests: Manifests, version: str) -> None:
    """Each object fits the schema of this version of Kubernetes."""
    for each in manifests.all:
        if each["apiVersion"] not in NOT_KUBERNETES:
            assert kubernetes_validate.validate(each, version, strict=True) == version


def test_the_files_are_those_of_the_secret(manifests: Manifests) -> None:
    """The settings name files of the Secret that cert-manager makes, which only the service's group may read."""
    environment = manifests.settings | SOME_REDIS
    settings = Settings.read({}, environment)
    assert set(settings.origins.values()) == set(environment) - {"EVENHAND_TLS_CA"}  # that one is the probes'
    (mount,) = (each for each in manifests.container["volumeMounts"] if each["name"] == "tls")
    (volume,) = (each for each in manifests.pod["spec"]["volumes"] if each["name"] == "tls")
    assert (mount["name"], mount["readOnly"]) == (volume["name"], True)
    named = [settings.tls_cert, settings.tls_key, settings.tls_client_ca, environment["EVENHAND_TLS_CA"]]
    assert {path.removeprefix(f"{mount['mountPath']}/") for path in named} == KEYS
    certificate = manifests.one("Certificate")["spec"]
    assert volume["secret"] == {"secretName": certificate["secretName"], "defaultMode": 0o440}
    assert manifests.pod["spec"]["securityContext"]["fsGroup"] == manifests.pod["spec"]["securityContext"]["runAsUser"]


def test_probes_and_scrapes_get_in(manifests: Manifests, tmp_path: Path) -> None:
    """With a certificate as the manifest asks for, each probe's command and Prometheus' settings reach the service."""
    asked = manifests.one("Certificate")["spec"]
    authority = Authority(tmp_path / "authority")
    issued = authority.issue("server", *asked["dnsNames"], *asked["ipAddresses"])
    folder = tmp_path / "tls"
    folder.mkdir()
    for key, file in (("tls.crt", issued.cert), ("tls.key", issued.key), ("ca.crt", authority.file)):
        write(folder / key, file.read_bytes())
    tls = {name: value.replace("/tls/", f"{folder}/") for name, value in manifests.settings.items() if "_TLS_" in name}
    with (
        RedisServer() as redis,
        EvenhandServer(redis.url, env=tls, options=["--metrics-listen", "127.0.0.1:0"]) as server,
    ):
        assert "no setting" not in server.log()
        for probe in ("startup", "liveness", "readiness"):
            _, *arguments = manifests.container[f"{probe}Probe"]["exec"]["command"]
            done = subprocess.run(
                [sys.executable, "-m", "service.cli", *arguments],
                env=dict(without_evenhand()) | tls | {"EVENHAND_SERVER": server.address},
                check=False,
                timeout=60,
                capture_output=True,
                text=True,
            )
            assert (done.returncode, done.stderr) == (0, "")
        (scraped,) = manifests.one("ServiceMonitor")["spec"]["endpoints"]
        found = re.search(r"metrics on (\S+):(\d+)\)", server.ready_line)
        assert found is not None
        assert (scraped["scheme"], scraped["path"]) == ("https", "/metrics")
        assert b"evenhand_build_info" in scrape(
            (found[1], int(found[2])), scraped["tlsConfig"]["serverName"], authority, issued
        )


def scrape(place: tuple[str, int], name: str, authority: Authority, own: Files) -> bytes:
    """Read the metrics as Prometheus does: by address, but checking the name that it was told."""
    context = ssl.create_default_context(cafile=str(authority.file))
    context.load_cert_chain(own.cert, own.key)
    found = b""
    with socket.create_connection(place, 20) as plain, context.wrap_socket(plain, server_hostname=name) as connection:
        connection.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        while more := connection.recv(65536):
            found += more
    return found
