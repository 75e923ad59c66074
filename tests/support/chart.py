"""What Helm makes of the chart in deploy/helm, as plain dictionaries."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from ruamel.yaml import YAML

if TYPE_CHECKING:
    from tests.support.manifests import Manifest

HELM = Path(__file__).parents[2] / "deploy" / "helm"
CHART = HELM / "evenhand"

HELMS_OWN = {
    "app.kubernetes.io/managed-by": "Helm",
    "app.kubernetes.io/instance": "evenhand",
    "helm.sh/chart": f"evenhand-{version('evenhand')}",
}
"""Labels that charts give to all they make, which kustomize knows nothing of."""


def values_file(path: Path) -> dict[str, Any]:
    """Read a file of values."""
    values: dict[str, Any] = YAML(typ="safe").load(path)
    return values


def render(values: dict[str, Any], **how: str) -> list[Manifest]:
    """Return all objects that `helm install evenhand deploy/helm/evenhand -n evenhand` makes with these values.

    Args:
        values: Those of the installation.
        how: `package=FOLDER`: make an archive of the chart there, and install that.
    """
    files = _ask_engine(values=values, **how)["files"]
    return [
        each
        for path, text in files.items()
        if path.endswith(".yaml")
        for each in YAML(typ="safe").load_all(text)
        if each is not None
    ]


def refusal(values: dict[str, Any]) -> str:
    """Return why Helm refuses these values."""
    return str(_ask_engine(values=values)["error"])


def notes() -> str:
    """Return what Helm says after an installation."""
    return str(_ask_engine(values={})["files"]["evenhand/templates/NOTES.txt"])


def lint(values: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what `helm lint --strict` has to say of the chart with these values."""
    done = _ask_engine(values=values, lint=True)
    assert done["errors"] == []
    messages: list[dict[str, Any]] = done["messages"]
    return messages


def _ask_engine(**asked: Any) -> dict[str, Any]:
    if importlib.util.find_spec("helm_python") is None:
        pytest.skip("helm-python-sdk is not installed, which there is for Linux on x86-64")
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("helm_engine.py")],
        input=json.dumps({"chart": str(CHART), **asked}),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer
