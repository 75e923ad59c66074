"""Contacts at the contract's limits, each of one shape: what an expression takes longest over differs by shape."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evenhand.v1.contact_pb2 import Contact
from google.protobuf.struct_pb2 import Value

from service.rules.fields.limits import MAX_CONTACT_TAGS, MAX_CONTACT_TRAITS, MAX_CONTACT_VALUES, MAX_VALUE_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

    Filler = Callable[[Value, int], None]

KEYS = ["k", "l", "m", "n"]
"""Keys of the first traits."""

_DEEPEST = 32


def _nulls(value: Value, count: int) -> None:
    value.list_value.values.extend([Value()] * count)


def _numbers(value: Value, count: int) -> None:
    value.list_value.values.extend(Value(number_value=number) for number in range(count))


def _texts(value: Value, count: int) -> None:
    value.list_value.values.extend([Value(string_value="a")] * count)


def _empty_lists(value: Value, count: int) -> None:
    for _ in range(count):
        value.list_value.values.add().list_value.SetInParent()


def _objects_in_list(value: Value, count: int) -> None:
    for _ in range(count):
        value.list_value.values.add().struct_value.fields[""].SetInParent()


def _object(value: Value, count: int) -> None:
    for number in range(count):
        value.struct_value.fields[chr(0x21 + number) if number < 90 else chr(0x4E00 + number)].SetInParent()


def _deep_lists(value: Value, count: int) -> None:
    for _ in range(count):
        inner = value.list_value.values.add()
        for _ in range(_DEEPEST - 3):
            inner = inner.list_value.values.add()


def _deep_objects(value: Value, count: int) -> None:
    for _ in range(count):
        inner = value.list_value.values.add()
        for _ in range(_DEEPEST - 3):
            inner = inner.struct_value.fields[""]


def _half_deep_objects(value: Value, count: int) -> None:
    for _ in range(count):
        inner = value.list_value.values.add()
        for _ in range(_DEEPEST // 2):
            inner = inner.struct_value.fields[""]


def _text(value: Value, count: int) -> None:
    value.string_value = "a" * count


def _wide_text(value: Value, count: int) -> None:
    value.string_value = "\u4e00" * count


_SHAPES: dict[str, Filler] = {
    "nulls": _nulls,
    "numbers": _numbers,
    "texts": _texts,
    "empty lists": _empty_lists,
    "objects in lists": _objects_in_list,
    "an object": _object,
    "deep lists": _deep_lists,
    "deep objects": _deep_objects,
    "half deep objects": _half_deep_objects,
    "a text": _text,
    "a wide text": _wide_text,
}


def largest_contacts() -> dict[str, Contact]:
    """One contact of each shape: as many traits of it as there may be, and long texts in the others."""
    return {shape: _largest(fill) for shape, fill in _SHAPES.items()}


def values_in(value: Value) -> int:
    """How many values there are in one, itself included."""
    inner = list(value.list_value.values) + list(value.struct_value.fields.values())
    return 1 + sum(map(values_in, inner))


def _largest(fill: Filler) -> Contact:
    trait = _fullest(fill)
    left, size = MAX_CONTACT_VALUES - MAX_CONTACT_TRAITS, values_in(trait)
    tags = [f"{number:0128}" for number in range(MAX_CONTACT_TAGS)]
    contact = Contact(id="c" * 128, source="\U0001f600" * 128, channel="h" * 128, tags=tags)
    for number in range(MAX_CONTACT_TRAITS):
        key = KEYS[number] if number < len(KEYS) else f"{number:0128}"
        if size - 1 <= left:
            contact.traits[key].CopyFrom(trait)
            left -= size - 1
        else:
            contact.traits[key].string_value = "a" * (MAX_VALUE_BYTES - 3)
    return contact


def _fullest(fill: Filler) -> Value:
    """Make the largest value that a trait may have."""
    least, most = 1, MAX_VALUE_BYTES
    while least < most:
        middle = (least + most + 1) // 2
        tried = Value()
        fill(tried, middle)
        least, most = (middle, most) if tried.ByteSize() <= MAX_VALUE_BYTES else (least, middle - 1)
    value = Value()
    fill(value, least)
    return value
