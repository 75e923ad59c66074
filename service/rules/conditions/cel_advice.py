"""Advice on expressions: parts that fail in silence, where a trait is missing or of another kind.

An expression compares exactly, and what fails in it is false, `!=` included. An expression that compares a trait has to
say what holds where the trait is missing (`has()`), and of which kind it is (`double()`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from service.rules.conditions.cel_presence import COMPARISONS, key_of, root_key_of, unguarded_traits
from service.rules.conditions.cel_runtime import compile_expression
from service.rules.conditions.cel_tree import LEAVES, Tree, kind_of, parts_of
from service.rules.conditions.times import is_moment
from service.rules.fields.identifiers import quoted

_CONVERSIONS: Final = frozenset({"double", "int", "uint", "string", "timestamp", "duration", "bool"})
_WHOLE_NUMBERS: Final = ("int64_value", "uint64_value")
_NUMBERS: Final = (*_WHOLE_NUMBERS, "double_value")
_ARITHMETIC: Final = {"_+_": "+", "_-_": "-", "_*_": "*", "_/_": "/", "_%_": "%"}


@dataclass(slots=True)
class _Traits:
    """The traits of an expression, by key.

    Attributes:
        as_numbers: those that are compared with a number, and not converted to one.
        as_whole_numbers: those that are converted to a whole number, and by what.
        as_times: those that `timestamp()` takes as they are.
        kind_asked: those whose kind or form it asks about.
        no_times: texts that `timestamp()` never reads.
        no_arithmetic: what is calculated with a whole number, which never succeeds, and the remedy for each.
    """

    as_numbers: dict[str, None] = field(default_factory=dict)
    as_whole_numbers: dict[str, str] = field(default_factory=dict)
    as_times: dict[str, None] = field(default_factory=dict)
    kind_asked: set[str] = field(default_factory=set)
    no_times: dict[str, None] = field(default_factory=dict)
    no_arithmetic: dict[str, str] = field(default_factory=dict)


def advice_on(text: str) -> list[str]:
    """Say what fails in silence in an expression, with the remedy; a sentence for each trait and fault.

    Args:
        text: an expression that compiles.
    """
    if "traits" not in text and "timestamp" not in text:
        return []
    tree = compile_expression(text).tree()
    found = _Traits()
    _look(tree, found)
    advice = [
        f"Where the trait {quoted(key)} is missing, what asks for it fails, != and ! included, so the expression is "
        f"false unless another part decides; say what holds then: put {_has(key)} && or !{_has(key)} || before it"
        for key in unguarded_traits(tree)
    ]
    advice += [
        f'Where the trait {quoted(key)} is a number in a text, such as "5.0", it equals no number, so that == and in '
        f"do not hold, != does, and < and the like fail; write double({_named(key)})"
        for key in found.as_numbers
        if key not in found.kind_asked
    ]
    advice += [
        f'{function}() fails where the trait {quoted(key)} is a text with decimals, such as "5.0"; write '
        f"{function}(double({_named(key)}))"
        for key, function in found.as_whole_numbers.items()
        if key not in found.kind_asked
    ]
    advice += [
        f"{calculated} fails for every number, since numbers in traits are not whole ones; write {remedy}"
        for calculated, remedy in found.no_arithmetic.items()
    ]
    advice += [
        f"timestamp() fails where the trait {quoted(key)} is a date without a time; a trait condition with "
        "TRAIT_OPERATOR_GREATER or the like reads both"
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
    kind = kind_of(tree)
    if kind == "call_expr":
        _look_at_call(tree, found)
    if kind not in LEAVES:
        for part in parts_of(tree):
            _look(part, found)


def _look_at_call(tree: Tree, found: _Traits) -> None:
    call = tree.call_expr
    function, arguments = call.function, list(call.args)
    target = key_of(call.target) if call.HasField("target") else None
    if target is not None:
        found.kind_asked.add(target)
    elif function == "@in" and kind_of(arguments[1]) == "list_expr":
        for literal in arguments[1].list_expr.elements:
            _compare(arguments[0], literal, found)
    elif function in COMPARISONS:
        _compare(arguments[0], arguments[1], found)
        _compare(arguments[1], arguments[0], found)
    elif function in _ARITHMETIC:
        _calculate(_ARITHMETIC[function], arguments[0], arguments[1], found)
    elif function == "timestamp":
        _look_at_time(arguments[0], found)
    elif arguments and (key := key_of(arguments[0])) is not None:
        if function == "type":
            found.kind_asked.add(key)
        elif function in {"int", "uint"}:
            found.as_whole_numbers[key] = function


def _look_at_time(given: Tree, found: _Traits) -> None:
    key = key_of(given)
    if key is not None:
        found.as_times[key] = None
    elif kind_of(given) == "const_expr" and given.const_expr.HasField("string_value"):
        text = given.const_expr.string_value
        if not is_moment(text):
            found.no_times[text] = None


def _compare(one: Tree, other: Tree, found: _Traits) -> None:
    """Note a trait that is compared with a number."""
    key = key_of(one)
    if key is not None and any(other.const_expr.HasField(number) for number in _NUMBERS):
        found.as_numbers[key] = None


def _calculate(sign: str, one: Tree, other: Tree, found: _Traits) -> None:
    """Note a trait that is calculated with a whole number: it is a double, and the two do not mix."""
    for trait, number in ((one, other), (other, one)):
        key = root_key_of(trait)
        whole = next((name for name in _WHOLE_NUMBERS if number.const_expr.HasField(name)), None)
        if key is None or whole is None:
            continue
        written = getattr(number.const_expr, whole)
        name = _named(key) if key_of(trait) is not None else "..."
        remedy = (f"int(double({name}))", f"{written}") if sign == "%" else (name, f"{written}.0")
        turned = trait is other
        said = [f" {sign} ".join(parts[::-1] if turned else parts) for parts in ((name, f"{written}"), remedy)]
        found.no_arithmetic[said[0]] = said[1]
