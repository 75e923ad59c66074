"""Nodes of YAML as texts, lists and fields; what is none of them is noted, and left out."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from service.yaml_text import (
    ASIDE,
    MERGE_KEY,
    NO_MERGING,
    TEXT,
    MappingNode,
    Problem,
    ScalarNode,
    SequenceNode,
    name_of,
    tag_problem,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from service.yaml_text import Node


class NodeReader:
    """Reads the nodes of one file.

    Args:
        file: its name in reports.

    Attributes:
        problems: what is wrong, in the order found.
    """

    def __init__(self, file: str) -> None:
        self._file = file
        self.problems: list[Problem] = []

    def wrong(self, node: Node, path: str, description: str) -> None:
        """Note a mistake."""
        self.problems.append(Problem(self._file, node.line, path, description))

    def _has_wrong_tag(self, node: Node, path: str) -> bool:
        problem = tag_problem(node)
        if problem is not None:
            self.wrong(node, path, problem)
        return problem is not None

    def fields(self, node: Node, path: str, known: Sequence[str], required: Sequence[str]) -> dict[str, Node]:
        """Return the fields of a mapping by name; unknown, repeated and missing ones are noted."""
        if not isinstance(node, MappingNode):
            self.wrong(node, path, f"must be a mapping with fields: {', '.join(known)}")
            return {}
        if self._has_wrong_tag(node, path):
            return {}
        found: dict[str, Node] = {}
        is_whole = True
        for key, value in node.value:
            name = name_of(key)
            at = f"{path}.{name}".strip(".")
            if not path and name.startswith(ASIDE):
                continue
            if name == MERGE_KEY:
                is_whole = False
                self.wrong(key, at, NO_MERGING)
            elif name not in known:
                close = get_close_matches(name, known, n=1)
                hint = f'did you mean "{close[0]}"?' if close else f"known are {', '.join(known)}"
                self.wrong(key, at, f'unknown field "{name}"; {hint}')
            elif name in found:
                self.wrong(key, at, f"is given twice; first in line {found[name].line}")
            else:
                found[name] = value
        if not is_whole:
            return {}  # so that nothing is missed that would have been there
        missing = [name for name in required if name not in found]
        for name in missing:
            self.wrong(node, f"{path}.{name}".strip("."), "is missing")
        return found

    def items(self, node: Node | None, path: str) -> list[tuple[str, Node]]:
        """Return the items of a list, each with its path; none if there is no list."""
        if node is None:
            return []
        if not isinstance(node, SequenceNode):
            self.wrong(node, path, 'must be a list (lines that begin with "- ")')
            return []
        if self._has_wrong_tag(node, path):
            return []
        return [(f"{path}[{index}]", item) for index, item in enumerate(node.value)]

    def checked(self, node: Node | None, path: str, problem: Callable[[str], str | None]) -> str:
        """Return a text; empty if there is none, or `problem` says what is wrong with it."""
        if node is None:
            return ""
        if self._has_wrong_tag(node, path):
            return ""
        if not isinstance(node, ScalarNode) or node.tag != TEXT:
            hint = f"; put {node.value} in quotes" if isinstance(node, ScalarNode) and node.value else ""
            self.wrong(node, path, f"must be text{hint}")
            return ""
        said = problem(node.value)
        if said is not None:
            self.wrong(node, path, said)
            return ""
        return node.value
