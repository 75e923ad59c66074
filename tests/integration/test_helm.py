"""The chart in deploy/helm makes what the overlays in deploy/kubernetes make, rendered by Helm's own engine."""

from __future__ import annotations

import json
import re
import tarfile
import tomllib
from typing import TYPE_CHECKING, Any

import kubernetes_validate
import pytest

from tests.support.chart import CHART, HELM, HELMS_OWN, lint, notes, refusal, render, values_file
from tests.support.manifests import KUBERNETES, OPERATOR, Manifest, Manifests

if TYPE_CHECKING:
    from pathlib import Path

ROOT = KUBERNETES.parents[1]
EXAMPLE = values_file(HELM / "example.values.yaml")
DEV = {
    "image": {"tag": "dev"},
    "redis": {"secret": "the overlay's generated name"},
    "autoscaling": {"enabled": False},
    "replicas": 2,
    "minReadySeconds": 0,
    "resources": {"requests": {"cpu": "100m"}},
    "spreadOverNodes": "ScheduleAnyway",
    "monitoring": {"enabled": False},
}
OVERLAYS = {"production": {}, "example": EXAMPLE, "dev": DEV}
CHECKSUM = "checksum/settings"


def by_name(objects: list[Manifest]) -> dict[tuple[str, str], Manifest]:
    """Return the objects by kind and name, without labels and hashes that only one of the two tools makes."""
    found = {}
    for each in objects:
        metadata = each["metadata"]
        metadata["labels"] = {key: text for key, text in metadata["labels"].items() if key not in HELMS_OWN}
        metadata.pop("namespace", None)
        metadata["name"] = re.sub(r"^(evenhand-settings)-\w+$", r"\1", metadata["name"])
        if each["kind"] == "Deployment":
            pod = each["spec"]["template"]
            pod["metadata"]["annotations"].pop(CHECKSUM, None)
            container = pod["spec"]["containers"][0]
            container["envFrom"][0]["configMapRef"]["name"] = "evenhand-settings"
        found[each["kind"], metadata["name"]] = each
    return found


@pytest.mark.parametrize(
    ("overlay", "values"),
    [("production", {}), ("example", EXAMPLE), ("dev", DEV)],
    ids=["production", "example", "dev"],
)
def test_the_chart_and_the_overlay_make_the_same(overlay: str, values: dict[str, Any]):
    """Every object is in both, and says the same in both, but for the namespace and the Redis to try things with."""
    manifests = Manifests(f"overlays/{overlay}")
    if overlay == "dev":
        values = values | {"redis": {"secret": manifests.one("Secret", "evenhand-redis-")["metadata"]["name"]}}
    wanted = [
        each
        for each in manifests.all
        if each["kind"] != "Namespace" and not each["metadata"]["name"].startswith("evenhand-redis")
    ]
    made, wanted_by_name = by_name(render(values)), by_name(wanted)
    assert made.keys() == wanted_by_name.keys()
    for key, each in made.items():
        assert each == wanted_by_name[key], key


def test_everything_is_in_its_place():
    """Each object is in the release's namespace, has Helm's labels, and is right for Kubernetes."""
    for each in render({}):
        assert each["metadata"]["namespace"] == "evenhand"
        assert HELMS_OWN.items() <= each["metadata"]["labels"].items()
        if each["apiVersion"] != OPERATOR:
            assert kubernetes_validate.validate(each, "1.30", strict=True) == "1.30"


def test_an_archive_of_the_chart_makes_the_same(tmp_path: Path):
    """`helm package` puts what the chart links to into the archive, which needs nothing else of the repository."""
    assert render(EXAMPLE, package=str(tmp_path)) == render(EXAMPLE)
    with tarfile.open(next(tmp_path.glob("evenhand-*.tgz"))) as archive:
        assert "evenhand/files/base/deployment.yaml" in archive.getnames()
        assert all(member.isfile() for member in archive.getmembers())


def test_a_changed_setting_rolls_out():
    """A setting of the installation is in the pods' environment, and pods with others have another checksum."""
    checksums = set()
    for settings in ({}, {"EVENHAND_LOG_LEVEL": "debug"}, {"EVENHAND_DRAIN": "10s"}):
        made = {each["kind"]: each for each in render({"settings": settings, "monitoring": {"enabled": False}})}
        assert settings.items() <= made["ConfigMap"]["data"].items()
        assert made["ConfigMap"]["data"]["EVENHAND_WORKERS"] == "1"
        checksums.add(made["Deployment"]["spec"]["template"]["metadata"]["annotations"][CHECKSUM])
    assert len(checksums) == 3


def test_what_a_cluster_asks_for_can_be_said():
    """Labels, annotations, pull secrets, another Secret, a pull policy and more ways out are where they belong."""
    way = {"to": [{"ipBlock": {"cidr": "10.1.0.0/16"}}], "ports": [{"protocol": "TCP", "port": 7000}]}
    made = render(
        {
            "image": {"tag": "1.2.3", "pullPolicy": "Always"},
            "redis": {"secret": "mine", "key": "address"},
            "podLabels": {"team": "crm", "app.kubernetes.io/name": "stays as it is"},
            "podAnnotations": {"mesh": "on"},
            "podSpec": {"imagePullSecrets": [{"name": "pull"}], "securityContext": {"runAsUser": 1000}},
            "networkPolicy": {"egress": [way], "monitoringNamespace": "observability"},
            "tracing": {"enabled": True, "endpoint": "http://elsewhere:4317"},
        }
    )
    objects = {each["kind"]: each for each in made if not each["metadata"]["name"].startswith("evenhand-dashboard")}
    pod = objects["Deployment"]["spec"]["template"]
    (container,) = pod["spec"]["containers"]
    assert (container["image"], container["imagePullPolicy"]) == ("evenhand:1.2.3", "Always")
    secret = pod["spec"]["volumes"][0]["secret"]
    assert (secret["secretName"], secret["items"]) == ("mine", [{"key": "address", "path": "url"}])
    assert pod["metadata"]["labels"] == {
        "app.kubernetes.io/name": "evenhand",
        "app.kubernetes.io/component": "server",
        "team": "crm",
    }
    assert pod["metadata"]["annotations"]["mesh"] == "on"
    assert pod["spec"]["imagePullSecrets"] == [{"name": "pull"}]
    assert pod["spec"]["securityContext"]["runAsUser"] == 1000
    assert pod["spec"]["securityContext"]["runAsNonRoot"] is True
    policy = objects["NetworkPolicy"]["spec"]
    assert policy["egress"][-1] == way
    assert policy["ingress"][1]["from"][0]["namespaceSelector"]["matchLabels"] == {
        "kubernetes.io/metadata.name": "observability"
    }
    assert objects["ConfigMap"]["data"]["EVENHAND_TRACES_ENDPOINT"] == "http://elsewhere:4317"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"replica": 3}, "'replica' not allowed"),
        ({"image": {"digest": "latest"}}, "/image/digest"),
        ({"autoscaling": {"minReplicas": "three"}}, "/autoscaling/minReplicas"),
        ({"settings": {"LOG_LEVEL": "debug"}}, "'LOG_LEVEL' not allowed"),
        ({"settings": {"EVENHAND_REDIS_URL": "redis://host"}}, "/settings/EVENHAND_REDIS_URL"),
        ({"settings": {"EVENHAND_REDIS_URL_FILE": "/url"}}, "/settings/EVENHAND_REDIS_URL_FILE"),
        ({"settings": {"EVENHAND_WORKERS": 1}}, "/settings/EVENHAND_WORKERS"),
        ({"podSpec": {"containers": []}}, "/podSpec/containers"),
        ({"spreadOverNodes": "Never"}, "/spreadOverNodes"),
        ({"networkPolicy": {"redis": {"from": []}}}, "/networkPolicy/redis"),
    ],
)
def test_wrong_values_are_refused(values: dict[str, Any], said: str):
    """The schema of the values refuses what the chart would pass over or misread, and says where it is."""
    assert said in refusal(values)


@pytest.mark.parametrize("values", OVERLAYS.values(), ids=OVERLAYS)
def test_helm_lint_finds_nothing(values: dict[str, Any]):
    """`helm lint --strict` has no error and no warning; that a chart may have an icon it says to all."""
    assert [each["error"] for each in lint(values)] == ["icon is recommended"]


def test_the_chart_is_of_this_version():
    """Chart, image and package have one version; the notes name the address that clients connect to."""
    chart = values_file(CHART / "Chart.yaml")
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert (chart["version"], chart["appVersion"]) == (version, version)
    assert "dns:///evenhand.evenhand.svc.cluster.local:50051" in notes()


def test_every_value_is_explained():
    """Each value of the chart is one of the schema, and each of the schema has its default in the file of values."""
    schema = json.loads((CHART / "values.schema.json").read_text())["properties"]
    assert values_file(CHART / "values.yaml").keys() == schema.keys() - {"global"}
