"""Make monitoring/prometheus-rule.yaml of deploy/prometheus/rules.yaml: `python deploy/kubernetes/generate.py`.

The Prometheus Operator takes the groups of a rule file only inside an object of its own, and kustomize has no means to
put them there. So the file is made, and kept with the others so that `kubectl apply -k` needs no step before it; a test
fails when the two say different things.
"""

from __future__ import annotations

from pathlib import Path
from textwrap import indent

RULES = Path(__file__).parents[1] / "prometheus" / "rules.yaml"
OBJECT = Path(__file__).parent / "monitoring" / "prometheus-rule.yaml"

_HEAD = """\
# Made by deploy/kubernetes/generate.py of deploy/prometheus/rules.yaml: change that one.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: evenhand
  labels:
    app.kubernetes.io/name: evenhand
    app.kubernetes.io/component: monitoring
spec:
"""


def prometheus_rule(rules: str) -> str:
    """Return the object, as YAML, that holds the groups of a rule file, given as YAML, with its comments."""
    return _HEAD + indent(rules, "  ")


if __name__ == "__main__":
    OBJECT.write_text(prometheus_rule(RULES.read_text()))
