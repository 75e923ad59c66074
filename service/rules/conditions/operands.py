"""Operands: the value of a trait, as operators look at it (deploy/adr/0006, "Conditions").

What a rule writes decides what is looked at: a text asks for `word`, a number for `number`, a time for `time`. What a
value has not does not compare. Nothing here raises, whatever the value.
"""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Final

from service.rules.conditions.amounts import amount_of
from service.rules.conditions.folding import fold
from service.rules.conditions.times import time_of

if TYPE_CHECKING:
    from google.protobuf.struct_pb2 import Value

# Above this a float has no digits to spare, and its short form (1e+22) says more than zeros.
_LARGEST_PLAIN_NUMBER: Final = 1e21


class Operand:
    """A value made ready to be compared; never changed afterwards. This one is nothing that compares."""

    __slots__ = ()

    items: tuple[Operand, ...] | None = None
    """The elements of a list, without blank ones; None for what is no list."""

    @property
    def word(self) -> str | None:
        """The text that it is equal to: folded, a number's digits, or a boolean's name."""
        return None

    @property
    def characters(self) -> str | None:
        """The text of which others may be parts: that of a text or a number."""
        return None

    @property
    def number(self) -> float | None:
        """The number of a number, or of a text that reads as one."""
        return None

    @property
    def time(self) -> int | None:
        """The moment of a text that reads as a date or time, in microseconds since 1970."""
        return None


# Plain classes: one is made for each trait that is asked about, and a frozen dataclass takes four times as long.


class _Text(Operand):
    __slots__ = ("_given", "_number", "characters", "word")

    characters: str
    word: str

    def __init__(self, given: str, folded: str) -> None:
        self._given = given
        self._number: float | str | None = ""  # not read yet
        self.word = self.characters = folded

    @property
    def number(self) -> float | None:
        # Read only where a rule asks for it, and once, however many rules do.
        number = self._number
        if isinstance(number, str):
            number = self._number = amount_of(self._given)
        return number

    @property
    def time(self) -> int | None:
        return time_of(self._given)


class _Number(Operand):
    __slots__ = ("number",)

    number: float

    def __init__(self, number: float) -> None:
        self.number = number

    @property
    def characters(self) -> str:
        return number_text(self.number)

    @property
    def word(self) -> str | None:
        return number_text(self.number) if isfinite(self.number) else None


class _Boolean(Operand):
    __slots__ = ("word",)

    word: str

    def __init__(self, name: str) -> None:
        self.word = name


class _List(Operand):
    __slots__ = ("items",)

    def __init__(self, items: tuple[Operand, ...]) -> None:
        self.items = items


MISSING: Final = Operand()
"""No value, null or a blank one. Equals nothing and compares with nothing."""

NAMES: Final = {True: "true", False: "false"}
"""Booleans as the texts that they are equal to."""

_BOOLEANS: Final = {value: _Boolean(name) for value, name in NAMES.items()}
_OBJECT: Final = Operand()


def number_text(number: float) -> str:
    """Write a number as people do: 5000 rather than 5000.0."""
    if abs(number) < _LARGEST_PLAIN_NUMBER and number.is_integer():
        return str(int(number))
    return repr(number)


def operand_of(value: Value) -> Operand:
    """Make a value ready to be compared; MISSING for null and for what is blank."""
    # Most values are texts, and what is not empty needs no question what it is.
    text = value.string_value
    if text:
        folded = fold(text)
        return _Text(text, folded) if folded else MISSING
    kind = value.WhichOneof("kind")
    if kind == "number_value":
        return _Number(value.number_value)
    if kind == "bool_value":
        return _BOOLEANS[value.bool_value]
    if kind == "list_value":
        items = tuple(item for item in map(_item, value.list_value.values) if item is not MISSING)
        return _List(items) if items else MISSING
    return _OBJECT if kind == "struct_value" and value.struct_value.fields else MISSING


def _item(value: Value) -> Operand:
    """Make an element of a list ready; a list within it is as an object: there, and equal to nothing."""
    if value.WhichOneof("kind") == "list_value":
        return _OBJECT if value.list_value.values else MISSING
    return operand_of(value)
