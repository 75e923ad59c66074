"""Checks the contract: buf's lint, no breaking change against what was committed before, nothing generated committed.

The contract is compared with the one in the last commit, and with the one before that commit if it changed there. buf
reads descriptor sets made by protoc here, as an older commit has not got all that it imports.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory

from generate import PROTOS, include_arguments
from grpc_tools import protoc

ROOT = PROTOS.parent


def main() -> int:
    """Run all checks and return the exit code."""
    with TemporaryDirectory() as folder:
        current = describe(PROTOS, Path(folder) / "current.binpb")
        run("buf", "lint", str(current), "--config", str(PROTOS / "buf.yaml"), "--path", "evenhand")
        for revision in ("HEAD", "HEAD~1"):
            baseline = checkout(revision, Path(folder) / revision.replace("~", "-"))
            if baseline is None:
                continue
            described = describe(baseline, Path(folder) / f"{baseline.parent.name}.binpb")
            run(
                "buf", "breaking", str(current), "--against", str(described),
                "--config", str(PROTOS / "buf.yaml"), "--path", "evenhand",
            )  # fmt: skip
    committed = output("git", "-C", str(ROOT), "ls-files", "*_pb2*")
    if committed:
        print(f"generated files are committed:\n{committed}")
        return 1
    return 0


def describe(protos: Path, target: Path) -> Path:
    """Write the descriptor set of the contract in `protos`, with comments and imports."""
    sources = [str(path) for path in sorted(protos.glob("evenhand/v1/*.proto"))]
    arguments = ["protoc", *include_arguments(protos), "--include_imports", "--include_source_info"]
    if protoc.main([*arguments, f"--descriptor_set_out={target}", *sources]) != 0:
        sys.exit(1)
    return target


def checkout(revision: str, target: Path) -> Path | None:
    """Put the contract of a commit into a folder. None if there is no such commit, or no contract in it."""
    archived = subprocess.run(["git", "-C", str(ROOT), "archive", revision, "protos"], capture_output=True, check=False)
    if archived.returncode != 0:
        return None
    with tarfile.open(fileobj=io.BytesIO(archived.stdout)) as archive:
        archive.extractall(target, filter="data")
    return target / "protos"


def run(*command: str) -> None:
    """Run a command and end with its exit code if it fails."""
    code = subprocess.run(command, check=False).returncode
    if code:
        sys.exit(code)


def output(*command: str) -> str:
    """Return what a command prints."""
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
