"""Look up known vulnerabilities of the packages that the service runs on, as they are locked, in the OSV database.

Exit codes: 0 none are known, 1 some are, 3 the database did not answer, so that nothing is known. Another database with
the same API: OSV_URL in the environment.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

LOCK = Path(__file__).resolve().parents[2] / "deploy" / "requirements" / "runtime.txt"
BIN = Path(sys.executable).parent
KNOWN, NOT_REACHED = 1, 3


def main() -> int:
    """Print a line on each vulnerability, or one that says that there are none; return the exit code."""
    options = ["--vulnerability-service", "osv", "--timeout", "10", "--progress-spinner", "off", "--format", "json"]
    if url := os.environ.get("OSV_URL"):
        options += ["--osv-url", url]
    command = [BIN / "pip-audit", *options, "--disable-pip", "--require-hashes", "--requirement", LOCK]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except ValueError:
        print(f"Known vulnerabilities: not looked up, as the database did not answer ({_cause(done.stderr)}).")
        return NOT_REACHED
    found = [(package, each) for package in packages for each in package.get("vulns", [])]
    for package, each in found:
        mended = ", ".join(each["fix_versions"]) or "no version"
        print(f"{package['name']} {package['version']}: {each['id']}, mended in {mended}")
    print(f"Known vulnerabilities of {len(packages)} packages: {len(found) or 'none'}.")
    return KNOWN if found else 0


def _cause(said: str) -> str:
    """Return the innermost cause in a traceback, which its last line ends with."""
    *_, last = said.strip().splitlines() or ["it said nothing"]
    return re.sub(r"[\"'][\"')]*$", "", last.rpartition(": ")[2])


if __name__ == "__main__":
    sys.exit(main())
