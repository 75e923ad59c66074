"""Inputs for every RPC, by chance: odd messages of the contract, damaged bytes of such, and bytes that are no message.

The contract's descriptors say what there is, so a new RPC or field is fuzzed from the day on which it exists.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, NamedTuple

from evenhand.v1 import assignment_service_pb2, roster_service_pb2
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.protobuf.descriptor import Descriptor, MethodDescriptor
    from google.protobuf.message import Message

OURS = (
    assignment_service_pb2.DESCRIPTOR.services_by_name["AssignmentService"],
    roster_service_pb2.DESCRIPTOR.services_by_name["RosterService"],
)
METHODS: tuple[MethodDescriptor, ...] = tuple(
    method
    for service in (*OURS, health_pb2.DESCRIPTOR.services_by_name["Health"])
    for method in service.methods
    if not method.server_streaming
)
"""Every RPC that answers with one message."""

_DEPTH = 12
_CHAIN = 140  # deeper than protobuf reads
_LARGE = 400
_ODD_INTS = (0, 1, -1, 2, 7, 1000, 1001, 10_000, 2**31 - 1, -(2**31), 2**32 - 1, 2**63 - 1, -(2**63), 2**64 - 1)
_ODD_FLOATS = (0.0, -0.0, 1.5, float("nan"), float("inf"), float("-inf"), 5e-324, 1.7e308, 2.0**53 + 1)
_IDS = ("a", "b", "c", "w", "sales", "r-1", "contact-1")
_TEXTS = (
    "", " ", "\x00", "\n", "\x7f", "\x85", "\u2028", "\ufeff", "\ud7ff", "\U0010ffff", "é", "İstanbul", "ﷺ",
    "👩\u200d👩\u200d👧", "a\u0301" * 50, "\u202e", "%s%n{0}", "../../etc", "{w}", "x" * 129, "é" * 128, "'" * 9,
    "١٢٣", "1,00,000", "5.000,00", "NaN", "2026-02-30", "2026-11-27T10:00:00+99:00", 'W/"1"', "1.0", "AAAA", "eyJ9",
    "$contact.a$agent.name", "${contact.}", "whatsapp_dm", "((((((((",
    "contact.tags.size() > 2", "contact.traits.l.all(x, x == contact.traits)",
)  # fmt: skip
_INTS = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
}


class Input(NamedTuple):
    """What one call sends.

    Attributes:
        method: its RPC.
        kind: how the bytes were made.
        body: the bytes.
    """

    method: MethodDescriptor
    kind: str
    body: bytes

    @property
    def path(self) -> str:
        """The RPC as gRPC names it on the wire."""
        return f"/{self.method.containing_service.full_name}/{self.method.name}"


def inputs(seed: int, count: int) -> Iterator[Input]:
    """Yield so many inputs; the same seed gives the same ones."""
    chance = random.Random(seed)
    for _ in range(count):
        method = chance.choice(METHODS)
        kind = chance.choices(list(_MAKERS), [weight for weight, _ in _MAKERS.values()])[0]
        yield Input(method, kind, _MAKERS[kind][1](method.input_type, chance))


def _message(kind: Descriptor, chance: random.Random, depth: int = 0, *, plain: bool = False) -> Message:
    """Return a message of this type, with some of its fields set, each to something odd or, if `plain`, mostly not."""
    message = GetMessageClass(kind)()
    share = (0.6 if plain else 0.55) * (1 - depth / _DEPTH)
    for field in kind.fields:
        if chance.random() > share and not (plain and depth < 2):
            continue
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            _fill_map(message, field, chance, depth, plain=plain)
        elif field.is_repeated:
            values = getattr(message, field.name)
            for _ in range(_length(field, chance, depth)):
                _append(values, field, chance, depth, plain=plain)
        elif field.message_type is not None:
            if depth < _DEPTH:
                getattr(message, field.name).CopyFrom(_message(field.message_type, chance, depth + 1, plain=plain))
        else:
            setattr(message, field.name, _scalar(field, chance, plain=plain))
    return message


def _length(field: FieldDescriptor, chance: random.Random, depth: int) -> int:
    """Return how many values a repeated field gets: mostly few, seldom as many as is more than allowed."""
    if depth < 3 and chance.random() < 0.004:
        return _LARGE if field.message_type is not None else 10 * _LARGE
    return min(int(chance.expovariate(0.7)), 12)


def _append(values: Any, field: FieldDescriptor, chance: random.Random, depth: int, *, plain: bool) -> None:
    if field.message_type is None:
        values.append(_scalar(field, chance, plain=plain))
    elif depth < _DEPTH:
        values.append(_message(field.message_type, chance, depth + 1, plain=plain))


def _fill_map(message: Message, field: FieldDescriptor, chance: random.Random, depth: int, *, plain: bool) -> None:
    key, value = (field.message_type.fields_by_name[name] for name in ("key", "value"))
    entries = getattr(message, field.name)
    for _ in range(_length(field, chance, depth)):
        at = _scalar(key, chance, plain=plain)
        if value.message_type is None:
            entries[at] = _scalar(value, chance, plain=plain)
        elif depth < _DEPTH:
            entries[at].CopyFrom(_message(value.message_type, chance, depth + 1, plain=plain))


def _scalar(field: FieldDescriptor, chance: random.Random, *, plain: bool) -> Any:
    kind = field.cpp_type
    if kind == FieldDescriptor.CPPTYPE_STRING:
        text = _text(chance, plain=plain)
        return text.encode() if field.type == FieldDescriptor.TYPE_BYTES else text
    if kind == FieldDescriptor.CPPTYPE_BOOL:
        return chance.random() < 0.5
    if kind in {FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT}:
        return chance.choice(_ODD_FLOATS) if chance.random() < 0.7 else chance.gauss(0, 1e6)
    if kind == FieldDescriptor.CPPTYPE_ENUM:
        known = [value.number for value in field.enum_type.values]
        return (
            chance.choice(known)
            if chance.random() < (0.98 if plain else 0.8)
            else chance.choice((-1, 99, 2**31 - 1, -(2**31)))
        )
    least, most = _INTS[kind]
    if plain and chance.random() < 0.95:
        return chance.randrange(5)
    number = chance.choice(_ODD_INTS) if chance.random() < 0.7 else chance.randint(least, most)
    return max(least, min(most, number))


def _text(chance: random.Random, *, plain: bool) -> str:
    draw = chance.random()
    if draw < (0.97 if plain else 0.35):
        return chance.choice(_IDS)
    if draw < 0.99:
        return chance.choice(_TEXTS)
    if draw < 0.995:
        return chance.choice(_TEXTS) * chance.choice((10, 100, 2000))
    letters = (chance.randrange(0x110000) for _ in range(chance.randrange(40)))
    return "".join(chr(letter) for letter in letters if not 0xD800 <= letter <= 0xDFFF)


def _odd(kind: Descriptor, chance: random.Random) -> bytes:
    return _message(kind, chance).SerializeToString()


def _plain(kind: Descriptor, chance: random.Random) -> bytes:
    return _message(kind, chance, plain=True).SerializeToString()


def _damaged(kind: Descriptor, chance: random.Random) -> bytes:
    """Return the bytes of a message, some of them changed, cut out, doubled, or put in."""
    body = bytearray(_message(kind, chance, plain=chance.random() < 0.5).SerializeToString() or b"\x0a\x00")
    for _ in range(chance.randint(1, 4)):
        at, length = chance.randrange(len(body) + 1), chance.randint(1, 8)
        piece = body[at : at + length]
        match chance.randrange(5):
            case 0:
                body[at : at + 1] = chance.randbytes(1)
            case 1:
                del body[at : at + length]
            case 2:
                body[at:at] = piece * chance.randint(1, 30)
            case 3:
                body[at:at] = chance.choice((b"\xff" * 10, b"\x80" * 9 + b"\x01", b"\xed\xa0\x80", b"\x0a\xff\xff\x7f"))
            case _:
                del body[at:]
        body = body or bytearray(b"\x0a")
    return bytes(body)


def _garbage(_: Descriptor, chance: random.Random) -> bytes:
    return chance.randbytes(int(chance.expovariate(1 / 60)))


def _deep(kind: Descriptor, chance: random.Random) -> bytes:
    """Return a message with one more within one more, by any field that holds messages, as deep as it goes."""
    chain: list[int] = []
    length = chance.randint(1, _CHAIN)
    while len(chain) < length:
        within = [field for field in kind.fields if field.message_type is not None]
        if not within:
            break
        field = chance.choice(within)
        chain.append(field.number)
        kind = field.message_type
    body = _message(kind, chance, _DEPTH - 2).SerializeToString()
    for number in reversed(chain):
        body = _varint(number << 3 | 2) + _varint(len(body)) + body
    return body


def _varint(number: int) -> bytes:
    written = bytearray()
    while number > 0x7F:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*written, number))


_MAKERS = {
    "odd": (35, _odd),
    "plain": (20, _plain),
    "damaged": (30, _damaged),
    "garbage": (10, _garbage),
    "deep": (5, _deep),
}
"""How inputs are made: how often, and by what."""
