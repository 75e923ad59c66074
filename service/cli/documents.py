"""Rules and roster files: YAML with the JSON names of `RuleSet` and `Roster`.

One file is one of the two, told apart by its top-level keys. Reading never stops at the first mistake, except
where the text is not YAML at all.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from evenhand.v1.roster_service_pb2 import Roster
from evenhand.v1.rules_pb2 import RuleSet
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode

from service.cli.yaml_messages import YamlMessageReader, line_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from ruamel.yaml.nodes import Node

_LAST_SEGMENT: Final = re.compile(r"(\.?[^.\[\]]+|\[[^\]]*\])$")
_KINDS: Final[dict[type[RuleSet | Roster], str]] = {RuleSet: "rules", Roster: "roster"}


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


@dataclass(frozen=True, slots=True)
class Document:
    """What one file says.

    Attributes:
        file: the file's name as it was given.
        message: the rule set or roster, without the parts that are wrong; None if it is neither.
        lines: the line of each field path that the file has; see YamlMessageReader.
        problems: what is wrong with it as a file, in the order of lines.
    """

    file: str
    message: RuleSet | Roster | None
    lines: dict[str, int] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()

    def problem(self, path: str, description: str) -> Problem:
        """Make the problem of a field path as the validators and the server give it ("rule_set.rules[3].id")."""
        own = path_in_file(path)
        return Problem(self.file, self.line_of(own), own, _in_one_line(description))

    def line_of(self, path: str) -> int:
        """Give the line of a field path, or of its nearest parent that the file has."""
        while path and path not in self.lines:
            path = _LAST_SEGMENT.sub("", path)
        return self.lines.get(path, 1)


def path_in_file(path: str) -> str:
    """Drop the name of the request's field, which a file does not have: "roster.teams[0]" is "teams[0]"."""
    return re.sub(r"^(rule_set|roster)(\.|$)", "", path)


def read(path: Path) -> Document:
    """Read a rules or roster file.

    Raises:
        OSError: the file cannot be read.
    """
    return parse(path.read_bytes(), str(path))


def parse(content: bytes, file: str) -> Document:
    """Read the content of a rules or roster file; `file` is its name in reports."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return _broken(file, content.count(b"\n", 0, error.start) + 1, "the file is not UTF-8 text")
    try:
        return _document(YAML(typ="safe", pure=True).compose(text), file)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        return _broken(file, mark.line + 1 if mark else 1, f"not YAML: {_in_one_line(error.context, error.problem)}")
    except YAMLError as error:
        return _broken(file, 1, f"not YAML: {_in_one_line(str(error))}")
    except RecursionError:
        return _broken(file, 1, "the file is nested too deeply to be read")


def _document(root: Node | None, file: str) -> Document:
    if not isinstance(root, MappingNode):
        line = line_of(root) if root is not None else 1
        return _broken(file, line, f"must have top-level fields: {_choices()}")
    keys = {str(key.value): key for key, _ in root.value}
    found = [kind for kind in _KINDS if keys.keys() & _names(kind)]
    if not found:
        line = line_of(root) if keys else 1
        known = f"neither a rules file nor a roster file: {_choices()}"
        return _broken(file, line, f"{known}; found {', '.join(keys)}" if keys else known)
    if len(found) > 1:
        line = max(min(line_of(keys[key]) for key in keys.keys() & _names(kind)) for kind in found)
        return _broken(file, line, "both a rules file and a roster file; put them into two files")
    reader = YamlMessageReader()
    message = reader.read(root, found[0]())
    problems = sorted((Problem(file, line, path, text) for path, line, text in reader.problems), key=_by_line)
    return Document(file, message, reader.lines, tuple(problems))


def _names(kind: type[RuleSet | Roster]) -> set[str]:
    fields = kind.DESCRIPTOR.fields
    return {field.name for field in fields} | {field.json_name for field in fields}


def _choices() -> str:
    return ", or ".join(
        f"a {name} file has {', '.join(field.json_name for field in kind.DESCRIPTOR.fields)}"
        for kind, name in _KINDS.items()
    )


def _broken(file: str, line: int, description: str) -> Document:
    return Document(file, None, {}, (Problem(file, line, "", description),))


def _in_one_line(*parts: str | None) -> str:
    return ", ".join(" ".join(part.split()) for part in parts if part)


def _by_line(problem: Problem) -> int:
    return problem.line


def in_order(problems: Iterable[Problem]) -> list[Problem]:
    """Sort the problems of one file by line, keeping the order of those in the same line."""
    return sorted(problems, key=_by_line)
