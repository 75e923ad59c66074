"""What kustomize makes of a folder of deploy/kubernetes, as plain dictionaries."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.support import wants

KUBERNETES = Path(__file__).parents[2] / "deploy" / "kubernetes"

FOLDERS = ("base", "overlays/dev", "overlays/production", "overlays/example")
"""Every kustomization that can be applied."""

OPERATOR = "monitoring.coreos.com/v1"
"""The kinds that the Prometheus Operator brings, for which Kubernetes has no schema."""

SOME_REDIS = {"EVENHAND_REDIS_URL_FILE": str(Path(__file__).with_name("redis_url.txt"))}
"""In the place of the file that the Secret is."""

Manifest = dict[str, Any]


class Manifests:
    """All objects that `kubectl apply -k FOLDER` would send to a cluster.

    Args:
        folder: Folder of a kustomization, relative to deploy/kubernetes.
    """

    def __init__(self, folder: str) -> None:
        kubectl = shutil.which("kubectl")
        if kubectl is None:
            pytest.skip(wants.reason("kubectl renders the manifests, and is not on PATH", wants.KUBECTL))
        done = subprocess.run(
            [kubectl, "kustomize", KUBERNETES / folder], capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 0, done.stderr
        assert not done.stderr, done.stderr  # a warning of something deprecated
        self.folder = folder
        self.text = done.stdout
        self.all: list[Manifest] = list(YAML(typ="safe").load_all(done.stdout))

    def of(self, kind: str) -> list[Manifest]:
        """Return the objects of one kind."""
        return [each for each in self.all if each["kind"] == kind]

    def one(self, kind: str, name: str = "evenhand") -> Manifest:
        """Return the only object of this kind and name; a name that ends in "-" is followed by a hash."""
        (found,) = (
            each
            for each in self.of(kind)
            if each["metadata"]["name"] == name or (name.endswith("-") and each["metadata"]["name"].startswith(name))
        )
        return found

    @property
    def pod(self) -> Manifest:
        """What the Deployment's pods are."""
        template: Manifest = self.one("Deployment")["spec"]["template"]
        return template

    @property
    def container(self) -> Manifest:
        """The only container of these pods."""
        (container,) = self.pod["spec"]["containers"]
        return dict(container)

    @property
    def settings(self) -> dict[str, str]:
        """The service's environment, but for what comes from a Secret."""
        data: dict[str, str] = self.one("ConfigMap", "evenhand-settings-")["data"]
        return data

    def ports(self) -> dict[str, int]:
        """Return the container's ports by their name."""
        return {port["name"]: port["containerPort"] for port in self.container["ports"]}


def selects(selector: Manifest, labelled: Manifest) -> bool:
    """Whether a label selector names at least one label and nothing else, and fits what is labelled."""
    assert set(selector) == {"matchLabels"}
    assert selector["matchLabels"]
    return bool(selector["matchLabels"].items() <= labelled["metadata"]["labels"].items())
