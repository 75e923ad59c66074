"""Builds the example clients of deploy/examples/clients, on what Debian and the npm registry have for each language."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support import wants

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "deploy" / "examples"
CLIENTS = EXAMPLES / "clients"
CONFIG = EXAMPLES / "client_service_config.json"
PROTOS = ROOT / "protos"

# Debian's own, which fit each other, and not newer ones that PATH may have first.
_PROTOC = Path("/usr/bin/protoc")
_GO_PLUGIN = Path("/usr/bin/protoc-gen-go")
_GO_PACKAGES = Path("/usr/share/gocode")
_JAVA_PLUGIN = Path("/usr/bin/grpc_java_plugin")
_JARS = Path("/usr/share/java")
_JAR_NAMES = [
    "grpc-*",
    "netty-*",
    "protobuf",
    "guava",
    "failureaccess",
    "gson",
    "opencensus-api",
    "geronimo-annotation-1.3-spec",
]
_STANDARD = ["google/rpc/status.proto", "google/rpc/error_details.proto", "grpc/health/v1/health.proto"]

# Debian's gRPC for Java calls PerfMark, which Debian has not got. It traces nothing unless told to; nor does this.
_PERFMARK = """package io.perfmark;
public final class PerfMark {
  public static Tag createTag() { return null; }
  public static Tag createTag(String name) { return null; }
  public static Tag createTag(String name, long id) { return null; }
  public static void event(String name) {}
  public static void event(String name, Tag tag) {}
  public static void startTask(String name) {}
  public static void startTask(String name, Tag tag) {}
  public static void stopTask(String name) {}
  public static void stopTask(String name, Tag tag) {}
  public static Link linkOut() { return null; }
  public static void linkIn(Link link) {}
}
"""


class MissingError(Exception):
    """What a client is built with is not here; the message has why, and the remedy."""


class Caller:
    """An example client, ready to run.

    Args:
        command: what runs it.
        env: more environment variables.
        arguments: what comes after the target, the workspace and the contact.
    """

    def __init__(self, command: Sequence[str | Path], env: dict[str, str] | None = None, *arguments: Path) -> None:
        self._command = [str(word) for word in command]
        self._env = {**os.environ, **(env or {})}
        self._arguments = [str(argument) for argument in arguments]

    def run(self, target: str, workspace: str, contact: str) -> subprocess.CompletedProcess[str]:
        """Report the contact's first message."""
        command = [*self._command, target, workspace, contact, *self._arguments]
        return subprocess.run(command, env=self._env, capture_output=True, text=True, check=False, timeout=60)


def python(_folder: Path) -> Caller:
    """The client in Python."""
    return Caller([sys.executable, CLIENTS / "python" / "client.py"])


def node(folder: Path) -> Caller:
    """The client in Node.js, with the packages that its lock file names."""
    npm = _needed(wants.NODE, "npm", "node")[0]
    for name in ("package.json", "package-lock.json"):
        shutil.copy(CLIENTS / "node" / name, folder)
    done = subprocess.run(
        [npm, "ci", "--no-audit", "--no-fund"], cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise MissingError(wants.reason(f"npm: {done.stderr.strip()[:200]}", wants.NPM))
    return Caller(["node", CLIENTS / "node" / "client.js"], {"NODE_PATH": str(folder / "node_modules")})


def go(folder: Path) -> Caller:
    """The client in Go, built as Debian builds: without modules, on the libraries that it has."""
    _needed(wants.GO, "go", _PROTOC, _GO_PLUGIN, _GO_PACKAGES / "src" / "google.golang.org" / "grpc")
    messages, program = folder / "src" / "evenhand", folder / "src" / "client"
    messages.mkdir(parents=True)
    shutil.copytree(CLIENTS / "go", program)
    shutil.copy(CONFIG, program)
    known = [
        f"Mgoogle/protobuf/{name}.proto=github.com/golang/protobuf/ptypes/{name}"
        for name in ("struct", "timestamp", "duration")
    ]
    options = ",".join(["plugins=grpc", "paths=source_relative", *known])
    _run(
        folder,
        *_protoc(),
        f"--plugin=protoc-gen-go={_GO_PLUGIN}",
        f"--go_out={options}:{messages.parent}",
        *_contract(),
    )
    env = {"GO111MODULE": "off", "GOPATH": f"{folder}:{_GO_PACKAGES}", "GOCACHE": str(folder / "cache"), "GOFLAGS": ""}
    _run(folder, "go", "build", "-o", "caller", "client", **env)
    return Caller([folder / "caller"], {"GRPC_GO_RETRY": "on"})  # before 1.40, retries had to be switched on


def java(folder: Path) -> Caller:
    """The client in Java, on the libraries that Debian has."""
    _needed(
        wants.JAVA,
        "javac",
        "java",
        _PROTOC,
        _JAVA_PLUGIN,
        _JARS / "grpc-netty.jar",
        _JARS / "netty-all.jar",
        _JARS / "gson.jar",
    )
    sources, classes = folder / "src", folder / "classes"
    perfmark = sources / "io" / "perfmark"
    perfmark.mkdir(parents=True)
    (perfmark / "PerfMark.java").write_text(_PERFMARK)
    for name in ("Tag", "Link"):
        (perfmark / f"{name}.java").write_text(f"package io.perfmark; public final class {name} {{}}\n")
    plugin = f"--plugin=protoc-gen-grpc-java={_JAVA_PLUGIN}"
    _run(folder, *_protoc(), plugin, f"--java_out={sources}", f"--grpc-java_out={sources}", *_contract(), *_STANDARD)
    jars = ":".join(str(jar) for name in _JAR_NAMES for jar in sorted(_JARS.glob(f"{name}.jar")))
    files = [*sources.rglob("*.java"), CLIENTS / "java" / "Client.java"]
    _run(folder, "javac", "-nowarn", "-cp", jars, "-d", classes, *files)
    return Caller(["java", "-cp", f"{jars}:{classes}", "Client"], None, CONFIG)


BUILDERS: dict[str, Callable[[Path], Caller]] = {"python": python, "node": node, "go": go, "java": java}


def _needed(remedy: str, *names: str | Path) -> list[str]:
    """Return where programs and files are; raises MissingError for the first that is not there."""
    for name in names:
        if not (name.exists() if isinstance(name, Path) else shutil.which(name)):
            raise MissingError(wants.reason(f"no {name}", remedy))
    return [str(name) for name in names]


def _protoc() -> list[str | Path]:
    return [_PROTOC, "-I", PROTOS, "-I", PROTOS / "third_party"]


def _contract() -> list[str]:
    return [f"evenhand/v1/{path.name}" for path in sorted((PROTOS / "evenhand" / "v1").glob("*.proto"))]


def _run(folder: Path, *command: str | Path, **env: str) -> None:
    done = subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
