"""The component for access: what it tells Kubernetes works with the real service."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import grpc
import kubernetes_validate
import pytest
from evenhand.v1.roster_service_pb2 import GetRosterRequest
from evenhand.v1.roster_service_pb2_grpc import RosterServiceStub

from service.config import Settings
from tests.support import access
from tests.support.manifests import OPERATOR, SOME_REDIS, Manifests
from tests.support.processes import EvenhandServer, RedisServer, wait_until

if TYPE_CHECKING:
    from pathlib import Path

NOT_KUBERNETES = {OPERATOR, "cert-manager.io/v1"}


@pytest.fixture(scope="module")
def manifests() -> Manifests:
    """All objects of the overlay with access."""
    return Manifests("overlays/access")


@pytest.mark.parametrize("version", ["1.30", "1.37"])
def test_every_object_is_right_for_kubernetes(manifests: Manifests, version: str) -> None:
    """Each object fits the schema of this version of Kubernetes."""
    for each in manifests.all:
        if each["apiVersion"] not in NOT_KUBERNETES:
            assert kubernetes_validate.validate(each, version, strict=True) == version


def test_the_file_is_that_of_the_secret(manifests: Manifests) -> None:
    """The setting names the file where the Secret is, beside that of TLS; only the service's group may read it."""
    settings = Settings.read({}, manifests.settings | SOME_REDIS)
    mounts = {mount["name"]: mount for mount in manifests.container["volumeMounts"]}
    volumes = {volume["name"]: volume["secret"] for volume in manifests.pod["spec"]["volumes"]}
    assert mounts.keys() == volumes.keys() == {"access", "redis", "tls"}
    assert settings.access == f"{mounts['access']['mountPath']}/access.yaml"
    assert settings.tls_cert.startswith(f"{mounts['tls']['mountPath']}/")
    assert volumes["access"] == {"secretName": "evenhand-access", "defaultMode": 0o440}


def test_a_changed_secret_is_followed(tmp_path: Path) -> None:
    """A Secret is renewed by moving a link to another folder: the service notices the file behind it."""
    folders = [tmp_path / name for name in ("first", "second")]
    for folder, name in zip(folders, ("one", "two"), strict=True):
        folder.mkdir()
        access.write(folder / "access.yaml", access.principal(name, "read"))
    mounted = tmp_path / "mounted"
    mounted.mkdir()
    (mounted / "..data").symlink_to(folders[0])
    (mounted / "access.yaml").symlink_to("..data/access.yaml")
    with RedisServer() as redis, EvenhandServer(redis.url, env={"EVENHAND_ACCESS": f"{mounted}/access.yaml"}) as server:
        assert let_in(server, "one")
        (mounted / "..new").symlink_to(folders[1])
        (mounted / "..new").replace(mounted / "..data")
        shutil.rmtree(folders[0])
        wait_until(lambda: let_in(server, "two"), "the new file is in force")
        assert not let_in(server, "one")


def let_in(server: EvenhandServer, name: str) -> bool:
    """Return whether a principal may read."""
    stub = RosterServiceStub(server.channel())
    try:
        stub.GetRoster(GetRosterRequest(workspace_id="w"), timeout=20, metadata=access.bearer(f"{name}-token"))
    except grpc.RpcError:
        return False
    return True
