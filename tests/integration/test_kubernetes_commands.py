"""The README's commands for production, given to kubectl as they stand, in their order, with an API to talk to."""

from __future__ import annotations

import os
import shlex
import subprocess
from base64 import b64decode
from typing import TYPE_CHECKING

import pytest

from service.config import Settings
from tests.support.kubernetes_api import KubernetesApi
from tests.support.manifests import KUBERNETES, Manifests

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROOT = KUBERNETES.parents[1]
URL = "rediss://evenhand:secret@redis.example.com:6380/0"
SECRET = {"apiVersion": "v1", "kind": "Secret"}


def commands() -> list[str]:
    """The lines of the README's block that makes the Secret."""
    (block,) = [each for each in (ROOT / "README.md").read_text().split("```") if "create secret" in each]
    return [line.removeprefix("$ ") for line in block.splitlines() if line.startswith("$ ")]


@pytest.fixture
def production() -> Manifests:
    """All objects of the overlay for production."""
    return Manifests("overlays/production")


@pytest.fixture
def api(production: Manifests) -> Iterator[KubernetesApi]:
    """An API that knows what production is made of, and has nothing yet."""
    with KubernetesApi([*production.all, SECRET]) as running:
        yield running


def run(command: str, api: KubernetesApi, folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    """Run one command in a folder that has the repository's `deploy` and the file with the URL."""
    if not (folder / "deploy").exists():
        (folder / "deploy").symlink_to(ROOT / "deploy")
        (folder / "redis-url.txt").write_text(URL + "\n")  # as an editor writes it
    # There is no schema to check fields against; tests/integration/test_kubernetes.py does that.
    unchecked = ["--validate=false"]
    return subprocess.run(
        [*shlex.split(command), *unchecked, *more],
        cwd=folder,
        env=os.environ | {"KUBECONFIG": str(api.write_kubeconfig(folder / "kubeconfig"))},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_kubectl_understands_each_command(api, tmp_path):
    """Each is right for `kubectl --dry-run=client`, which says what it would do and does nothing."""
    for command in commands():
        done = run(command, api, tmp_path, "--dry-run=client")
        assert done.returncode == 0, done.stderr
        assert "created (dry run)" in done.stdout
    assert api.objects == {}


def test_the_commands_work_in_their_order(api, production, tmp_path):
    """From an empty cluster they bring every object there, and the Secret is the one that the pods ask for."""
    for command in commands():
        done = run(command, api, tmp_path)
        assert done.returncode == 0, done.stderr
    asked_for = production.pod["spec"]["volumes"][0]["secret"]
    secret = ("Secret", "evenhand", asked_for["secretName"])
    wanted = {
        (each["kind"], each["metadata"].get("namespace", ""), each["metadata"]["name"]) for each in production.all
    }
    assert set(api.objects) == wanted | {secret}
    kept = b64decode(api.objects[secret]["data"][asked_for["items"][0]["key"]])
    (tmp_path / "url").write_bytes(kept)
    assert Settings.read({}, {"EVENHAND_REDIS_URL_FILE": str(tmp_path / "url")}).external_redis() == URL
    order = list(api.objects)
    deployment = next(key for key in order if key[0] == "Deployment")
    assert order.index(secret) < order.index(deployment), "pods would wait for the Secret"


def test_another_order_does_not_work(api, tmp_path):
    """The order is no accident: the Secret's namespace must be there before it."""
    done = run(next(command for command in commands() if "create secret" in command), api, tmp_path)
    assert done.returncode == 1
    assert 'namespaces "evenhand" not found' in done.stderr
