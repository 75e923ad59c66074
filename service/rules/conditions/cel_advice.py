"""Advice on expressions: comparisons of traits that are false in silence, where a trait is missing or of another kind.

An expression compares exactly, and what fails in it is false, `!=` included. An expression that compares a trait with a
literal has to say what holds where the trait is missing (`has()`), and of which kind it is (`double()`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from service.rules.conditions.cel_runtime import compile_expression
from service.rules.conditions.cel_tree import Tree, kind_of, parts_of
from service.rules.conditions.times import is_moment
from service.rules.fields.identifiers import quoted

_COMPARISONS: Final = frozenset({"_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_"})
_CONVERSIONS: Final = frozenset({"double", "int", "uint", "string", "timestamp", "duration", "bool"})
_NUMBERS: Final = ("int64_value", "uint64_value", "double_value")


@dataclass(slots=True)
class _Traits:
    """The traits of an expression, by key.

    Attributes:
        compared: those that are compared with a literal.
        as_numbers: those of them that are compared with a number, and not converted to one.
        as_times: those that `timestamp()` takes as they are.
        presence_asked: those of which the expression says what holds where they are missing.
        kind_asked: those whose kind or form it asks about.
        no_times: texts that `timestamp()` never reads.
    """

    compared: dict[str, None] = field(default_factory=dict)
    as_numbers: dict[str, None] = field(default_factory=dict)
    as_times: dict[str, None] = field(default_factory=dict)
    presence_asked: set[str] = field(default_factory=set)
    kind_asked: set[str] = field(default_factory=set)
    no_times: dict[str, None] = field(default_factory=dict)


def advice_on(text: str) -> list[str]:
    """Say what is false in silence in an expression, with the remedy; a sentence for each trait and fault.

    Args:
        text: an expression that compiles.
    """
    if "traits" not in text and "timestamp" not in text:
        return []
    found = _Traits()
    _look(compile_expression(text).tree(), found)
    advice = [
        f"False where the trait {quoted(key)} is missing, != included; say what holds then: put {_has(key)} && or "
        f"!{_has(key)} || before it"
        for key in found.compared
        if key not in found.presence_asked
    ]
    advice += [
        f'False where the trait {quoted(key)} is a number in a text, such as "5.0"; write double({_named(key)})'
        for key in found.as_numbers
        if key not in found.kind_asked
    ]
    advice += [
        f"False where the trait {quoted(key)} is a date without a time, which timestamp() does not read; a trait "
        "condition with TRAIT_OPERATOR_GREATER or the like reads both"
        for key in found.as_times
        if key not in found.kind_asked
    ]
    advice += [
        f"timestamp({quoted(each)}) is never a time; write it as 2026-01-31T00:00:00Z" for each in found.no_times
    ]
    return advice


def _has(key: str) -> str:
    return f"has({_named(key)})" if _is_name(key) else f"({_literal(key)} in contact.traits)"


def _named(key: str) -> str:
    return f"contact.traits.{key}" if _is_name(key) else f"contact.traits[{_literal(key)}]"


def _is_name(key: str) -> bool:
    return key.isidentifier() and key.isascii()


def _literal(key: str) -> str:
    return "'" + key.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _look(tree: Tree, found: _Traits) -> None:
    match kind_of(tree):
        case "select_expr" if tree.select_expr.test_only:
            if _is_traits(tree.select_expr.operand):
                found.presence_asked.add(tree.select_expr.field)
        case "call_expr":
            _look_at_call(tree, found)
    for part in parts_of(tree):
        _look(part, found)


def _look_at_call(tree: Tree, found: _Traits) -> None:
    call = tree.call_expr
    function, arguments = call.function, list(call.args)
    target = _key_of(call.target) if call.HasField("target") else None
    if target is not None:
        found.kind_asked.add(target)
    elif function == "@in" and _is_traits(arguments[1]):
        found.presence_asked.add(arguments[0].const_expr.string_value)
    elif function == "@in" and kind_of(arguments[1]) == "list_expr":
        for literal in arguments[1].list_expr.elements:
            _compare(arguments[0], literal, found)
    elif function in _COMPARISONS:
        _compare(arguments[0], arguments[1], found)
        _compare(arguments[1], arguments[0], found)
    elif function == "type" and (key := _key_of(arguments[0])) is not None:
        found.kind_asked.add(key)
    elif function == "timestamp":
        _look_at_time(arguments[0], found)


def _look_at_time(given: Tree, found: _Traits) -> None:
    key = _key_of(given)
    if key is not None:
        found.as_times[key] = None
    elif kind_of(given) == "const_expr" and given.const_expr.HasField("string_value"):
        text = given.const_expr.string_value
        if not is_moment(text):
            found.no_times[text] = None


def _compare(one: Tree, other: Tree, found: _Traits) -> None:
    """Note a trait, converted or not, that is compared with a literal."""
    key = _key_of(one)
    if key is not None and _is_literal(other):
        found.compared[key] = None
        if any(other.const_expr.HasField(number) for number in _NUMBERS):
            found.as_numbers[key] = None
    elif kind_of(one) == "call_expr" and one.call_expr.function in _CONVERSIONS and _is_literal(other):
        converted = _key_of(one.call_expr.args[0]) if one.call_expr.args else None
        if converted is not None:
            found.compared[converted] = None


def _is_literal(tree: Tree) -> bool:
    """Tell whether it is a literal, or a conversion of one, such as a time."""
    call = tree.call_expr if kind_of(tree) == "call_expr" else None
    if call is not None and call.function in _CONVERSIONS and len(call.args) == 1:
        return kind_of(call.args[0]) == "const_expr"
    return kind_of(tree) == "const_expr"


def _key_of(tree: Tree) -> str | None:
    """Return the key of `contact.traits.key` or `contact.traits['key']`; None for anything else."""
    match kind_of(tree):
        case "select_expr" if not tree.select_expr.test_only and _is_traits(tree.select_expr.operand):
            key: str = tree.select_expr.field
        case "call_expr" if tree.call_expr.function == "_[_]" and _is_traits(tree.call_expr.args[0]):
            key = tree.call_expr.args[1].const_expr.string_value
        case _:
            return None
    return key or None


def _is_traits(tree: Tree) -> bool:
    select = tree.select_expr
    return kind_of(tree) == "select_expr" and select.field == "traits" and select.operand.ident_expr.name == "contact"
