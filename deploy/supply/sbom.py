"""Write what the wheel and the image are made of, as CycloneDX 1.6, into .sbom.

    make sbom                        builds the image, too; wants a Docker engine for that
    make sbom IMAGE=evenhand:0.5.0   takes this image as it is

The wheel's list is of what pip installs from deploy/requirements/runtime.txt, whose hashes pip checks; the image's is
read from its own files: packages of Python, packages of Debian, and the Python that its base has built.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import venv
from email import message_from_string
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".sbom"
LOCK = ROOT / "deploy" / "requirements" / "runtime.txt"
BIN = Path(sys.executable).parent
_READY_IMAGE = "`make sbom IMAGE=name` takes one that the engine has"

Component = dict[str, Any]


def of_wheel(work: Path) -> dict[str, Any]:
    """List what an installation of the wheels has, each version as it is locked."""
    venv.create(work / "venv", symlinks=True)
    pip = [sys.executable, "-m", "pip", "-qq", "--disable-pip-version-check"]
    into = [*pip, "--python", work / "venv" / "bin" / "python", "install"]
    wheels = work / "wheels"
    _run(*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", wheels, ROOT / "protos", ROOT)
    _run(*into, "--require-hashes", "-r", LOCK)
    # By name, as by path the place where they were made would be written down.
    _run(*into, "--no-deps", "--no-index", "--find-links", wheels, "evenhand-protos", "evenhand")
    return _of_python(work / "venv" / "bin" / "python")


def of_image(image: str, work: Path) -> dict[str, Any]:
    """List what is in an image that the engine has."""
    files = work / "files"
    _unpack(image, files)
    about = json.loads(_run("docker", "image", "inspect", image))[0]
    # The image's interpreter may not run here. It is asked only where its modules lie, and that is known.
    packages = next(files.glob("opt/evenhand/lib/python3*/site-packages"))
    stand_in = work / "python"
    stand_in.write_text(f"#!/bin/sh\necho '{json.dumps([str(packages)])}'\n")
    stand_in.chmod(0o755)
    bom = _of_python(stand_in)
    root = bom["metadata"]["component"]
    root |= {"type": "container", "hashes": [{"alg": "SHA-256", "content": about["Id"].removeprefix("sha256:")}]}
    system = [*_of_debian(files), *_of_base(about["Config"]["Env"])]
    bom["components"] += system
    bom["dependencies"] += [{"ref": each["bom-ref"]} for each in system]
    own = next(each for each in bom["dependencies"] if each["ref"] == root["bom-ref"])
    own["dependsOn"] = sorted({*own.get("dependsOn", []), *(each["bom-ref"] for each in system)})
    return bom


def _of_python(python: Path) -> dict[str, Any]:
    command = [BIN / "cyclonedx-py", "environment", "--sv", "1.6", "--output-reproducible", "--pyproject"]
    return json.loads(_run(*command, ROOT / "pyproject.toml", python))


def _unpack(image: str, folder: Path) -> None:
    """Write an image's files into a folder, but for devices, as if by root."""
    container = _run("docker", "create", image).strip()
    folder.mkdir()
    try:
        archive = folder.with_suffix(".tar")
        _run("docker", "export", "--output", archive, container)
        _run("tar", "-xf", archive, "-C", folder, "--exclude=dev", "--no-same-owner")
    finally:
        _run("docker", "rm", container)


def _of_debian(files: Path) -> Iterator[Component]:
    release = dict(
        line.split("=", 1) for line in (files / "etc/os-release").resolve().read_text().splitlines() if "=" in line
    )
    distribution = f"{release['ID']}-{release['VERSION_ID']}".replace('"', "")
    for entry in (files / "var/lib/dpkg/status").read_text().strip().split("\n\n"):
        package = message_from_string(entry)
        if package["Status"] != "install ok installed":
            continue
        name, version = package["Package"], package["Version"]
        where = f"?arch={package['Architecture']}&distro={distribution}"
        purl = f"pkg:deb/debian/{quote(name)}@{quote(version, safe='')}{where}"
        yield {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}


def _of_base(environment: list[str]) -> Iterator[Component]:
    """The Python that the official base builds from source, of which it leaves the version in the environment."""
    for each in environment:
        name, _, version = each.partition("=")
        if name == "PYTHON_VERSION":
            purl = f"pkg:generic/python@{version}"
            yield {"type": "application", "bom-ref": purl, "name": "python", "version": version, "purl": purl}


def write(bom: dict[str, Any], name: str) -> Path:
    """Check a list against the schema of CycloneDX, and write it.

    Raises:
        ValueError: it is not as the schema says.
    """
    text = json.dumps(bom, indent=1, sort_keys=True)
    if error := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        raise ValueError(f"{name}: {error}")
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{name}.cdx.json"
    path.write_text(text + "\n")
    print(f"{path.relative_to(ROOT)}: {len(bom['components'])} components")
    return path


def _run(*command: str | Path) -> str:
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"{Path(command[0]).name} {command[1]} ended with {done.returncode}")
    return done.stdout


def main() -> None:
    """Write both lists."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--image", default="", help="take this image, rather than build one")
    image = options.parse_args().image
    with tempfile.TemporaryDirectory() as work:
        write(of_wheel(Path(work)), "wheel")
    if shutil.which("docker") is None:
        sys.exit(f"The image's list wants docker, and it is not on PATH; {_READY_IMAGE}")
    if not image:
        image = "evenhand:sbom"
        build = ["docker", "build", "--quiet", "--file", ROOT / "deploy/image/Dockerfile", "--tag", image, ROOT]
        if subprocess.run(build, stdout=subprocess.DEVNULL, check=False).returncode:
            sys.exit(f"docker could not build the image; {_READY_IMAGE}")
    with tempfile.TemporaryDirectory() as work:
        write(of_image(image, Path(work)), "image")


if __name__ == "__main__":
    main()
