"""What the README shows is run, so that it stays true."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.processes import EvenhandServer

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    """The README's blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def server() -> Iterator[EvenhandServer]:
    """A running service."""
    with EvenhandServer() as running:
        yield running


def evenhand(server: EvenhandServer, line: str) -> str:
    """Run one `evenhand` command as the README writes it, against this server; return what it prints."""
    words = line.removeprefix(".venv/bin/evenhand ").split()
    command = [sys.executable, "-m", "service.cli", *words]
    done = subprocess.run(
        command, cwd=ROOT, env={"EVENHAND_SERVER": server.address}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def lines(said: str) -> list[str]:
    """What was said, line by line, without times and the sequences that follow from them."""
    return [re.sub(r", (sequence \d+|20.*)", "", line).strip() for line in said.strip().splitlines()]


def test_commands_print_what_the_readme_says(server):
    """The session "Try it by hand" prints just that, but for times; then the Python example prints its line."""
    (session,) = [block for block in blocks("console") if "evenhand apply" in block]
    for command, said in re.findall(r"^\$ (.*?)\n(.*?)(?=^\$ |\Z)", session, re.MULTILINE | re.DOTALL):
        if " serve " in command:
            continue
        assert lines(evenhand(server, command)) == lines(said)
    (snippet,) = [block for block in blocks("python") if "webhook-7f3a" in block]
    code = snippet.replace("127.0.0.1:50051", server.address)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert f"Prints `{done.stdout.strip()}`" in README


def test_the_channel_in_the_readme_reaches_the_service(server):
    """The channel that the README makes for a cluster is answered."""
    (snippet,) = [block for block in blocks("python") if "dns:///" in block]
    target = f"dns:///localhost:{server.address.rpartition(':')[2]}"
    code = (
        re.sub(r"dns:///[\w.]+:50051", target, snippet) + "\nimport grpc; grpc.channel_ready_future(channel).result(10)"
    )
    assert target in code
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=30)


def test_the_rules_in_the_readme_are_right(tmp_path):
    """The YAML in "Writing rules" passes `evenhand check`."""
    (rules,) = blocks("yaml")
    (tmp_path / "readme.rules.yaml").write_text(rules)
    done = subprocess.run(
        [sys.executable, "-m", "service.cli", "check", "readme.rules.yaml"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


def test_files_that_the_readme_links_to_exist():
    """Every link into the project leads somewhere."""
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_every_make_target_is_explained():
    """`make help` names each target that the README uses, in 80 columns."""
    said = subprocess.run(["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout  # noqa: S607
    used = set(re.findall(r"`make (\w+)`|^\$ make (\w+)", README, re.MULTILINE))
    for target in {first or second for first, second in used}:
        assert f"make {target} " in said
    assert max(map(len, said.splitlines())) <= 80
