"""Rules and roster files: YAML with the JSON names of `RuleSet` and `Roster`. Beside them, access files.

One file is one of these, told apart by its top-level keys. Reading never stops at the first mistake, except
where the text is not YAML at all.
"""

from __future__ import annotations

import gc
import re
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from evenhand.v1.roster_service_pb2 import Roster
from evenhand.v1.rules_pb2 import RuleSet

from service.access import document as access
from service.cli.yaml_messages import YamlMessageReader
from service.rules import json_path
from service.yaml_text import ASIDE, MappingNode, NotYamlError, Problem, compose, in_one_line, name_of, tag_problem

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from service.access.document import AccessFile
    from service.yaml_text import Node

_LAST_SEGMENT: Final = re.compile(r"(\.?[^.\[\]]+|\[[^\]]*\])$")
_QUOTED_OR_FIELD: Final = re.compile(
    r'"(?:[^"\\]|\\.)*"|\b(?P<path>(?:rule_set|roster)\.[\w.\[\]]+)|\b(?P<name>[a-z]+(?:_[a-z]+)+)\b'
)
_KINDS: Final[dict[type[RuleSet | Roster], str]] = {RuleSet: "rules", Roster: "roster"}


@dataclass(frozen=True, slots=True)
class Document:
    """What one file says.

    Attributes:
        file: the file's name as it was given.
        message: the rule set or roster, or the access file, without the parts that are wrong; None if it is none.
        lines: the line of each field path that the file has; see YamlMessageReader.
        problems: what is wrong with it as a file, in the order of lines.
        incomplete: the field paths of what lacks fields that it was to take from elsewhere.
    """

    file: str
    message: RuleSet | Roster | AccessFile | None
    lines: dict[str, int] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    incomplete: frozenset[str] = frozenset()

    def problem(self, path: str, description: str) -> Problem:
        """Make the problem of a field path as the validators and the server give it ("rule_set.rules[3].id")."""
        said = in_one_line(description)
        if not path.endswith(".expression"):  # where names are those of the expression
            said = _with_names_in_file(said)
        return Problem(self.file, self.line_of(_without_root(path)), path_in_file(path), said)

    def line_of(self, path: str) -> int:
        """Give the line of a field path, or of its nearest parent that the file has."""
        return self.lines.get(self._nearest(path), 1)

    def lacks(self, path: str) -> bool:
        """Tell whether a violation of a field path follows from what is missing there, which is said already."""
        return self._nearest(_without_root(path)) in self.incomplete

    def _nearest(self, path: str) -> str:
        while path and path not in self.lines:
            path = _LAST_SEGMENT.sub("", path)
        return path


def path_in_file(path: str) -> str:
    """Return a field path as a file has it: "roster.teams[0].agent_ids" is "teams[0].agentIds"."""
    return json_path(_without_root(path))


def _without_root(path: str) -> str:
    """Drop the name of the request's field, which a file does not have."""
    return re.sub(r"^(rule_set|roster)(\.|$)", "", path)


def _with_names_in_file(description: str) -> str:
    """Return a description with the fields that it names as a file has them; what it quotes stays as it is."""
    return _QUOTED_OR_FIELD.sub(_in_file, description)


def _in_file(found: re.Match[str]) -> str:
    return path_in_file(found[0]) if found["path"] or found["name"] in _field_names() else found[0]


@cache
def _field_names() -> frozenset[str]:
    """Collect the names of all fields that a file may have."""
    left: list[Any] = [kind.DESCRIPTOR for kind in _KINDS]
    fields: dict[str, Any] = {}
    while left:
        new = {field.full_name: field for field in left.pop().fields if field.full_name not in fields}
        fields |= new
        left.extend(field.message_type for field in new.values() if field.message_type is not None)
    return frozenset(field.name for field in fields.values())


def read(path: Path) -> Document:
    """Read a rules or roster file.

    Raises:
        OSError: the file cannot be read.
    """
    return parse(path.read_bytes(), str(path))


def parse(content: bytes, file: str) -> Document:
    """Read the content of a rules or roster file; `file` is its name in reports."""
    # Of a large file Python would look for garbage among a million nodes, time and again: a third of the time.
    gc.disable()
    try:
        return _document(compose(content, file), file)
    except NotYamlError as error:
        return Document(file, None, {}, (error.problem,))
    finally:
        gc.enable()


def _document(root: Node | None, file: str) -> Document:
    if not isinstance(root, MappingNode):
        line = root.line if root is not None else 1
        return _broken(file, line, f"must have top-level fields: {_choices()}")
    wrong_tag = tag_problem(root)
    if wrong_tag is not None:
        return _broken(file, root.line, wrong_tag)
    keys = {name_of(key): key for key, _ in root.value if not name_of(key).startswith(ASIDE)}
    if keys.keys() & set(access.FIELDS):
        read_access = access.read(root, file)
        return Document(file, read_access, {}, read_access.problems)
    found = [kind for kind in _KINDS if keys.keys() & _names(kind)]
    if not found:
        line = root.line if keys else 1
        known = f"neither a rules file nor a roster file: {_choices()}"
        return _broken(file, line, f"{known}; found {', '.join(keys)}" if keys else known)
    if len(found) > 1:
        line = max(min(keys[key].line for key in keys.keys() & _names(kind)) for kind in found)
        return _broken(file, line, "both a rules file and a roster file; put them into two files")
    reader = YamlMessageReader()
    message = reader.read(root, found[0]())
    problems = [Problem(file, line, in_one_line(path), in_one_line(text)) for path, line, text in reader.problems]
    return Document(file, message, reader.lines, tuple(in_order(problems)), frozenset(reader.incomplete))


def _names(kind: type[RuleSet | Roster]) -> set[str]:
    fields = kind.DESCRIPTOR.fields
    return {field.name for field in fields} | {field.json_name for field in fields}


def _choices() -> str:
    fields = {f"a {name}": [field.json_name for field in kind.DESCRIPTOR.fields] for kind, name in _KINDS.items()}
    fields["an access"] = list(access.FIELDS)
    return ", or ".join(f"{kind} file has {', '.join(names)}" for kind, names in fields.items())


def _broken(file: str, line: int, description: str) -> Document:
    return Document(file, None, {}, (Problem(file, line, "", description),))


def _by_line(problem: Problem) -> int:
    return problem.line


def in_order(problems: Iterable[Problem]) -> list[Problem]:
    """Sort the problems of one file by line, keeping the order of those in the same line."""
    return sorted(problems, key=_by_line)
