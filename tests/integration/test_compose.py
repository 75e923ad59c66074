"""The Compose file: what it asks for is right, as far as that can be seen without starting it."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import Any

import pytest
from ruamel.yaml import YAML

from service.config import Settings
from tests.support import wants
from tests.support.image import FOLDER, ROOT, environment, instructions

COMPOSE = YAML(typ="safe").load(FOLDER / "compose.yaml")
SERVICES = COMPOSE["services"]
REPLICAS = {name: service for name, service in SERVICES.items() if service["image"] == "evenhand"}
PROVISIONING = ROOT / "deploy" / "grafana" / "provisioning"


def provisioned(name: str) -> dict[str, Any]:
    """Read one of Grafana's files."""
    return YAML(typ="safe").load(PROVISIONING / name)


def settings_of(service: dict[str, Any]) -> Settings:
    """The settings that a replica reads in its container."""
    return Settings.read({}, environment() | service["environment"])


@pytest.mark.parametrize("files", [["compose.yaml"], ["compose.yaml", "compose.tls.yaml"]], ids=["plain", "tls"])
def test_compose_takes_it(files: list[str]):
    """`docker compose config` finds the file right, alone and with the one for TLS."""
    docker = shutil.which("docker")
    if docker is None:
        pytest.skip(wants.reason("no docker client here", wants.ENGINE))
    if subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode:
        pytest.skip(wants.reason("this docker client has no compose", wants.ENGINE))
    named = [word for file in files for word in ("--file", FOLDER / file)]
    command = [docker, "compose", *named, "config", "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", SERVICES)
def test_every_container_is_confined(name: str):
    """Each has a read-only file system, no capabilities, no way to more of them, and a check of its health."""
    service = SERVICES[name]
    assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["healthcheck"]["test"][0] == "CMD"
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
    assert name in REPLICAS or re.search(r":v?\d[\w.-]+@sha256:[0-9a-f]{64}$", service["image"]), (
        "not a version by its digest"
    )


@pytest.mark.parametrize("name", SERVICES)
def test_what_is_waited_for_is_there(name: str):
    """Each is started after containers that exist, and that can turn healthy where that is asked for."""
    for other, how in SERVICES[name].get("depends_on", {}).items():
        assert how["condition"] == "service_started" or "healthcheck" in SERVICES[other]


@pytest.mark.parametrize("name", SERVICES)
def test_what_is_mounted_is_there(name: str):
    """Named volumes are declared; each file and folder of the repository is there, and is for reading only."""
    for source, *_, mode in (volume.split(":") for volume in SERVICES[name].get("volumes", [])):
        if not source.startswith("."):
            assert source in COMPOSE["volumes"]
            continue
        assert mode == "ro"
        assert (FOLDER / source).exists(), source


def test_two_replicas_share_one_redis():
    """Two replicas with the same settings, all of which the service knows, use the Redis that Compose starts."""
    assert sorted(REPLICAS) == ["evenhand-1", "evenhand-2"]
    first, second = map(settings_of, REPLICAS.values())
    assert first == second
    assert first.redis_url == "redis://redis:6379/0"
    assert set(first.origins.values()) == {
        name for name in environment() | REPLICAS["evenhand-1"]["environment"] if name.startswith("EVENHAND_")
    }


def published(name: str) -> tuple[str, str, str]:
    """The one port that a container publishes: variable, default, and its number inside."""
    (port,) = SERVICES[name]["ports"]
    found = re.fullmatch(r"127\.0\.0\.1:\$\{(\w+):-(\d+)\}:(\d+)", port)
    assert found, port
    return found[1], found[2], found[3]


def test_every_port_of_this_machine_can_be_another():
    """Each port is a variable of its own, and the head of the file names it and its default."""
    head = (FOLDER / "compose.yaml").read_text().partition("\nname:")[0]
    ports = [published(name) for name, service in SERVICES.items() if "ports" in service]
    assert len({variable for variable, *_ in ports}) == len(ports) == 4
    for variable, default, _ in ports:
        assert re.search(rf"\b{variable}\b", head)
        assert f"127.0.0.1:{default}" in head


@pytest.mark.parametrize("name", REPLICAS)
def test_a_replica_has_time_to_drain(name: str):
    """Compose kills a replica later than it ends by itself, and publishes the port that it listens on."""
    replica = SERVICES[name]
    settings = settings_of(replica)
    assert int(replica["stop_grace_period"].removesuffix("s")) > settings.endpoint_wait_s + settings.drain_s
    _, _, port = published(name)
    assert settings.listen.endswith(":" + port)
    assert port in instructions("EXPOSE")[0].split()


def test_replicas_are_built_from_the_dockerfile():
    """The image is that of this repository."""
    for replica in REPLICAS.values():
        build = replica["build"]
        assert (FOLDER / build["context"]).resolve() == ROOT
        assert (ROOT / build["dockerfile"]).samefile(FOLDER / "Dockerfile")


def test_redis_forgets_nothing():
    """What Redis has acknowledged is in a file of a volume, and it evicts nothing."""
    command = " ".join(SERVICES["redis"]["command"])
    assert "--appendonly yes" in command
    assert "--maxmemory-policy noeviction" in command
    assert "redis:/data" in SERVICES["redis"]["volumes"]


def test_grafana_finds_prometheus_and_the_dashboards():
    """The data source is the container of Prometheus; dashboards are looked for where their folder is mounted."""
    (source,) = provisioned("datasources/prometheus.yaml")["datasources"]
    assert source["url"] == "http://prometheus:9090"
    assert published("prometheus") == ("PROMETHEUS_PORT", "9090", "9090")
    (provider,) = provisioned("dashboards/evenhand.yaml")["providers"]
    mounts = dict(volume.split(":")[:2] for volume in SERVICES["grafana"]["volumes"])
    assert mounts["../grafana/dashboards"] == provider["options"]["path"]
    assert mounts["../grafana/provisioning"] == "/etc/grafana/provisioning"


def test_with_the_second_file_all_is_tls():
    """Both replicas, and what asks for their health and metrics, use the three files of the folder that all mount."""
    services = YAML(typ="safe").load(FOLDER / "compose.tls.yaml")["services"]
    files = {"/tls/tls.crt", "/tls/tls.key", "/tls/ca.crt"}
    for name, replica in REPLICAS.items():
        settings = settings_of({"environment": replica["environment"] | services[name]["environment"]})
        assert {settings.tls_cert, settings.tls_key, settings.tls_client_ca} == files
        assert services[name]["environment"]["EVENHAND_TLS_CA"] == settings.tls_client_ca
    folder = "${EVENHAND_TLS_FOLDER:-./tls}:/tls:ro"
    assert all(folder in service["volumes"] for service in services.values())
    (config,) = (volume.split(":")[1] for volume in services["prometheus"]["volumes"] if "prometheus.tls" in volume)
    assert f"--config.file={config}" in services["prometheus"]["command"]
    plain, encrypted = (
        YAML(typ="safe").load(ROOT / "deploy" / "prometheus" / name)
        for name in ("prometheus.yaml", "prometheus.tls.yaml")
    )
    (job,) = encrypted["scrape_configs"]
    assert job.pop("scheme") == "https"
    assert set(job.pop("tls_config").values()) == files
    assert encrypted == plain
