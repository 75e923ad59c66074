"""What Kubernetes would be told of Evenhand's neighbors: who calls it, whom it calls, and what watches it."""

from __future__ import annotations

from urllib.parse import urlsplit

from ruamel.yaml import YAML

from deploy.kubernetes import generate
from service.config import Settings
from service.config.addresses import split_sentinel_url
from tests.support.manifests import KUBERNETES, OPERATOR, SOME_REDIS, Manifests, selects

DEFAULT_PORT = "redis+sentinel://host/mymaster"


def test_prometheus_finds_the_metrics(production):
    """The ServiceMonitor has a form the operator knows, and names a port of the one Service that it selects."""
    monitor = production.one("ServiceMonitor")
    assert monitor["apiVersion"] == OPERATOR
    assert set(monitor["spec"]) == {"selector", "endpoints"}
    (endpoint,) = monitor["spec"]["endpoints"]
    assert endpoint == {"port": "metrics", "path": "/metrics", "interval": "15s", "scrapeTimeout": "10s"}
    (service,) = (each for each in production.of("Service") if selects(monitor["spec"]["selector"], each))
    assert service["metadata"]["name"] == "evenhand"  # becomes the label `job`, which the alerts ask for
    assert {port["name"]: port["targetPort"] for port in service["spec"]["ports"]}["metrics"] == "metrics"


def test_the_operator_of_kube_prometheus_stack_looks_at_what_is_for_it(example, production):
    """What is for the operator has the label by which that chart selects, and an overlay can say another name."""
    for manifests, release in ((production, "kube-prometheus-stack"), (example, "prometheus")):
        labels = [each["metadata"]["labels"]["release"] for each in manifests.all if each["apiVersion"] == OPERATOR]
        assert labels == [release, release]


def test_the_alerts_are_those_of_the_rule_file(production):
    """The PrometheusRule says what deploy/prometheus/rules.yaml says, and is what the generator makes of it."""
    rule = production.one("PrometheusRule")
    assert rule["apiVersion"] == OPERATOR
    assert rule["spec"] == YAML(typ="safe").load(generate.RULES.read_text())
    assert rule["spec"]["groups"]
    assert generate.OBJECT.read_text() == generate.prometheus_rule(generate.RULES.read_text()), "run generate.py again"


def test_grafana_gets_every_dashboard(production):
    """Each file of deploy/grafana/dashboards is in a ConfigMap with the label that Grafana's sidecar looks for."""
    given = {
        name: text
        for each in production.of("ConfigMap")
        if each["metadata"].get("labels", {}).get("grafana_dashboard") == "1"
        for name, text in each["data"].items()
    }
    assert given == {
        path.name: path.read_text() for path in (KUBERNETES.parent / "grafana" / "dashboards").glob("*.json")
    }


def test_clients_see_every_replica(manifests):
    """The Service is headless, selects the pods, and leads to their ports under the same numbers."""
    spec = manifests.one("Service")["spec"]
    assert spec["clusterIP"] == "None"
    assert not spec.get("publishNotReadyAddresses")
    assert selects({"matchLabels": spec["selector"]}, manifests.pod)
    assert {port["targetPort"]: port["port"] for port in spec["ports"]} == manifests.ports()


def test_only_callers_and_prometheus_get_in(manifests):
    """Callers reach gRPC alone, monitoring metrics alone; both ports are the container's, and nobody else gets in."""
    policy = manifests.one("NetworkPolicy")["spec"]
    assert selects(policy["podSelector"], manifests.pod)
    assert set(policy["policyTypes"]) == {"Ingress", "Egress"}
    caller = {"matchLabels": {"evenhand-client": "true"}}
    assert policy["ingress"] == [
        {
            "from": [{"podSelector": caller}, {"namespaceSelector": caller, "podSelector": caller}],
            "ports": [{"protocol": "TCP", "port": "grpc"}],
        },
        {
            "from": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}],
            "ports": [{"protocol": "TCP", "port": "metrics"}],
        },
    ]
    assert {port["port"] for rule in policy["ingress"] for port in rule["ports"]} == set(manifests.ports())


def test_pods_reach_only_dns_redis_and_collectors(manifests):
    """Nothing else can be called from a pod, but for traces where asked for: each way out names whom and which port."""
    ways = manifests.one("NetworkPolicy")["spec"]["egress"]
    assert all(way["to"] and all(way["to"]) for way in ways)
    ports = [{port["port"] for port in way["ports"]} for way in ways]
    if manifests.folder == "overlays/example":
        assert ports == [{53}, {6380}, {4317}]
        assert ways[1]["to"] == [{"ipBlock": {"cidr": "10.0.0.10/32"}}]
    else:
        assert ports == [{53}, {6379}]
        assert ways[1]["to"][0]["podSelector"] == {"matchLabels": {"app.kubernetes.io/name": "redis"}}


def test_sentinels_are_reached_besides_the_servers_that_they_name():
    """The component for Sentinels adds a way to them, on their port, and takes none away."""
    usual, added = (
        Manifests(f"overlays/{name}").one("NetworkPolicy")["spec"]["egress"] for name in ("production", "sentinel")
    )
    assert added[:-1] == usual
    assert added[-1]["ports"] == [{"protocol": "TCP", "port": split_sentinel_url(DEFAULT_PORT).addresses[0][1]}]
    (to,) = added[-1]["to"]
    assert to["podSelector"]["matchExpressions"][0]["values"] == ["redis", "redis-sentinel"]


def test_traces_get_out_to_where_they_are_sent(example, production):
    """The component for traces sets an address, and lets pods call collectors on its port; without it there is none."""
    endpoint = urlsplit(Settings.read({}, example.settings | SOME_REDIS).traces_endpoint)
    (way,) = (way for way in example.one("NetworkPolicy")["spec"]["egress"] if way["ports"][0]["port"] == endpoint.port)
    named = [list(each["podSelector"]["matchLabels"].items()) for each in way["to"]]
    assert named == [[(f"app.kubernetes.io/{key}", "opentelemetry-collector")] for key in ("name", "component")]
    assert endpoint.hostname.split(".")[0] == "opentelemetry-collector"
    assert not Settings.read({}, production.settings | SOME_REDIS).traces_endpoint
