"""What CONTRIBUTING says of the code is so: the way of a contact, and the files to touch."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.support.walk import walked

ROOT = Path(__file__).parents[2]
CONTRIBUTING = (ROOT / ".github" / "CONTRIBUTING.md").read_text()
STEP = re.compile(r"^\d+\. `([\w/.]+)`: (`[\w.]+`(?:, `[\w.]+`)*)\.", re.MULTILINE)


def steps() -> list[tuple[str, str]]:
    """File and function of each step of "The way of a contact", in order."""
    _, section = CONTRIBUTING.split("## The way of a contact")
    section, _ = section.split("\n## ", 1)
    found = STEP.findall(section)
    assert len(found) == len(re.findall(r"^\d+\. ", section, re.MULTILINE)), "a step is not `file`: `function`, ..."
    return [(file, name) for file, names in found for name in re.findall(r"`([\w.]+)`", names)]


def python_functions(path: Path) -> set[str]:
    """Every function of a module by its qualified name, without the `<locals>` of functions in functions."""
    names = set()

    def visit(node: ast.AST, within: str) -> None:
        for child in ast.iter_child_nodes(node):
            inner = within
            if isinstance(child, ast.FunctionDef | ast.ClassDef):
                inner = f"{within}{child.name}."
                if isinstance(child, ast.FunctionDef):
                    names.add(f"{within}{child.name}")
            visit(child, inner)

    visit(ast.parse(path.read_text()), "")
    return names


def lua_functions(path: Path) -> set[str]:
    """Every function of a Lua file that has a name."""
    return {first or second for first, second in re.findall(r"function (\w+)\(|(\w+) = function\(", path.read_text())}


def test_every_step_is_a_function_of_its_file():
    """Each file and function on the way exists."""
    for file, name in steps():
        functions = lua_functions if file.endswith(".lua") else python_functions
        assert name in functions(ROOT / file), f"{file} has no {name}"


def test_a_contact_goes_that_way():
    """A real call passes all Python steps in the order in which they stand, and no file that is not among them."""
    walk = [(file, function.replace(".<locals>", "")) for file, function in walked()]
    assert {file for file, _ in walk} == {file for file, _ in steps() if file.endswith(".py")}
    rest = iter(walk)
    for step in steps():
        if step[0].endswith(".py"):
            assert step in rest, f"{step} is not passed, or sooner"


@pytest.mark.parametrize("form", [r"`([\w./*-]+/[\w./*-]*)`", r"\]\((?!https?:)([^)#]+)\)"])
def test_files_that_are_named_exist(form: str):
    """Each path in the text, and each link, leads to a file or folder; to at least one, where it has a star."""
    named = set(re.findall(form, CONTRIBUTING))
    assert named
    for path in named:
        start = ROOT / ".github" if path.startswith("../") else ROOT
        assert list(start.glob(path)) if "*" in path else (start / path).exists(), path
