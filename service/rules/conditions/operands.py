"""Operands: how the values of traits compare (deploy/adr/0006, "Conditions").

Text compares folded, a numeric text as its number, and what does not compare is false.
Nothing here raises, whatever the value.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from service.rules.conditions.folding import fold

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.protobuf.struct_pb2 import Value

Key: TypeAlias = str | float
"""What values are equal by: a folded text or a number."""

PreparedValue: TypeAlias = str | float | bool | None
"""A value of a prepared condition, of which texts are folded; None for what no trait compares with."""

_NUMERIC = re.compile(r"[+-]?[0-9]+(?P<rest>(\.[0-9]+)?([eE][+-]?[0-9]+)?)")
_NUMERIC_STARTS = frozenset("+-0123456789")
# Python refuses to read longer whole numbers (sys.int_info.default_max_str_digits is 4300); values end at 4 KiB anyway.
_MAX_WHOLE_DIGITS = 4_097
# Every whole number below this is exact as a float, and different from any number from here on.
_FIRST_INEXACT = 2.0**53
# Above this a float has no digits to spare, and its short form (1e+22) says more than zeros.
_LARGEST_PLAIN_NUMBER = 1e21


class Operand:
    """A value made ready to be compared; never changed afterwards.

    Attributes:
        key: the text or number that it is equal by; None for a list, an object and a missing value, which equal
            nothing. Unlike keys are unlike values, and like keys are like values unless both have a `whole` that says
            otherwise.
        number: the number of a number or of a numeric text.
        whole: the exact number of a whole numeric text that is too large to be exact as a float (long ids).
        text: the folded text of a text; None for others.
        items: the elements of a list, without nulls and with lists within it equal to nothing; None for others.
    """

    __slots__ = ("items", "key", "number", "text", "whole")

    # A plain class: this is made for each trait that is asked about, and a frozen dataclass takes four times as long.
    def __init__(
        self,
        key: Key | None,
        number: float | None = None,
        whole: int | None = None,
        text: str | None = None,
        items: tuple[Operand, ...] | None = None,
    ) -> None:
        self.key = key
        self.number = number
        self.whole = whole
        self.text = text
        self.items = items


MISSING: Final = Operand(None)
"""No value, or null. Equals nothing and compares with nothing."""

_TRUE = Operand("true")
_FALSE = Operand("false")
_OBJECT = Operand(None)


def number_text(number: float) -> str:
    """Write a number as people do: 5000 rather than 5000.0."""
    if abs(number) < _LARGEST_PLAIN_NUMBER and number.is_integer():
        return str(int(number))
    return repr(number)


def operand_of(value: Value) -> Operand:
    """Make a value ready to be compared; MISSING for null."""
    # Most values are texts, and what is not empty needs no question what it is.
    text = value.string_value
    if text:
        return _text(fold(text))
    kind = value.WhichOneof("kind")
    if kind == "string_value":
        return _text(text)
    if kind == "number_value":
        number = value.number_value
        return Operand(number, number)
    if kind == "bool_value":
        return _TRUE if value.bool_value else _FALSE
    if kind == "list_value":
        items = map(_item, value.list_value.values)
        return Operand(None, items=tuple(item for item in items if item is not MISSING))
    return _OBJECT if kind == "struct_value" else MISSING


def operand_of_prepared(value: PreparedValue) -> Operand:
    """Make a value of a prepared condition ready to be compared."""
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, bool):
        return _TRUE if value else _FALSE
    return MISSING if value is None else Operand(value, value)


def _item(value: Value) -> Operand:
    return _OBJECT if value.WhichOneof("kind") == "list_value" else operand_of(value)


def _text(text: str) -> Operand:
    # Few texts are numeric, and a look at the first character spares the others the pattern.
    numeric = _NUMERIC.fullmatch(text) if text[:1] in _NUMERIC_STARTS else None
    if numeric is None:
        return Operand(text, None, None, text)
    number = float(text)
    whole = abs(number) >= _FIRST_INEXACT and not numeric["rest"] and len(text) <= _MAX_WHOLE_DIGITS
    return Operand(number, number, int(text) if whole else None, text)


def equal(left: Operand, right: Operand) -> bool:
    """Tell whether two operands are the same; a boolean also equals its name as a text."""
    if left.key is None or left.key != right.key:
        return False
    return left.whole is None or right.whole is None or left.whole == right.whole


def ordered(left: Operand, right: Operand, test: Callable[[Any, Any], bool]) -> bool:
    """Tell whether a test (`operator.lt` or the like) holds between two numbers or two texts; false for other pairs."""
    if left.number is not None and right.number is not None:
        if left.whole is not None and right.whole is not None:
            return test(left.whole, right.whole)
        return test(left.number, right.number)
    return left.text is not None and right.text is not None and test(left.text, right.text)


def contains(trait: Operand, value: Operand) -> bool:
    """Tell whether a list has the value among its elements, or a text (or a number's digits) the value's text in it."""
    if trait.items is not None:
        return any(equal(item, value) for item in trait.items)
    whole, part = characters(trait), characters(value)
    return whole is not None and part is not None and part in whole


def characters(operand: Operand) -> str | None:
    """Return a text as it is, or a number's digits; None for others."""
    if operand.text is not None or operand.number is None:
        return operand.text
    return number_text(operand.number)
