"""What the project is made of: locked by hashes, listed, and looked up."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from packaging.utils import canonicalize_name

from deploy.supply import sbom, scan
from deploy.supply.check_lock import changed, declared_by_lock, left_behind, read_lock, unpinned

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
LOCKS = sorted((ROOT / "deploy" / "requirements").glob("*.txt"))
HASH = "a" * 64


def written(path: Path, text: str) -> Path:
    """Write a text to a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.stem)
def test_every_package_is_pinned_by_hashes(path: Path) -> None:
    """Each list of packages has one version and hashes for each, and has what is declared."""
    lock = read_lock(path)
    assert lock
    assert list(unpinned(lock)) == []
    assert list(left_behind(declared_by_lock()[path.stem], lock)) == []


def test_a_bad_lock_is_told(tmp_path: Path) -> None:
    """A package without a hash, one of a range of versions, one that is missing, and one that is too old are named."""
    lock = read_lock(
        written(
            tmp_path / "lock.txt",
            f"bare==1.0\n    # via x\nloose>=1.0 \\\n    --hash=sha256:{HASH}\nold==1.0 ; python_version > '3' \\\n"
            f"    --hash=sha256:{HASH} \\\n    --hash=sha256:{HASH}\n    # via\n    #   x\n",
        )
    )
    assert set(lock) == {"bare", "loose", "old"}
    assert list(unpinned(lock)) == ["bare has no hash", "loose is not pinned to one version"]
    assert list(left_behind(["gone", "old>=2", "bare[extra]>=0.9", "evenhand-protos==9"], lock)) == [
        "gone is declared, and not locked",
        "old is declared as >=2, and locked as 1.0",
    ]


def test_what_was_changed_after_it_was_installed_is_told(tmp_path: Path) -> None:
    """A file that is not what the wheel had, one that is gone, another version and a missing package are named."""
    lines = "good.py,sha256:x,1\nbad.py,sha256=AAAA,1\ngone.py,sha256=AAAA,1\npkg-1.0.dist-info/RECORD,,\n"
    written(tmp_path / "pkg-1.0.dist-info" / "METADATA", "Metadata-Version: 2.1\nName: pkg\nVersion: 1.0\n")
    written(tmp_path / "pkg-1.0.dist-info" / "RECORD", lines.replace("good.py,sha256:x,1\n", ""))
    written(tmp_path / "bad.py", "changed = True\n")
    written(tmp_path / "other-2.0.dist-info" / "METADATA", "Metadata-Version: 2.1\nName: Other\nVersion: 2.0\n")
    pins = ("pkg==1.0", "other==1.0", "gone==1.0", "elsewhere==1.0 ; sys_platform == 'nowhere'")
    lock = read_lock(written(tmp_path / "lock.txt", "".join(f"{pin} \\\n    --hash=sha256:{HASH}\n" for pin in pins)))
    assert list(changed(lock, metadata.distributions(path=[str(tmp_path)]))) == [
        "pkg: bad.py is not what the wheel had",
        "pkg: gone.py is not what the wheel had",
        "other is locked as 1.0, and installed as 2.0",
        "gone is locked, and not installed",
    ]


def test_what_is_not_declared_cannot_be_imported(tmp_path: Path) -> None:
    """An import of a package that is there, but not declared, is found as `make check` looks for it."""
    written(tmp_path / "pyproject.toml", (ROOT / "pyproject.toml").read_text())
    written(tmp_path / "service" / "sly.py", "import grpc\nimport requests\nimport certainly_not_there\n")
    deptry = [Path(sys.executable).with_name("deptry"), "service", "--no-ansi", "--ignore", "DEP002"]
    done = subprocess.run(deptry, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert re.findall(r"DEP00\d '(\w+)'", done.stderr) == ["requests", "certainly_not_there"]


def test_every_image_is_named_by_its_digest() -> None:
    """No image that the project starts from is left to a tag, which may be another one tomorrow."""
    named = []
    for path in [*ROOT.glob("deploy/**/*.yaml"), ROOT / "deploy" / "image" / "Dockerfile"]:
        named += re.findall(r"(?:image: |^ARG PYTHON=)(\S+/\S+|python:\S+)$", path.read_text(), re.MULTILINE)
    assert len(named) >= 5
    assert [name for name in named if not re.search(r"@sha256:[0-9a-f]{64}$", name)] == []


@pytest.mark.timeout(300)
def test_the_wheel_is_listed(tmp_path: Path) -> None:
    """The list of the wheel has each locked package in its version, the project, and no place of this machine."""
    bom = sbom.of_wheel(tmp_path)
    path = sbom.write(bom, "wheel")
    there = {(canonicalize_name(each["name"]), each["version"]) for each in bom["components"]}
    assert {(name, version(pin)) for name, pin in locked().items()} <= there
    assert (bom["metadata"]["component"]["name"], bom["bomFormat"]) == ("evenhand", "CycloneDX")
    assert str(tmp_path) not in path.read_text()
    assert str(ROOT) not in path.read_text()


def locked() -> dict[str, Any]:
    """The pins of what is installed here."""
    pins = {name: pin for name, (pin, _) in read_lock(ROOT / "deploy" / "requirements" / "runtime.txt").items()}
    return {name: pin for name, pin in pins.items() if not pin.marker or pin.marker.evaluate()}


def version(pin: Any) -> str:
    """The one version of a pin."""
    return str(pin.specifier).removeprefix("==")


def test_a_list_that_is_none_is_not_written() -> None:
    """What is not CycloneDX is refused, and says where."""
    with pytest.raises(ValueError, match="bomFormat"):
        sbom.write({"components": []}, "nothing")
    assert not (sbom.FOLDER / "nothing.cdx.json").exists()


@pytest.mark.parametrize("engine", [None, "exit 1"], ids=["missing", "not running"])
def test_without_an_engine_the_list_of_a_ready_image_is_offered(
    engine: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where docker is missing, or cannot build, `make sbom` says what takes an image that is there."""
    monkeypatch.setattr(sbom, "of_wheel", lambda _work: {})
    monkeypatch.setattr(sbom, "write", lambda _bom, _name: None)
    monkeypatch.setattr(sys, "argv", ["sbom.py"])
    monkeypatch.setenv("PATH", str(tmp_path), prepend=None)
    if engine is not None:
        program = tmp_path / "docker"
        program.write_text(f"#!/bin/sh\n{engine}\n")
        program.chmod(0o755)
    with pytest.raises(SystemExit, match="`make sbom IMAGE=name` takes one that the engine has"):
        sbom.main()


@contextmanager
def database(vulnerable: str) -> Iterator[str]:
    """Serve a database with OSV's API that knows one vulnerability, of this package; give its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["package"]["name"]
            one = {"id": "GHSA-1", "summary": "s", "details": "d", "affected": [affected(asked)]}
            body = json.dumps({"vulns": [one]} if asked == vulnerable else {}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    def affected(name: str) -> dict[str, Any]:
        events = [{"introduced": "0"}, {"fixed": "99.0"}]
        return {"package": {"name": name, "ecosystem": "PyPI"}, "ranges": [{"type": "ECOSYSTEM", "events": events}]}

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1/query"
    finally:
        server.shutdown()
        server.server_close()


def scanned(url: str, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    """Run the scan against this database, without what earlier ones answered."""
    given = os.environ | {"OSV_URL": url, "XDG_CACHE_HOME": str(tmp_path)}
    return subprocess.run([sys.executable, scan.__file__], env=given, capture_output=True, text=True, check=False)


def test_known_vulnerabilities_are_told(tmp_path: Path) -> None:
    """A known vulnerability of a locked package is named, with the version that mends it; none is said to be none."""
    with database("redis") as url:
        done = scanned(url, tmp_path)
    assert done.returncode == scan.KNOWN, done.stderr
    assert re.match(
        r"redis [\d.]+: GHSA-1, mended in 99.0\nKnown vulnerabilities of \d\d packages: 1\.\n$", done.stdout
    )
    with database("nothing") as url:
        done = scanned(url, tmp_path)
    assert done.returncode == 0
    assert re.match(r"Known vulnerabilities of \d\d packages: none\.\n$", done.stdout)


def test_a_database_that_is_not_there_is_no_good_news(tmp_path: Path) -> None:
    """Where the database does not answer, one line says that nothing was looked up."""
    done = scanned("http://127.0.0.1:1/v1/query", tmp_path)
    assert (done.returncode, len(done.stdout.splitlines()), done.stderr) == (scan.NOT_REACHED, 1, "")
    why = "as the database did not answer ([Errno 111] Connection refused)"
    assert done.stdout == f"Known vulnerabilities: not looked up, {why}.\n"
