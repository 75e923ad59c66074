"""How the values of traits compare: design.md, section 2, "Conditions".

Text compares folded (no case, no surrounding space), a numeric text as its number, and what does not compare is false.
Nothing here raises, whatever the value.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from google.protobuf.struct_pb2 import Value

_NUMERIC = re.compile(r"(?P<whole>[+-]?[0-9]+)(?P<rest>(\.[0-9]+)?([eE][+-]?[0-9]+)?)")
# Python refuses to read longer whole numbers (sys.int_info.default_max_str_digits is 4300); values end at 4 KiB anyway.
_MAX_WHOLE_DIGITS = 4_097
# Above this a float has no digits to spare, and its short form (1e+22) says more than zeros.
_LARGEST_PLAIN_NUMBER = 1e21


class Kind(Enum):
    """What a value is, as far as comparing goes."""

    TEXT = auto()
    NUMBER = auto()
    BOOLEAN = auto()
    LIST = auto()
    OTHER = auto()


@dataclass(frozen=True, slots=True)
class Operand:
    """A value made ready to be compared.

    Attributes:
        kind: What it is.
        text: Folded text of a text, a number or a boolean; empty for others.
        number: The number of a number or of a numeric text.
        whole: The exact number of a whole numeric text; long ids differ in digits that a float does not hold.
        items: The elements of a list. Lists within a list are OTHER.
    """

    kind: Kind
    text: str = ""
    number: float | None = None
    whole: int | None = None
    items: tuple[Operand, ...] = ()


_TRUE = Operand(Kind.BOOLEAN, "true")
_FALSE = Operand(Kind.BOOLEAN, "false")
_OTHER = Operand(Kind.OTHER)


def fold(text: str) -> str:
    """The form in which texts compare."""
    return text.strip().casefold()


def number_text(number: float) -> str:
    """A number as people write it: 5000 rather than 5000.0."""
    if abs(number) < _LARGEST_PLAIN_NUMBER and number.is_integer():
        return str(int(number))
    return repr(number)


def operand_of(value: Value) -> Operand | None:
    """Makes a value ready to be compared; None for null, which is as good as missing."""
    if value.WhichOneof("kind") == "list_value":
        items = (_scalar(item) for item in value.list_value.values)
        return Operand(Kind.LIST, items=tuple(item for item in items if item is not None))
    return _scalar(value)


def _scalar(value: Value) -> Operand | None:
    match value.WhichOneof("kind"):
        case "string_value":
            return _text(fold(value.string_value))
        case "number_value":
            number = value.number_value
            return Operand(Kind.NUMBER, number_text(number).casefold(), number)
        case "bool_value":
            return _TRUE if value.bool_value else _FALSE
        case "list_value" | "struct_value":
            return _OTHER
        case _:
            return None


def _text(text: str) -> Operand:
    numeric = _NUMERIC.fullmatch(text)
    if numeric is None:
        return Operand(Kind.TEXT, text)
    exact = not numeric["rest"] and len(text) <= _MAX_WHOLE_DIGITS
    return Operand(Kind.TEXT, text, float(text), int(text) if exact else None)


def compare(left: Operand, right: Operand) -> int | None:
    """Orders two operands.

    Returns:
        -1, 0 or 1 as `left` is less than, equal to or greater than `right`; None if they do not compare.
    """
    a: float | str
    b: float | str
    if left.whole is not None and right.whole is not None:
        a, b = left.whole, right.whole
    elif left.number is not None and right.number is not None:
        a, b = left.number, right.number
    elif left.kind is Kind.TEXT and right.kind is Kind.TEXT:
        a, b = left.text, right.text
    else:
        return None
    if a == b:
        return 0
    if a < b:  # type: ignore[operator]  # both numbers or both texts
        return -1
    return 1 if a > b else None  # type: ignore[operator]  # NaN is neither


def equal(left: Operand, right: Operand) -> bool:
    """Whether two operands are the same; a boolean also equals its name as a text."""
    if left.number is None and right.number is None:
        return left.text == right.text and _is_scalar(left) and _is_scalar(right)
    return compare(left, right) == 0


def contains(trait: Operand, value: Operand) -> bool:
    """Whether a list has the value among its elements, or a text (or a number's digits) contains the value's text."""
    if trait.kind is Kind.LIST:
        return any(equal(item, value) for item in trait.items)
    return _has_characters(trait) and _has_characters(value) and value.text in trait.text


def starts_with(trait: Operand, value: Operand) -> bool:
    """Whether a text (or a number's digits) starts with the value's text."""
    return _has_characters(trait) and _has_characters(value) and trait.text.startswith(value.text)


def _is_scalar(operand: Operand) -> bool:
    return operand.kind is not Kind.LIST and operand.kind is not Kind.OTHER


def _has_characters(operand: Operand) -> bool:
    return operand.kind is Kind.TEXT or operand.kind is Kind.NUMBER
