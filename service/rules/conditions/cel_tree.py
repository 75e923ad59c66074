"""The checked form of an expression, read: the fields of `cel.expr.CheckedExpr` that its cost and advice depend on.

The library writes that message, but brings no classes for it. So they are made here, of the fields that are of use, by
the numbers that `cel/expr/checked.proto` and `cel/expr/syntax.proto` of the language's specification fix for ever.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from google.protobuf.any_pb2 import Any as Wrapped
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

if TYPE_CHECKING:
    from collections.abc import Iterator

Tree: TypeAlias = Any
"""A `cel.expr.Expr`."""

_PACKAGE: Final = "evenhand.expression"
# Message by message: the fields by name, each with its number and type; a name in capitals is a message's.
_MESSAGES: Final[dict[str, dict[str, tuple[int, str]]]] = {
    "Constant": {
        "bool_value": (2, "bool"),
        "int64_value": (3, "int64"),
        "uint64_value": (4, "uint64"),
        "double_value": (5, "double"),
        "string_value": (6, "string"),
        "bytes_value": (7, "bytes"),
    },
    "Ident": {"name": (1, "string")},
    "Select": {"operand": (1, "Expr"), "field": (2, "string"), "test_only": (3, "bool")},
    "Call": {"target": (1, "Expr"), "function": (2, "string"), "args": (3, "Expr*")},
    "List": {"elements": (1, "Expr*")},
    "Entry": {"map_key": (3, "Expr"), "value": (4, "Expr")},
    "Struct": {"message_name": (1, "string"), "entries": (2, "Entry*")},
    "Loop": {
        "iter_var": (1, "string"),
        "iter_range": (2, "Expr"),
        "accu_var": (3, "string"),
        "accu_init": (4, "Expr"),
        "loop_condition": (5, "Expr"),
        "loop_step": (6, "Expr"),
        "result": (7, "Expr"),
    },
    "Expr": {
        "id": (2, "int64"),
        "const_expr": (3, "Constant"),
        "ident_expr": (4, "Ident"),
        "select_expr": (5, "Select"),
        "call_expr": (6, "Call"),
        "list_expr": (7, "List"),
        "struct_expr": (8, "Struct"),
        "comprehension_expr": (9, "Loop"),
    },
    # A map is a list of entries on the wire.
    "Position": {"key": (1, "int64"), "value": (2, "int32")},
    "Source": {"positions": (4, "Position*")},
    "Checked": {"expr": (4, "Expr"), "source_info": (5, "Source")},
}
_KIND: Final = "kind"

LEAVES: Final = frozenset({"const_expr", "ident_expr"})
"""Kinds of trees that are made of no others."""


def read_tree(form: bytes) -> tuple[Tree, dict[int, int]]:
    """Read an expression in its checked form.

    Returns:
        The tree, and the offset in the text, in characters, of each of its parts by id.

    Raises:
        RecursionError: it is nested too deeply to be read.
    """
    try:
        checked: Any = _checked_class().FromString(Wrapped.FromString(form).value)
    except DecodeError as error:
        raise RecursionError from error
    return checked.expr, {each.key: each.value for each in checked.source_info.positions}


def kind_of(tree: Tree) -> str:
    """Tell which of its kinds a tree is; no text for nothing."""
    return tree.WhichOneof(_KIND) or ""


def parts_of(tree: Tree) -> Iterator[Tree]:
    """Yield the trees that a tree is made of, in their order."""
    match kind_of(tree):
        case "select_expr":
            yield tree.select_expr.operand
        case "call_expr":
            if tree.call_expr.HasField("target"):
                yield tree.call_expr.target
            yield from tree.call_expr.args
        case "list_expr":
            yield from tree.list_expr.elements
        case "struct_expr":
            for entry in tree.struct_expr.entries:
                yield from (entry.map_key, entry.value)
        case "comprehension_expr":
            loop = tree.comprehension_expr
            yield from (loop.iter_range, loop.accu_init, loop.loop_condition, loop.loop_step, loop.result)


@cache
def _checked_class() -> type[Message]:
    file = FileDescriptorProto(name="evenhand/expression.proto", package=_PACKAGE, syntax="proto2")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        if name == "Expr":
            message.oneof_decl.add(name=_KIND)
        for field, (number, kind) in fields.items():
            single = kind.removesuffix("*")
            label = FieldDescriptorProto.LABEL_OPTIONAL if single == kind else FieldDescriptorProto.LABEL_REPEATED
            made = message.field.add(name=field, number=number, label=label)
            if name == "Expr" and field != "id":
                made.oneof_index = 0
            if single in _MESSAGES:
                made.type, made.type_name = FieldDescriptorProto.TYPE_MESSAGE, f".{_PACKAGE}.{single}"
            else:
                made.type = FieldDescriptorProto.Type.Value(f"TYPE_{single.upper()}")
    pool = DescriptorPool()
    pool.Add(file)
    return GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.Checked"))
