"""What a caller in Python installs: the messages alone, and for its own tests a real service."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from email import message_from_bytes
from pathlib import Path
from textwrap import dedent

import grpc
import pytest
from packaging.requirements import Requirement

from tests.support.image import build_wheels, install
from tests.support.processes import EvenhandServer

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The wheels of this project."""
    return build_wheels(tmp_path_factory.mktemp("build"))


def run(programs: Path, folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a folder, with what is installed and nothing of this repository."""
    kept = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "EVENHAND_SERVER"}}
    return subprocess.run(
        [programs / "python", *command], cwd=folder, env=kept, capture_output=True, text=True, check=False, timeout=90
    )


def snippets(word: str) -> list[str]:
    """The README's Python that has this word."""
    return [code for code in re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL) if word in code]


def test_the_package_is_the_messages_and_little_else(wheels):
    """The wheel has the contract, its messages, stubs and types, and what starts a service for tests; and is small."""
    names = set(zipfile.ZipFile(wheels["evenhand_protos"]).namelist())
    generated = {
        f"evenhand/v1/{proto.stem}{ending}"
        for proto in (ROOT / "protos" / "evenhand" / "v1").glob("*.proto")
        for ending in (".proto", "_pb2.py", "_pb2.pyi", "_pb2_grpc.py", "_pb2_grpc.pyi")
    }
    testing = {f"evenhand/testing/{name}.py" for name in ("__init__", "fixtures", "service")}
    assert {name for name in names if ".dist-info/" not in name} == generated | testing | {
        "evenhand/__init__.py",
        "evenhand/py.typed",
        "evenhand/v1/__init__.py",
    }
    assert any(name.endswith("/licenses/LICENSE") for name in names)
    assert wheels["evenhand_protos"].stat().st_size < 100_000


def test_it_depends_on_grpc_and_protobuf_alone(wheels):
    """Who only calls installs nothing that the service needs; the service needs the messages of its own version."""

    def metadata(name: str) -> tuple[str, list[Requirement]]:
        with zipfile.ZipFile(wheels[name]) as wheel:
            (file,) = [entry for entry in wheel.namelist() if entry.endswith(".dist-info/METADATA")]
            read = message_from_bytes(wheel.read(file))
        return read["Version"], [Requirement(text) for text in read.get_all("Requires-Dist", [])]

    version, needed = metadata("evenhand_protos")
    plain = {need.name for need in needed if need.marker is None}
    assert plain == {"grpcio", "protobuf", "googleapis-common-protos"}
    of_service, needed = metadata("evenhand")
    assert of_service == version
    assert [str(need) for need in needed if need.name == "evenhand-protos"] == [f"evenhand-protos=={version}"]


def test_messages_alone_are_enough_to_call(wheels, tmp_path):
    """Where only the messages are installed, there is no service to import, and the README's caller works."""
    programs = install([wheels["evenhand_protos"]], tmp_path / "venv")
    (code,) = snippets("webhook-7f3a")
    with EvenhandServer() as server:
        code = code.replace("127.0.0.1:50051", server.address)
        code += dedent("""
            import importlib.util
            assert importlib.util.find_spec("service") is None
            assert importlib.util.find_spec("strategies") is None
            print(Outcome.Name(decision.outcome), grpc.__name__)
        """)
        done = run(programs, tmp_path, "-c", code)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "OUTCOME_NO_RULE_MATCHED grpc\n"


def test_a_callers_own_tests_have_a_real_service(wheels, tmp_path):
    """The README's test of a caller passes in a project that has nothing of this repository; the service then ends."""
    programs = install(wheels.values(), tmp_path / "venv")
    project = tmp_path / "shop"
    project.mkdir()
    (code,) = snippets("evenhand_workspace")
    (project / "test_shop.py").write_text(f"{code}\n    print('at', evenhand_address)\n")
    done = run(programs, project, "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider", "test_shop.py")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout
    address = re.search(r"^at (\S+)$", done.stdout, re.MULTILINE)
    assert address is not None
    with grpc.insecure_channel(address[1]) as channel, pytest.raises(grpc.FutureTimeoutError):
        grpc.channel_ready_future(channel).result(1)


def test_a_service_that_is_not_installed_is_said(wheels, tmp_path):
    """Who has not installed what the fixtures need reads what to install."""
    programs = install([wheels["evenhand_protos"]], tmp_path / "venv")
    (tmp_path / "test_it.py").write_text("def test_it(evenhand_address): pass\n")
    kept = {"PATH": str(programs)}
    done = subprocess.run(
        [programs / "python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_it.py"],
        cwd=tmp_path, env=kept, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "There is no evenhand here: install the service beside your tests, with its extra `embedded`" in done.stdout


def test_a_service_that_cannot_start_says_why(tmp_path):
    """What the service printed is in the error, so that a failing test run explains itself."""
    code = "from evenhand.testing import running_service\nwith running_service(): pass"
    broken = {"PATH": "", "TMPDIR": str(tmp_path), "PYTHONPATH": str(tmp_path)}
    (tmp_path / "redis.py").write_text("raise ImportError('no redis, as a test has it')\n")
    done = subprocess.run([sys.executable, "-c", code], env=broken, capture_output=True, text=True, check=False)
    assert "ServiceDidNotStartError: The service did not start. It printed:" in done.stderr
    assert "no redis, as a test has it" in done.stderr
