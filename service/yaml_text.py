"""Files in YAML that people write: their text as nodes that know their lines, and what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

if TYPE_CHECKING:
    from ruamel.yaml.nodes import Node


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in one file; printed as "file:line: field: description"."""

    file: str
    line: int
    field: str
    description: str

    def __str__(self) -> str:
        """Give the line that a person, or an editor, reads."""
        return ": ".join(part for part in (f"{self.file}:{self.line}", self.field, self.description) if part)


class NotYamlError(ValueError):
    """A text that is not YAML, so that nothing more can be said of it.

    Attributes:
        problem: where, and why.
    """

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


def compose(content: bytes, file: str) -> Node | None:
    """Return the root of a document; None if it is empty.

    Args:
        content: the file's bytes.
        file: its name in reports.

    Raises:
        NotYamlError: there is no document in it.
    """
    try:
        text = content.decode("utf-8-sig")
        root: Node | None = YAML(typ="safe", pure=True).compose(text)
    except UnicodeDecodeError as error:
        line, description = content.count(b"\n", 0, error.start) + 1, "the file is not UTF-8 text"
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, description = mark.line + 1 if mark else 1, f"not YAML: {in_one_line(error.context, error.problem)}"
    except YAMLError as error:
        line, description = 1, f"not YAML: {in_one_line(str(error))}"
    except RecursionError:
        line, description = 1, "the file is nested too deeply to be read"
    else:
        return root
    raise NotYamlError(Problem(file, line, "", description))


def line_of(node: Node) -> int:
    """Give the line, from 1, in which a node starts."""
    return int(node.start_mark.line) + 1


def in_one_line(*parts: str | None) -> str:
    """Join texts for a report of one line."""
    return ", ".join(" ".join(part.split()) for part in parts if part)
