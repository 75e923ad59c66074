"""What Kubernetes would be told, rendered from deploy/kubernetes and looked at piece by piece."""

from __future__ import annotations

import copy
import re
import tomllib
from base64 import b64decode
from pathlib import Path

import kubernetes_validate
import pytest

from service.config import Settings
from tests.support.manifests import KUBERNETES, OPERATOR, SOME_REDIS, Manifests, selects
from tests.support.processes import EvenhandServer, RedisServer, wait_until
from tests.support.scheduler import Node, place

ROOT = KUBERNETES.parents[1]
OLDEST = "1.30"  # the first that knows preStop's sleep without being asked to
VERSIONS = (OLDEST, "1.34", "1.37")


@pytest.fixture(scope="module")
def dev():
    """All objects of the overlay for trying it out."""
    return Manifests("overlays/dev")


def pods(manifests):
    """Every pod template, Redis's too."""
    return [each["spec"]["template"] for kind in ("Deployment", "StatefulSet") for each in manifests.of(kind)]


@pytest.mark.parametrize("version", VERSIONS)
def test_every_object_is_right_for_kubernetes(manifests, version):
    """Each object fits the schema of this version of Kubernetes, which knows each of its fields."""
    for each in manifests.all:
        if each["apiVersion"] != OPERATOR:  # those are looked at below
            assert kubernetes_validate.validate(each, version, strict=True) == version


def test_a_field_unknown_to_kubernetes_would_be_found(manifests):
    """The check above is strict: it does not let a misspelt field of a container pass."""
    deployment = copy.deepcopy(manifests.one("Deployment"))
    deployment["spec"]["template"]["spec"]["containers"][0]["lifecycle"]["preStop"] = {"slep": {"seconds": 5}}
    with pytest.raises(kubernetes_validate.ValidationError, match="slep"):
        kubernetes_validate.validate(deployment, OLDEST, strict=True)


def test_only_the_operators_kinds_are_left_to_be_checked_by_hand(manifests):
    """No object goes unchecked: what Kubernetes has no schema for are kinds that tests here look at."""
    kinds = {each["kind"] for each in manifests.all if each["apiVersion"] == OPERATOR}
    assert kinds <= {"ServiceMonitor", "PrometheusRule"}
    assert kinds or manifests.folder in {"base", "overlays/dev"}


def test_there_is_time_to_stop(manifests):
    """Kubernetes kills no sooner than preStop, the wait for endpoints and the drain are over, with 10 s to spare."""
    settings = Settings.read({}, manifests.settings | SOME_REDIS)
    before = manifests.container["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert settings.endpoint_wait_s >= 5
    assert settings.drain_s >= 10
    grace = manifests.pod["spec"]["terminationGracePeriodSeconds"]
    assert grace >= before + settings.endpoint_wait_s + settings.drain_s + 10


def test_every_setting_is_one_of_the_service(manifests):
    """The service accepts each variable as it stands, knows all of them, and listens on the pod's ports."""
    assert "env" not in manifests.container
    assert manifests.container["envFrom"] == [
        {"configMapRef": {"name": manifests.one("ConfigMap", "evenhand-settings-")["metadata"]["name"]}}
    ]
    environment = manifests.settings | SOME_REDIS
    settings = Settings.read({}, environment)
    assert set(settings.origins.values()) == set(environment)
    assert settings.workers == 1
    assert manifests.ports() == {"grpc": 50051, "metrics": 9100}
    assert (settings.listen, settings.metrics_listen) == ("0.0.0.0:50051", "0.0.0.0:9100")


@pytest.mark.parametrize("redis_is", ["away", "up"])
def test_probes_ask_what_the_service_knows(manifests, redis_is, tmp_path):
    """Readiness follows Redis; what restarts a pod does not; and all three probes ask on the gRPC port."""
    probes = {name: manifests.container[f"{name}Probe"]["grpc"] for name in ("startup", "liveness", "readiness")}
    assert {probe["port"] for probe in probes.values()} == {manifests.ports()["grpc"]}
    (tmp_path / "redis").mkdir()
    with RedisServer(workdir=tmp_path / "redis") as redis:
        url = redis.url if redis_is == "up" else "redis://127.0.0.1:1"
        with EvenhandServer(url, env={"EVENHAND_REDIS_TIMEOUT": "1s"}) as server:
            ready = "SERVING" if redis_is == "up" else "NOT_SERVING"
            wait_until(lambda: server.health(probes["readiness"]["service"]) == ready, f"readiness is {ready}")
            assert server.health(probes["startup"]["service"]) == "SERVING"
            assert server.health(probes["liveness"]["service"]) == "SERVING"


def test_pods_have_no_rights(manifests):
    """No pod runs as root, writes to its image, gains rights or holds a token: Pod Security "restricted", and more."""
    for pod in pods(manifests):
        spec = pod["spec"]
        assert spec["automountServiceAccountToken"] is False
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] > 0
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC", "initContainers"} & set(spec)
        files = {volume["name"]: volume for volume in spec.get("volumes", ())}
        assert all(set(volume) == {"name", "secret"} for volume in files.values()), "none but files of Secrets"
        mounts = [mount for one in spec["containers"] for mount in one.get("volumeMounts", ())]
        assert all(mount["readOnly"] for mount in mounts if mount["name"] in files)
        for container in spec["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert {"requests", "limits"} <= set(container["resources"])
            assert container["resources"]["limits"].keys() == {"memory"}
    assert manifests.one("ServiceAccount")["automountServiceAccountToken"] is False
    assert manifests.pod["spec"]["serviceAccountName"] == "evenhand"
    for namespace in manifests.of("Namespace"):
        assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_an_image_is_pinned_by_its_digest(example):
    """An overlay's `digest` takes the place of the tag."""
    assert re.fullmatch(r"registry\.example\.com/evenhand@sha256:[0-9a-f]{64}", example.container["image"])


def test_what_scales_and_guards_means_the_same_pods(manifests):
    """Budget, spread and deployment select the same pods; the autoscaler scales that deployment, never below two."""
    deployment = manifests.one("Deployment")
    selector = deployment["spec"]["selector"]
    assert selects(selector, manifests.pod)
    budget = manifests.one("PodDisruptionBudget")["spec"]
    assert budget["selector"] == selector
    assert budget["maxUnavailable"] == 1
    assert all(each["labelSelector"] == selector for each in manifests.pod["spec"]["topologySpreadConstraints"])
    for autoscaler in manifests.of("HorizontalPodAutoscaler"):
        target = autoscaler["spec"]["scaleTargetRef"]
        assert target == {"apiVersion": "apps/v1", "kind": "Deployment", "name": deployment["metadata"]["name"]}
        assert 2 <= autoscaler["spec"]["minReplicas"] < autoscaler["spec"]["maxReplicas"]
    # Exactly one of the two says how many replicas there are.
    assert bool(manifests.of("HorizontalPodAutoscaler")) != ("replicas" in deployment["spec"])


def test_names_and_labels_go_together(manifests):
    """Whatever an overlay makes is in its namespace, carries the app's labels, and is found under one name."""
    (namespace,) = [each["metadata"]["name"] for each in manifests.of("Namespace")] or [None]
    for each in manifests.all:
        if each["kind"] in {"Namespace", "Secret"}:
            continue
        assert each["metadata"].get("namespace") == namespace, each["metadata"]["name"]
        name = each["metadata"]["name"]
        app = "redis" if name == "evenhand-redis" else "evenhand"
        assert each["metadata"]["labels"]["app.kubernetes.io/name"] == app, name
        assert re.match(r"evenhand(-|$)", name)


def test_production_holds_no_secret(production):
    """The Redis URL is a file of a Secret that is made elsewhere, and follows it; no text here names a Redis."""
    assert not production.of("Secret")
    assert "://" not in "".join(production.settings.values())
    assert not re.search(r"\b(?:rediss?|unix)://", production.text)
    (volume,) = production.pod["spec"]["volumes"]
    (mount,) = production.container["volumeMounts"]
    kept = {"secretName": "evenhand-redis", "defaultMode": 0o440, "items": [{"key": "url", "path": "url"}]}
    assert volume == {"name": mount["name"], "secret": kept}
    assert "subPath" not in mount, "a file that is mounted by itself never changes"
    assert production.settings["EVENHAND_REDIS_URL_FILE"] == f"{mount['mountPath']}/url"
    security = production.pod["spec"]["securityContext"]
    assert security["fsGroup"] == security["runAsUser"]


def test_production_survives_a_rollout_and_a_lost_node(production):
    """No replica goes before another has been known for a minute; there are three, spread evenly over nodes."""
    spec = production.one("Deployment")["spec"]
    assert spec["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    assert spec["minReadySeconds"] >= 60
    spread = {
        each["topologyKey"]: each["whenUnsatisfiable"] for each in spec["template"]["spec"]["topologySpreadConstraints"]
    }
    assert spread == {"topology.kubernetes.io/zone": "ScheduleAnyway", "kubernetes.io/hostname": "DoNotSchedule"}
    assert production.one("HorizontalPodAutoscaler")["spec"]["minReplicas"] == 3


@pytest.mark.parametrize("kept", [True, False], ids=["as it is", "without the policy"])
def test_a_cordoned_node_keeps_no_replica_pending(production, kept):
    """With one of three nodes cordoned all three replicas find a node; without `nodeTaintsPolicy` one would not."""
    constraints = copy.deepcopy(production.pod["spec"]["topologySpreadConstraints"])
    if not kept:
        for each in constraints:
            del each["nodeTaintsPolicy"]
    nodes = [Node(f"node-{number}", f"zone-{number}", cordoned=number == 2) for number in range(3)]
    placed = [place(constraints, nodes) for _ in range(3)]
    assert (None in placed) is not kept
    assert "node-2" not in placed


def test_production_runs_this_version(production):
    """The image's tag is the package's version."""
    version = tomllib.loads(Path(ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert production.container["image"] == f"evenhand:{version}"


def test_the_redis_to_try_with_keeps_what_it_is_told(dev, tmp_path):
    """The dev overlay's URL leads to its own Redis, which writes all to a volume and lets in none but Evenhand."""
    secret = dev.one("Secret", "evenhand-redis-")
    url = tmp_path / "url"
    url.write_bytes(b64decode(secret["data"]["url"]))
    settings = Settings.read({}, dev.settings | {"EVENHAND_REDIS_URL_FILE": str(url)})
    assert dev.pod["spec"]["volumes"][0]["secret"]["secretName"] == secret["metadata"]["name"]
    redis = dev.one("StatefulSet", "evenhand-redis")["spec"]
    assert settings.external_redis() == "redis://evenhand-redis:6379/0"
    service = dev.one("Service", "evenhand-redis")["spec"]
    assert selects({"matchLabels": service["selector"]}, redis["template"])
    (container,) = redis["template"]["spec"]["containers"]
    assert "--appendonly yes" in " ".join(container["args"])
    (claim,) = redis["volumeClaimTemplates"]
    assert container["volumeMounts"] == [{"name": claim["metadata"]["name"], "mountPath": "/data"}]
    policy = dev.one("NetworkPolicy", "evenhand-redis")["spec"]
    assert selects(policy["podSelector"], redis["template"])
    assert "egress" not in policy
    ((caller,),) = (rule["from"] for rule in policy["ingress"])
    assert selects(caller["podSelector"], dev.pod)
    (way,) = (way for way in dev.one("NetworkPolicy")["spec"]["egress"] if way["ports"][0]["port"] == 6379)
    assert selects(way["to"][0]["podSelector"], redis["template"])
