"""Values of a trait condition: which an operator takes, and how it reads them. What a rule writes decides the kind."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Final, TypeAlias, TypeGuard

from service.rules.conditions.amounts import amount_of
from service.rules.conditions.folding import fold
from service.rules.conditions.operands import NAMES
from service.rules.conditions.times import time_of
from service.rules.fields.identifiers import quoted
from service.rules.fields.limits import MAX_EXACT_NUMBER, MAX_VALUE_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.protobuf.struct_pb2 import Value

_READ_IN_FULL: Final = 1e21  # beyond this a number is told in short

Wanted: TypeAlias = str | float | bool | dict[str, int] | None
"""A value as it is stored: a folded text, a number, a moment as `{"time": microseconds}`; None: nothing meets it."""

TIME: Final = "time"


@dataclass(frozen=True, slots=True)
class Reading:
    """How an operator reads a value of its condition.

    Attributes:
        read: make it ready to be stored. Rules of an older version may have values that are refused today; nothing
            meets those.
        problem: say what is wrong with a text, number or boolean, which is no longer than allowed; None if nothing is.
    """

    read: Callable[[Value], Wanted]
    problem: Callable[[Value], str | None]


def value_problem(value: Value, reading: Reading) -> str | None:
    """Say what is wrong with a value; None if nothing is."""
    match value.WhichOneof("kind"):
        case "list_value":
            problem = "is a list; give a text, a number, true or false, one value each"
        case "struct_value":
            problem = "is an object; give a text, a number, true or false"
        case None | "null_value":
            problem = "is null; give a text, a number, true or false, or test with TRAIT_OPERATOR_NOT_EXISTS"
        case "number_value" if not isfinite(value.number_value):
            problem = f"is {value.number_value}, which no trait compares with; give a number"
        case "number_value" if abs(value.number_value) > MAX_EXACT_NUMBER:
            number = (
                f"{value.number_value:.0f}" if abs(value.number_value) < _READ_IN_FULL else f"{value.number_value:g}"
            )
            problem = (
                f"is {number}, which may not be the number that was meant: beyond 2^53 some are lost; give it as text"
            )
        case "string_value" if len(value.string_value.encode()) > MAX_VALUE_BYTES:
            size = len(value.string_value.encode())
            problem = f"{quoted(value.string_value)} takes {size} bytes; at most {MAX_VALUE_BYTES} are allowed"
        case _:
            return reading.problem(value)
    return problem


def is_number(value: Wanted) -> TypeGuard[float]:
    """Tell whether a stored value is a number."""
    return isinstance(value, float | int) and not isinstance(value, bool)


def _read(value: Value) -> Wanted:
    match value.WhichOneof("kind"):
        case "string_value":
            return fold(value.string_value)
        case "number_value":
            return value.number_value
        case "bool_value":
            return value.bool_value
        case _:
            return None


def _read_same(value: Value) -> Wanted:
    """Read a value that a trait is to equal; a boolean as its name, which it equals."""
    wanted = _read(value)
    return NAMES[wanted] if isinstance(wanted, bool) else wanted


def _read_quantity(value: Value) -> Wanted:
    """Read a number, a text that is one, or a time."""
    match value.WhichOneof("kind"):
        case "number_value":
            return value.number_value
        case "string_value":
            text = value.string_value
            amount, time = amount_of(text), time_of(text)
            return {TIME: time} if amount is None and time is not None else amount
        case _:
            return None


def _part_problem(value: Value) -> str | None:
    if value.WhichOneof("kind") == "string_value" and not fold(value.string_value):
        return "is blank, which is part of every text; give a text, or test with TRAIT_OPERATOR_EXISTS"
    return None


def _quantity_problem(value: Value) -> str | None:
    remedy = "give a number, or a date or time such as 2026-01-31 or 2026-01-31T09:30:00+05:30"
    if value.WhichOneof("kind") == "bool_value":
        return f"is {NAMES[value.bool_value]}, which has no order; {remedy}"
    wanted = _read_quantity(value)
    if wanted is None or (isinstance(wanted, float) and not isfinite(wanted)):
        return f"{quoted(value.string_value)} is neither a number nor a date or time of ISO 8601; {remedy}"
    return None


def _any(_value: Value) -> None:
    """Find nothing wrong."""


SAME: Final = Reading(_read_same, _any)
"""A value that a trait is to equal."""
PART: Final = Reading(_read, _part_problem)
"""A value that a trait is to have as a part, or at an end."""
QUANTITY: Final = Reading(_read_quantity, _quantity_problem)
"""A value in whose order a trait is to stand."""
