"""From a YAML node to a protobuf message, remembering the line of every field.

What is accepted is what protobuf's own JSON mapping accepts: lowerCamelCase or snake_case names, enum values by
full name, numbers also as numeric text. protobuf's parser stops at the first mistake and knows no lines, so this
reader walks the nodes itself, asks that parser about each single value, and collects every mistake.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from functools import cache
from typing import TYPE_CHECKING, Any, Final, TypeVar

from evenhand.v1.rules_pb2 import Condition
from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.struct_pb2 import Value

from service.cli.yaml_numbers import faithful, is_faithful, kept_as, refusal
from service.rules import json_path, quoted
from service.yaml_text import (
    ASIDE,
    BOOL,
    MERGE_KEY,
    NO_MERGING,
    NULL,
    NUMBER,
    MappingNode,
    ScalarNode,
    SequenceNode,
    name_of,
    tag_problem,
)

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from service.yaml_text import Node

MessageT = TypeVar("MessageT", bound="Message")

MAX_DEPTH: Final = 64  # protobuf's parsers give up at 100; conditions need about 20
_COUNT: Final = re.compile("-?[0-9]{1,10}")
_NO_TEXTS: Final = frozenset({NULL, BOOL, NUMBER})
_LEFT_OUT: Final = object()


class YamlMessageReader:
    """Reads one node tree into one message.

    Attributes:
        problems: (path by names in JSON, line, description) of each mistake, in the order found.
        lines: the line, from 1, of each field path that the document has, such as "rules[3].condition.tag".
            A field's line is the line of its key, an element's line is where the element starts.
        incomplete: the paths of what was to take fields from elsewhere, and so lacks them.
    """

    def __init__(self) -> None:
        self.problems: list[tuple[str, int, str]] = []
        self.lines: dict[str, int] = {"": 1}
        self.incomplete: set[str] = set()
        self._open: set[int] = set()

    def read(self, node: Node, message: MessageT) -> MessageT:
        """Fill `message` from `node`, leaving out what is wrong, and return it.

        An element of a list that is wrong keeps its place, so that later elements keep their index.
        """
        self._message(node, message, "")
        return message

    def _wrong(self, path: str, node: Node, description: str, unknown: str = "") -> Any:
        """Note a mistake; `unknown` is the key of a field that `path` does not have."""
        shown = ".".join(part for part in (json_path(path), unknown) if part)
        self.problems.append((shown, node.line, description))
        return _LEFT_OUT

    def _fill(self, node: Node, message: Message, path: str) -> None:
        if isinstance(message, Value):
            self._value(node, message, path)
        else:
            self._message(node, message, path)

    def _message(self, node: Node, message: Message, path: str) -> None:
        """Fill a message from its node; it is set where the node is one, even if with nothing."""
        if not isinstance(node, MappingNode):
            names = ", ".join(field.json_name for field in message.DESCRIPTOR.fields)
            self._wrong(path, node, f"must be a mapping with fields such as {names}, not {_shown(node)}")
            return
        if id(node) in self._open:
            self._wrong(path, node, "contains itself through an alias")
            return
        if len(self._open) > MAX_DEPTH:
            self._wrong(path, node, f"is nested more than {MAX_DEPTH} levels deep")
            return
        self._open.add(id(node))
        message.SetInParent()
        seen: dict[str, tuple[str, int]] = {}  # a field or a oneof -> the key that set it, and its line
        for key_node, value_node in node.value:
            if not path and name_of(key_node).startswith(ASIDE):
                continue
            field = self._field(key_node, message.DESCRIPTOR, path)
            if field is None:
                continue
            field_path = f"{path}.{field.name}" if path else field.name
            self.lines.setdefault(field_path, key_node.line)
            if self._is_another(field, key_node, seen, field_path) or self._has_wrong_tag(value_node, field_path):
                continue
            if _is_null(value_node):  # JSON's null, and YAML's nothing, leave a field unset
                self._set_to_nothing(message, field)
                continue
            if self._is_beside(field, key_node, seen, field_path):
                continue
            self._set(message, field, value_node, field_path)
        self._open.remove(id(node))

    def _set(self, message: Message, field: FieldDescriptor, node: Node, path: str) -> None:
        if field.is_repeated:
            self._list(node, field, getattr(message, field.name), path)
        elif field.message_type is not None:
            self._fill(node, getattr(message, field.name), path)
        else:
            value = self._single(node, field, path)
            if value is not _LEFT_OUT:
                setattr(message, field.name, value)

    def _set_to_nothing(self, message: Message, field: FieldDescriptor) -> None:
        """Leave a field unset, but for a condition: one that is begun and not written is probably forgotten.

        An empty one means the same, and is warned of.
        """
        if field.message_type is Condition.DESCRIPTOR and not field.is_repeated:
            getattr(message, field.name).SetInParent()

    def _field(self, key_node: Node, descriptor: Any, path: str) -> FieldDescriptor | None:
        key = name_of(key_node)
        field = _fields_of(descriptor).get(key)
        if key == MERGE_KEY:
            self.incomplete.add(path)
            self._wrong(path, key_node, NO_MERGING, key)
        elif field is None:
            known = [field.json_name for field in descriptor.fields]
            close = get_close_matches(key, known, n=1)
            hint = f'did you mean "{close[0]}"?' if close else f"known are {', '.join(known)}"
            label = f"unknown field {quoted(key)}" if key else "a field's name must be text"
            self._wrong(path, key_node, f"{label}; {hint}", key)
        return field

    def _has_wrong_tag(self, node: Node, path: str) -> bool:
        """Whether a node says that it is what only some programs know."""
        problem = tag_problem(node)
        if problem is not None:
            self._wrong(path, node, problem)
        return problem is not None

    def _is_another(self, field: FieldDescriptor, key: Node, seen: dict[str, tuple[str, int]], path: str) -> bool:
        """Whether the field was given before, under this or its other name."""
        if field.name in seen:
            self._wrong(path, key, f"is given twice; first in line {seen[field.name][1]}")
            return True
        seen[field.name] = (name_of(key), key.line)
        return False

    def _is_beside(self, field: FieldDescriptor, key: Node, seen: dict[str, tuple[str, int]], path: str) -> bool:
        """Whether another field of the same oneof was given before."""
        oneof = field.containing_oneof
        if oneof is None:
            return False
        other = seen.setdefault(f"oneof {oneof.name}", (name_of(key), key.line))
        if other == seen[field.name]:
            return False
        names = ", ".join(member.json_name for member in oneof.fields)
        self._wrong(path, key, f'cannot stand beside "{other[0]}" in line {other[1]}; only one of {names} may be set')
        return True

    def _list(self, node: Node, field: FieldDescriptor, elements: Any, path: str) -> None:
        """Append to the elements of a repeated field."""
        if not isinstance(node, SequenceNode):
            self._wrong(path, node, f'must be a list (lines that begin with "- "), not {_shown(node)}')
            return
        for index, item in enumerate(node.value):
            item_path = f"{path}[{index}]"
            self.lines[item_path] = item.line
            if self._has_wrong_tag(item, item_path):
                _keep_place(item, field, elements)
                continue
            if field.message_type is not None:
                self._fill(item, elements.add(), item_path)
                continue
            value = self._single(item, field, item_path)
            if value is _LEFT_OUT:
                _keep_place(item, field, elements)
            else:
                elements.append(value)

    def _single(self, node: Node, field: FieldDescriptor, path: str) -> Any:
        """Read what is no message; _LEFT_OUT if it is wrong."""
        if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
            if isinstance(node, ScalarNode) and node.tag not in _NO_TEXTS:
                return node.value
            return self._wrong(path, node, _expectation(field, node))
        owner: Any = field.containing_type
        message = GetMessageClass(owner)()
        try:
            value = self._plain(node)
            json_format.ParseDict({field.json_name: [value] if field.is_repeated else value}, message)
        except (json_format.ParseError, ValueError):
            return self._wrong(path, node, _expectation(field, node))
        read = getattr(message, field.name)
        return read[0] if field.is_repeated else read

    def _value(self, node: Node, value: Value, path: str) -> None:
        """Fill a value that may be of any kind; one that is wrong becomes a number, which is right anywhere."""
        if isinstance(node, ScalarNode) and node.tag not in _NO_TEXTS:
            value.string_value = node.value
            return
        try:
            json_format.ParseDict(self._plain(node), value)
        except (json_format.ParseError, ValueError):
            value.number_value = 0
            self._wrong(path, node, _value_expectation(node))

    def _plain(self, node: Node) -> Any:
        """Read a node into plain Python; dates and other YAML inventions stay the text that they were.

        Raises:
            ValueError: the node contains itself, is nested too deeply, or is not what its tag says.
        """
        if isinstance(node, ScalarNode):
            return _plain_scalar(node)
        if id(node) in self._open or len(self._open) > MAX_DEPTH:
            raise ValueError("contains itself, or too much")
        self._open.add(id(node))
        try:
            if isinstance(node, SequenceNode):
                return [self._plain(item) for item in node.value]
            return {name_of(key): self._plain(value) for key, value in node.value}
        finally:
            self._open.remove(id(node))


@cache
def _fields_of(descriptor: Any) -> dict[str, FieldDescriptor]:
    """Give a message's fields by both of their names."""
    fields = descriptor.fields
    return {field.name: field for field in fields} | {field.json_name: field for field in fields}


def _plain_scalar(node: ScalarNode) -> str | float | bool | None:
    if node.tag == BOOL:
        return bool(("false", "true").index(node.value.lower()))
    if node.tag == NUMBER:
        return faithful(node.value)
    return None if node.tag == NULL else node.value


def _is_null(node: Node) -> bool:
    return isinstance(node, ScalarNode) and node.tag == NULL


def _keep_place(node: Node, field: FieldDescriptor, elements: Any) -> None:
    """Put something harmless in the place of a wrong element."""
    if field.message_type is None:
        elements.append(name_of(node) if field.cpp_type == FieldDescriptor.CPPTYPE_STRING else 0)
        return
    element = elements.add()
    if isinstance(element, Value):
        element.number_value = 0


def _shown(node: Node) -> str:
    """Name a wrong value in a report."""
    if isinstance(node, MappingNode):
        return "a mapping"
    if isinstance(node, SequenceNode):
        return "a list"
    return "nothing" if node.tag == NULL else quoted(node.value)


def _expectation(field: FieldDescriptor, node: Node) -> str:
    """Say what a field takes, given that the node is not it."""
    shown = _shown(node)
    if field.enum_type is not None:
        names = [value.name for value in field.enum_type.values if value.number]
        text = name_of(node).upper()
        close = [name for name in names if text and name.endswith(f"_{text}")] or get_close_matches(text, names, n=1)
        hint = f"did you mean {close[0]}?" if close else f"must be one of {', '.join(names)}"
        return f"unknown value {shown}; {hint}"
    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        quotable = isinstance(node, ScalarNode) and not _is_null(node)
        return f"must be text; put {node.value} in quotes" if quotable else f"must be text, not {shown}"
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return f"must be true or false, not {shown}"
    kept = kept_as(name_of(node))
    hint = f"; write {kept}" if kept and _COUNT.fullmatch(kept) and not is_faithful(name_of(node)) else ""
    return f"must be a whole number of at most 2147483647, not {shown}{hint}"


def _value_expectation(node: Node) -> str:
    """Say what a value may be, given that the node is none."""
    if isinstance(node, ScalarNode) and node.tag == NUMBER:
        return refusal(node.value)
    return f"is not a value that can be stored: {_shown(node)}"
