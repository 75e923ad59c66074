"""From a YAML node to a protobuf message, remembering the line of every field.

What is accepted is what protobuf's own JSON mapping accepts: lowerCamelCase or snake_case names, enum values by
full name, numbers also as numeric text. protobuf's parser stops at the first mistake and knows no lines, so this
reader walks the nodes itself, asks that parser about each single value, and collects every mistake.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final, TypeVar

from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message_factory import GetMessageClass
from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from service.rules import json_path
from service.yaml_text import line_of

if TYPE_CHECKING:
    from google.protobuf.message import Message

MessageT = TypeVar("MessageT", bound="Message")

MAX_DEPTH: Final = 64  # protobuf's parsers give up at 100; conditions need about 20
_TAG: Final = "tag:yaml.org,2002:"
_CONSTRUCTED: Final = (f"{_TAG}bool", f"{_TAG}int", f"{_TAG}float")
_SHOWN: Final = 40  # characters of a wrong value that a report repeats
_INTEGERS: Final = (FieldDescriptor.CPPTYPE_INT32, FieldDescriptor.CPPTYPE_INT64)
_LEFT_OUT: Final = object()


class YamlMessageReader:
    """Reads one node tree into one message.

    Attributes:
        problems: (path by names in JSON, line, description) of each mistake, in the order found.
        lines: the line, from 1, of each field path that the document has, such as "rules[3].condition.tag".
            A field's line is the line of its key, an element's line is where the element starts.
    """

    def __init__(self) -> None:
        self.problems: list[tuple[str, int, str]] = []
        self.lines: dict[str, int] = {"": 1}
        self._construct = YAML(typ="safe", pure=True).constructor.construct_object
        self._open: set[int] = set()

    def read(self, node: Node, message: MessageT) -> MessageT:
        """Fill `message` from `node`, leaving out what is wrong, and return it.

        An element of a list that is wrong keeps its place, so that later elements keep their index.
        """
        data = self._message(node, message.DESCRIPTOR, "")
        return json_format.ParseDict({} if data is _LEFT_OUT else data, message)

    def _wrong(self, path: str, node: Node, description: str, unknown: str = "") -> Any:
        """Note a mistake; `unknown` is the key of a field that `path` does not have."""
        shown = ".".join(part for part in (json_path(path), unknown) if part)
        self.problems.append((shown, line_of(node), description))
        return _LEFT_OUT

    def _message(self, node: Node, descriptor: Any, path: str) -> Any:
        """Read the node of a message into what protobuf's JSON parser takes; _LEFT_OUT if it is none."""
        if not isinstance(node, MappingNode):
            names = ", ".join(field.json_name for field in descriptor.fields)
            return self._wrong(path, node, f"must be a mapping with fields such as {names}, not {_shown(node)}")
        if id(node) in self._open:
            return self._wrong(path, node, "contains itself through an alias")
        if len(self._open) > MAX_DEPTH:
            return self._wrong(path, node, f"is nested more than {MAX_DEPTH} levels deep")
        self._open.add(id(node))
        data: dict[str, Any] = {}
        seen: dict[str, tuple[str, int]] = {}  # a field or a oneof -> the key that set it, and its line
        for key_node, value_node in node.value:
            field = self._field(key_node, descriptor, path)
            if field is None:
                continue
            field_path = f"{path}.{field.name}" if path else field.name
            self.lines.setdefault(field_path, line_of(key_node))
            if self._is_another(field, key_node, seen, field_path) or _is_null(value_node):
                continue  # JSON's null, and YAML's nothing, leave a field unset
            if self._is_beside(field, key_node, seen, field_path):
                continue
            value = (self._list if field.is_repeated else self._single)(value_node, field, field_path)
            if value is not _LEFT_OUT:
                data[field.json_name] = value
        self._open.remove(id(node))
        return data

    def _field(self, key_node: Node, descriptor: Any, path: str) -> FieldDescriptor | None:
        key = str(key_node.value) if isinstance(key_node, ScalarNode) else ""
        field: FieldDescriptor | None = descriptor.fields_by_camelcase_name.get(key) or descriptor.fields_by_name.get(
            key
        )
        if field is None:
            known = [field.json_name for field in descriptor.fields]
            close = get_close_matches(key, known, n=1)
            hint = f'did you mean "{close[0]}"?' if close else f"known are {', '.join(known)}"
            label = f'unknown field "{key}"' if key else "a field's name must be text"
            self._wrong(path, key_node, f"{label}; {hint}", key)
        return field

    def _is_another(self, field: FieldDescriptor, key: Node, seen: dict[str, tuple[str, int]], path: str) -> bool:
        """Whether the field was given before, under this or its other name."""
        if field.name in seen:
            self._wrong(path, key, f"is given twice; first in line {seen[field.name][1]}")
            return True
        seen[field.name] = (key.value, line_of(key))
        return False

    def _is_beside(self, field: FieldDescriptor, key: Node, seen: dict[str, tuple[str, int]], path: str) -> bool:
        """Whether another field of the same oneof was given before."""
        oneof = field.containing_oneof
        if oneof is None:
            return False
        other = seen.setdefault(f"oneof {oneof.name}", (key.value, line_of(key)))
        if other == seen[field.name]:
            return False
        names = ", ".join(member.json_name for member in oneof.fields)
        self._wrong(path, key, f'cannot stand beside "{other[0]}" in line {other[1]}; only one of {names} may be set')
        return True

    def _list(self, node: Node, field: FieldDescriptor, path: str) -> Any:
        if not isinstance(node, SequenceNode):
            return self._wrong(path, node, f'must be a list (lines that begin with "- "), not {_shown(node)}')
        values = []
        for index, item in enumerate(node.value):
            item_path = f"{path}[{index}]"
            self.lines[item_path] = line_of(item)
            value = self._single(item, field, item_path)
            values.append(_placeholder(item, field) if value is _LEFT_OUT else value)
        return values

    def _single(self, node: Node, field: FieldDescriptor, path: str) -> Any:
        if field.message_type is not None and field.message_type.full_name != "google.protobuf.Value":
            return self._message(node, field.message_type, path)
        owner: Any = field.containing_type
        try:
            value = self._plain(node)
            json_format.ParseDict({field.json_name: [value] if field.is_repeated else value}, GetMessageClass(owner)())
        except (json_format.ParseError, ValueError, OverflowError):
            return self._wrong(path, node, _expectation(field, node))
        return value

    def _plain(self, node: Node) -> Any:
        """Read a node into plain Python; dates and other YAML inventions stay the text that they were.

        Raises:
            ValueError: the node contains itself.
        """
        if isinstance(node, ScalarNode):
            if _is_null(node):
                return None
            return self._construct(node, deep=True) if node.tag in _CONSTRUCTED else node.value
        if id(node) in self._open:
            raise ValueError("contains itself")
        self._open.add(id(node))
        try:
            if isinstance(node, SequenceNode):
                return [self._plain(item) for item in node.value]
            return {str(self._plain(key)): self._plain(value) for key, value in node.value}
        finally:
            self._open.remove(id(node))


def _is_null(node: Node) -> bool:
    return isinstance(node, ScalarNode) and node.tag == f"{_TAG}null"


def _placeholder(node: Node, field: FieldDescriptor) -> Any:
    """Something harmless in the place of a wrong element."""
    if field.message_type is not None:
        return 0 if field.message_type.full_name == "google.protobuf.Value" else {}
    return str(node.value) if isinstance(node, ScalarNode) else ""


def _shown(node: Node) -> str:
    """Name a wrong value in a report."""
    if isinstance(node, MappingNode):
        return "a mapping"
    if isinstance(node, SequenceNode):
        return "a list"
    if _is_null(node):
        return "nothing"
    text = str(node.value)
    return f'"{text}"' if len(text) <= _SHOWN else f'"{text[:_SHOWN]}..."'


def _expectation(field: FieldDescriptor, node: Node) -> str:
    """Say what a field takes, given that the node is not it."""
    shown = _shown(node)
    if field.enum_type is not None:
        names = [value.name for value in field.enum_type.values if value.number]
        text = str(node.value).upper() if isinstance(node, ScalarNode) else ""
        close = [name for name in names if text and name.endswith(f"_{text}")] or get_close_matches(text, names, n=1)
        hint = f"did you mean {close[0]}?" if close else f"must be one of {', '.join(names)}"
        return f"unknown value {shown}; {hint}"
    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        quotable = isinstance(node, ScalarNode) and not _is_null(node)
        return f"must be text; put {node.value} in quotes" if quotable else f"must be text, not {shown}"
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return f"must be true or false, not {shown}"
    if field.cpp_type in _INTEGERS:
        return f"must be a whole number of at most 2147483647, not {shown}"
    return f"is not a value that can be stored: {shown}"
