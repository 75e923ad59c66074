"""A Kubernetes API of a few kinds: kubectl can apply and create objects, in namespaces that exist.

Nothing runs by it. What was sent is in `KubernetesApi.objects`.
"""

from __future__ import annotations

import json
from base64 import b64encode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from google.protobuf.empty_pb2 import Empty
from google.protobuf.unknown_fields import UnknownFieldSet

from tests.support.serving import Serving

if TYPE_CHECKING:
    from pathlib import Path

_CLUSTER_WIDE = {"Namespace"}
_PROTOBUF = b"k8s\0"
_VERBS = ["create", "get", "patch"]

Manifest = dict[str, Any]


def _plural(kind: str) -> str:
    return kind.lower().removesuffix("y") + "ies" if kind.endswith("y") else kind.lower() + "s"


def _secret(body: bytes) -> Manifest:
    """Read a Secret as `kubectl create secret` sends it: k8s.io.api.core.v1.Secret in a runtime.Unknown."""
    envelope = _fields(body.removeprefix(_PROTOBUF))
    assert _fields(envelope[1]) == {1: b"v1", 2: b"Secret"}
    secret = UnknownFieldSet(Empty.FromString(envelope[2]))
    metadata = next(_fields(each.data) for each in secret if each.field_number == 1)
    data = [_fields(each.data) for each in secret if each.field_number == 2]
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": metadata[1].decode(), "namespace": metadata[3].decode()},
        "data": {each[1].decode(): b64encode(each[2]).decode() for each in data},
    }


def _fields(message: bytes) -> dict[int, Any]:
    """Return the fields of a message by number; the last of those that are repeated."""
    return {each.field_number: each.data for each in UnknownFieldSet(Empty.FromString(message))}


class KubernetesApi(Serving):
    """An API server on loopback, as a context manager.

    Args:
        known: Objects of every kind that it shall know; they are not created by that.

    Attributes:
        objects: What was created, by (kind, namespace, name), in order; the namespace of a Namespace is "".
    """

    def __init__(self, known: list[Manifest]) -> None:
        self.objects: dict[tuple[str, str, str], Manifest] = {}
        self._kinds = {(each["apiVersion"], each["kind"]) for each in known}
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._answer(*api.get(self.path.partition("?")[0]))

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                sent = _secret(body) if body.startswith(_PROTOBUF) else json.loads(body)
                self._answer(*api.create(self.path.partition("?")[0], sent))

            def _answer(self, code: int, said: Manifest) -> None:
                body = json.dumps(said).encode()
                self.send_response(code)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def write_kubeconfig(self, path: Path) -> Path:
        """Write the file by which kubectl finds this API; return its path."""
        cluster = {"name": "c", "cluster": {"server": f"http://127.0.0.1:{self._server.server_port}"}}
        context = {"name": "c", "context": {"cluster": "c", "user": ""}}
        whole = {"apiVersion": "v1", "kind": "Config", "clusters": [cluster], "contexts": [context]}
        path.write_text(json.dumps(whole | {"current-context": "c"}))
        return path

    def get(self, path: str) -> tuple[int, Manifest]:
        """Answer what kinds there are, or with an object."""
        versions = sorted({version for version, _ in self._kinds})
        if path == "/api":
            return 200, {"kind": "APIVersions", "versions": ["v1"]}
        if path == "/apis":
            groups = [
                {
                    "name": version.partition("/")[0],
                    "versions": [_version(version)],
                    "preferredVersion": _version(version),
                }
                for version in versions
                if "/" in version
            ]
            return 200, {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}
        version = path.removeprefix("/apis/").removeprefix("/api/")
        if version in versions:
            return 200, {"kind": "APIResourceList", "groupVersion": version, "resources": self._resources(version)}
        found = self.objects.get(self._key(path))
        return (200, found) if found else _not_found(path)

    def create(self, path: str, sent: Manifest) -> tuple[int, Manifest]:
        """Keep an object, unless it shall be in a namespace that does not exist."""
        kind, namespace, _ = self._key(path + "/" + sent["metadata"]["name"])
        if namespace and ("Namespace", "", namespace) not in self.objects:
            return _not_found(f'namespaces "{namespace}"')
        self.objects[kind, namespace, sent["metadata"]["name"]] = sent
        return 201, sent

    def _resources(self, version: str) -> list[Manifest]:
        return [
            {"name": _plural(kind), "kind": kind, "namespaced": kind not in _CLUSTER_WIDE, "verbs": _VERBS}
            for each, kind in sorted(self._kinds)
            if each == version
        ]

    def _key(self, path: str) -> tuple[str, str, str]:
        """Read `.../namespaces/NAMESPACE/PLURAL/NAME`, or `.../namespaces/NAME`."""
        *_, plural, name = path.split("/")
        kind = next((kind for _, kind in self._kinds if _plural(kind) == plural), "")
        namespace = path.partition("/namespaces/")[2].partition("/")[0] if kind not in _CLUSTER_WIDE else ""
        return kind, namespace, name


def _version(version: str) -> Manifest:
    return {"groupVersion": version, "version": version.partition("/")[2]}


def _not_found(what: str) -> tuple[int, Manifest]:
    said = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": f"{what} not found"}
    return 404, said | {"reason": "NotFound", "code": 404}
