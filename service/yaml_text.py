"""Files in YAML that people write: their text as nodes that know their lines, and what is wrong with it.

The text is read by libyaml, which is in C. What a plain text stands for (a number, true, nothing) is decided here, by
the core schema of YAML 1.2: there `no`, `on` and `12:30` are texts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import yaml
from yaml.cyaml import CSafeLoader
from yaml.error import MarkedYAMLError
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from yaml.reader import ReaderError

from service.yaml_stand_ins import StandIns

if TYPE_CHECKING:
    from collections.abc import Iterable

_TAG: Final = "tag:yaml.org,2002:"
TEXT: Final = f"{_TAG}str"
NULL: Final = f"{_TAG}null"
BOOL: Final = f"{_TAG}bool"
NUMBER: Final = f"{_TAG}float"
"""Tags: what a scalar stands for. Whole numbers have no tag of their own."""
LIST: Final = f"{_TAG}seq"
MAPPING: Final = f"{_TAG}map"

_NUMBER: Final = re.compile(
    r"""
      [-+]?0[bB][01_]+ | [-+]?0[oO]?[0-7_]+ | [-+]?0[xX][0-9a-fA-F_]+
    | [-+]?[0-9][0-9_]*(\.[0-9_]*)?([eE][-+]?[0-9]+)?
    | [-+]?\.[0-9_]+([eE][-+]?[0-9]+)?
    | [-+]?\.(inf|Inf|INF) | \.(nan|NaN|NAN)
    """,
    re.VERBOSE,
)
_NUMBER_STARTS: Final = frozenset("-+.0123456789")
_WORDS: Final = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), NULL),
    **dict.fromkeys(("true", "True", "TRUE", "false", "False", "FALSE"), BOOL),
}


class ScalarNode:
    """A text, and what stands for one: a number, true or false, nothing.

    Attributes:
        value: as it is written, without quotes and escapes.
        tag: what it stands for: TEXT, NULL, BOOL, NUMBER, or another that the file says.
        line: in which it starts, from 1.
    """

    __slots__ = ("line", "tag", "value")

    # Plain classes: a file has a hundred thousand, and a frozen dataclass takes four times as long to make.
    def __init__(self, value: str, tag: str, line: int) -> None:
        self.value = value
        self.tag = tag
        self.line = line


class SequenceNode:
    """A list.

    Attributes:
        tag: LIST, or another that the file says.
        value: its elements; a list that an alias leads back to may be among its own.
        line: in which it starts, from 1.
    """

    __slots__ = ("line", "tag", "value")

    def __init__(self, line: int, tag: str = LIST) -> None:
        self.value: list[Node] = []
        self.tag = tag
        self.line = line


class MappingNode:
    """Keys and values, in the order in which they stand; keys may stand there twice.

    Attributes:
        tag: MAPPING, or another that the file says.
        value: the pairs.
        line: in which it starts, from 1.
    """

    __slots__ = ("line", "tag", "value")

    def __init__(self, line: int, tag: str = MAPPING) -> None:
        self.value: list[tuple[Node, Node]] = []
        self.tag = tag
        self.line = line


MERGE_KEY: Final = "<<"
NO_MERGING: Final = (
    'merge keys ("<<") are not supported: write the fields out, or take a whole value by an alias (*name)'
)
ASIDE: Final = "x-"
"""How keys begin, at the top of a file, whose values are there for their anchors alone, as in Compose files."""

Node = ScalarNode | SequenceNode | MappingNode
_KNOWN_TAGS: Final[dict[type, frozenset[str]]] = {
    ScalarNode: frozenset({TEXT, NULL, BOOL, NUMBER}),
    SequenceNode: frozenset({LIST}),
    MappingNode: frozenset({MAPPING}),
}


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
    """A text that is not YAML, or not one document of it, so that nothing more can be said of it.

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
        NotYamlError: it is not YAML, or is several documents.
    """
    try:
        stand_ins = StandIns(content.decode("utf-8-sig"))
        text = stand_ins.text
        return _Composer(stand_ins).root(yaml.parse(text, CSafeLoader))
    except UnicodeDecodeError as error:
        line, description = content.count(b"\n", 0, error.start) + 1, "the file is not UTF-8 text"
    except _AnotherDocumentError as error:
        line, description = error.line, "one document a file: put what begins here into another"
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, description = mark.line + 1 if mark else 1, f"not YAML: {in_one_line(error.context, error.problem)}"
    except ReaderError as error:
        line, description = text.encode().count(b"\n", 0, error.position) + 1, f"not YAML: {in_one_line(error.reason)}"
    # The library counts a line after the last one, even if that has no end.
    raise NotYamlError(Problem(file, min(line, content.count(b"\n") + 1), "", description))


class _AnotherDocumentError(Exception):
    """A second document.

    Attributes:
        line: in which it starts.
    """

    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.line = line


class _Composer:
    """Makes nodes of the events of one text.

    It goes without recursion, as a file may be nested as deeply as it likes; and the same anchor may be set twice,
    which the library's own composer refuses and YAML 1.2 allows.
    """

    def __init__(self, stand_ins: StandIns) -> None:
        self._restored = stand_ins.restored if stand_ins else None
        self._anchors: dict[str, Node] = {}

    def root(self, events: Iterable[Any]) -> Node | None:
        """Return the root of the only document; None if there is none.

        Raises:
            MarkedYAMLError, ReaderError: the text is not YAML.
            _AnotherDocumentError: it is several documents.
        """
        top = SequenceNode(1)
        documents = 0
        inside: list[SequenceNode | MappingNode] = [top]  # the lists and mappings that are open, the innermost last
        keys: list[Node | None] = [None]  # of each of them, the key whose value has not come yet
        for event in events:
            kind = type(event)
            if kind is SequenceEndEvent or kind is MappingEndEvent:
                inside.pop()
                keys.pop()
                continue
            if kind is DocumentStartEvent:
                documents += 1
                if documents > 1:
                    raise _AnotherDocumentError(event.start_mark.line + 1)
                continue
            node = self._node(event, kind)
            if node is None:
                continue
            outer = inside[-1]
            if isinstance(outer, SequenceNode):
                outer.value.append(node)
            elif (key := keys[-1]) is None:
                keys[-1] = node
            else:
                outer.value.append((key, node))
                keys[-1] = None
            if kind is SequenceStartEvent or kind is MappingStartEvent:
                assert not isinstance(node, ScalarNode)  # noqa: S101 (what _node makes of these)
                inside.append(node)
                keys.append(None)
        return top.value[0] if top.value else None

    def _node(self, event: Any, kind: type) -> Node | None:
        """Make the node that an event begins; None for an event that begins none."""
        node: Node
        if kind is ScalarEvent:
            if self._restored:
                event.value = self._restored(event.value, in_double_quotes=event.style == '"')
            node = ScalarNode(event.value, _tag_of(event), event.start_mark.line + 1)
        elif kind is MappingStartEvent:
            node = MappingNode(event.start_mark.line + 1, _tag_or(MAPPING, event))
        elif kind is SequenceStartEvent:
            node = SequenceNode(event.start_mark.line + 1, _tag_or(LIST, event))
        elif kind is AliasEvent:
            if event.anchor not in self._anchors:
                raise MarkedYAMLError(None, None, f'found undefined alias "{event.anchor}"', event.start_mark)
            return self._anchors[event.anchor]
        else:
            return None
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node


def _tag_or(own: str, event: Any) -> str:
    return own if event.tag in {None, "!"} else str(event.tag)


def _tag_of(event: ScalarEvent) -> str:
    text = event.value
    if event.tag is not None:
        return {"!": TEXT, f"{_TAG}int": NUMBER}.get(event.tag, event.tag)
    if not event.implicit[0]:  # in quotes
        return TEXT
    if text[:1] in _NUMBER_STARTS and _NUMBER.fullmatch(text):
        return NUMBER
    return _WORDS.get(text, TEXT)


def tag_problem(node: Node) -> str | None:
    """Say what is wrong with a tag that YAML's core schema does not have, or not for such a node; else None."""
    tag = node.tag
    if tag in _KNOWN_TAGS[type(node)] and (tag != NULL or _WORDS.get(name_of(node)) == NULL):
        return None
    shown = f"!!{tag.removeprefix(_TAG)}" if tag.startswith(_TAG) else tag
    remedy = "; put the value in quotes if text is meant" if isinstance(node, ScalarNode) else ""
    return f"has the tag {shown}, which means nothing here: leave it out{remedy}"


def name_of(key: Node) -> str:
    """Give the text of a key; empty if it is a list or a mapping."""
    return key.value if isinstance(key, ScalarNode) else ""


def in_one_line(*parts: str | None) -> str:
    """Join texts for a report of one line; spaces within a line stay, as they may be what is wrong."""
    return ", ".join(" ".join(filter(None, map(str.strip, part.splitlines()))) for part in parts if part)
