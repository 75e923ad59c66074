"""Generates the Python messages and stubs of the contract beside the .proto files, whenever their package is built.

Run by hatchling as a build hook; nothing it writes is committed.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from grpc_tools import protoc
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PROTOS = Path(__file__).resolve().parent


def generate() -> None:
    """Write `*_pb2.py`, `*_pb2_grpc.py` and their `.pyi` stubs into `protos/evenhand/v1`.

    Raises:
        RuntimeError: protoc refused a file; what it said is on standard error.
    """
    package = PROTOS / "evenhand" / "v1"
    sources = [str(path) for path in sorted(package.glob("*.proto"))]
    arguments = [
        "protoc",
        *include_arguments(PROTOS),
        f"--python_out={PROTOS}",
        f"--grpc_python_out={PROTOS}",
        f"--mypy_out={PROTOS}",
        f"--mypy_grpc_out={PROTOS}",
        *sources,
    ]
    # protoc finds its mypy plugins on PATH, where an interpreter called by its path does not put them.
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    if protoc.main(arguments) != 0:
        raise RuntimeError("protoc refused the contract")


def include_arguments(protos: Path) -> list[str]:
    """Return where protoc finds the contract, google/protobuf/*.proto and google/rpc/*.proto."""
    return [f"-I{protos}", f"-I{PROTOS / 'third_party'}", f"-I{Path(protoc.__file__).parent / '_proto'}"]


class GenerateHook(BuildHookInterface):  # type: ignore[type-arg,unused-ignore]
    """Runs `generate` before files are collected."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Generate for wheels and for editable installs alike."""
        generate()


if __name__ == "__main__":
    generate()
