"""What an expression costs at most, on whatever contact the contract allows, in steps of about a microsecond.

The estimate is made when the expression is configured, of its checked form: each part has a size (`cel_sizes`), and an
operation costs by the sizes of what it is given. What the steps stand for was measured, and is held against measured
time by a search for the worst (tests/faults/test_costly_expressions.py). Both sides of && and || count, and every
element of a loop, though most evaluations end sooner.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Final, NamedTuple

from service.rules.conditions.cel_patterns import program_of
from service.rules.conditions.cel_sizes import CONTACT, LONGEST_NUMBER, NUMBER, Size, either, together
from service.rules.conditions.cel_tree import Tree, kind_of
from service.rules.fields.limits import MAX_VALUE_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_NODE: Final = 0.1  # any part of an expression
_PART: Final = 0.3  # a field or an element of what is not known
_VALUE: Final = 2.0  # a value that is compared or copied, for the first time
_BYTE: Final = 0.004  # a byte that is compared or copied
_FLAT_LOOKED_AT: Final = 0.1  # an element of a searched list, where no list or object is compared
_LOOKED_AT: Final = 0.4  # where one may be
_KEPT: Final = 0.06  # an element that filter() has kept: the library copies all of them for each one more
_INSTRUCTION: Final = 1.3  # of a regular expression, each time it is made
_BYTE_COUNTED: Final = 0.001  # of a text whose characters are counted
_BYTE_MATCHED: Final = 0.002  # by each of its instructions
_BYTE_SEARCHED: Final = 0.000_03  # for each byte of the text that contains() looks for
_TIME_ZONE: Final = 50.0

_CONSTANTS: Final = frozenset({"!_", "_&&_", "_||_", "@not_strictly_false", "__not_strictly_false__", "type", "dyn"})
_ORDERS: Final = frozenset({"_<_", "_<=_", "_>_", "_>=_", "startsWith", "endsWith"})
_NUMERIC: Final = frozenset(
    {"-_", "_-_", "_*_", "_/_", "_%_", "int", "uint", "double", "bool", "timestamp", "duration"}
)


class Place(NamedTuple):
    """Where most of an expression's cost arises.

    Attributes:
        steps: those of this place.
        offset: where it is in the text, in characters; that of the beginning if it has none.
    """

    steps: float
    offset: int


class Cost:
    """The cost of one expression.

    Args:
        tree: its checked form.
        offsets: of the parts of the tree, by id.

    Attributes:
        steps: what it costs at most; infinite if nothing bounds it.
        most: where most of that arises.
    """

    def __init__(self, tree: Tree, offsets: Mapping[int, int]) -> None:
        self.steps = 0.0
        self.most = Place(0.0, 0)
        self._offsets = offsets
        self._times = 1.0  # how often the part that is being looked at is evaluated
        self._variables = {"contact": CONTACT}
        size = self._of(tree)
        self._spend(tree, size.values + size.bytes * _BYTE)  # what comes out is made a value of Python's

    def _spend(self, tree: Tree, steps: float) -> None:
        steps *= self._times
        self.steps += steps
        if steps > self.most.steps:
            self.most = Place(steps, self._offsets.get(tree.id, 0))

    def _of(self, tree: Tree) -> Size:
        """Add the cost of a part, and return the size of what it gives."""
        self._spend(tree, _NODE)
        return _PARTS[kind_of(tree)](self, tree)

    def _constant(self, tree: Tree) -> Size:
        constant = tree.const_expr
        if constant.HasField("string_value"):
            text: str = constant.string_value
            return Size(bytes=len(text.encode()), flat=True, written=text)
        return Size(bytes=len(constant.bytes_value), flat=True)

    def _named(self, tree: Tree) -> Size:
        return self._variables.get(tree.ident_expr.name, NUMBER)

    def _listed(self, tree: Tree) -> Size:
        return together(map(self._of, tree.list_expr.elements))

    def _selected(self, tree: Tree) -> Size:
        select = tree.select_expr
        whole = self._of(select.operand)
        if select.test_only:
            return NUMBER
        part = whole.part(select.field)
        self._spend(tree, 0 if whole is CONTACT else _taken(part))
        return part

    def _made(self, tree: Tree) -> Size:
        entries = tree.struct_expr.entries
        made = together(self._of(part) for entry in entries for part in (entry.map_key, entry.value) if kind_of(part))
        if tree.struct_expr.message_name:  # a map holds what it is given, a message copies it
            self._spend(tree, made.values * _VALUE + made.bytes * _BYTE)
        return made

    def _looped(self, tree: Tree) -> Size:
        loop = tree.comprehension_expr
        over = self._of(loop.iter_range)
        start = self._of(loop.accu_init)
        outer, times = self._variables, self._times
        # Only filter() collects, and no more than it loops over.
        result = over if kind_of(loop.accu_init) == "list_expr" else start
        self._variables = {**outer, loop.accu_var: result}
        self._times = times * max(over.items, 1)
        self._variables[loop.iter_var] = over.one_item()
        self._of(loop.loop_condition)
        self._of(loop.loop_step)
        self._times = times
        self._of(loop.result)
        self._variables = outer
        return result if result is over else NUMBER

    def _called(self, tree: Tree) -> Size:
        call = tree.call_expr
        given = [call.target, *call.args] if call.HasField("target") else list(call.args)
        appending = call.function == "_+_" and kind_of(given[0]) == "ident_expr" and self._times > 1
        sizes = list(map(self._of, given))
        if appending:  # + is refused within loops, so this is the one by which filter() collects
            self._spend(tree, sizes[0].items / 2 * _KEPT + sizes[1].values * _VALUE + sizes[1].bytes * _BYTE)
            return sizes[0]
        steps, size = _OPERATIONS.get(call.function, _other)(sizes)
        self._spend(tree, steps)
        return size


def _equality(sizes: Sequence[Size]) -> tuple[float, Size]:
    return _compared(*sizes), NUMBER


def _compared(one: Size, other: Size) -> float:
    return min(one.values, other.values) * _VALUE + min(one.bytes, other.bytes) * _BYTE


def _membership(sizes: Sequence[Size]) -> tuple[float, Size]:
    wanted, within = sizes
    flat = wanted.flat or (within.element is not None and within.element.flat)
    # One value of each element is looked at in any case.
    deeper = Size(values=(wanted.values - 1) * within.items, bytes=wanted.bytes * within.items)
    return within.items * (_FLAT_LOOKED_AT if flat else _LOOKED_AT) + _compared(deeper, within), NUMBER


def _taken(part: Size) -> float:
    return _PART + part.bytes * _BYTE / 4


def _index(sizes: Sequence[Size]) -> tuple[float, Size]:
    part = sizes[0].part(None)
    return _taken(part), part


def _sum(sizes: Sequence[Size]) -> tuple[float, Size]:
    one, other = sizes
    size = Size(one.items + other.items, one.values + other.values, one.bytes + other.bytes)
    return size.values * _VALUE + size.bytes * _BYTE, size


def _choice(sizes: Sequence[Size]) -> tuple[float, Size]:
    return 0, either(*sizes[1:])


def _search(sizes: Sequence[Size]) -> tuple[float, Size]:
    text, part = sizes
    longest = part.bytes if part.written is not None else max(part.bytes, MAX_VALUE_BYTES)
    return text.bytes * (_BYTE + _BYTE_SEARCHED * longest), NUMBER


def _matching(sizes: Sequence[Size]) -> tuple[float, Size]:
    text, pattern = sizes
    if pattern.written is None:
        return inf, NUMBER
    program = program_of(pattern.written)
    return program.made * _INSTRUCTION + text.bytes * program.active * _BYTE_MATCHED, NUMBER


def _length(sizes: Sequence[Size]) -> tuple[float, Size]:
    return 0 if sizes[0].element is not None else sizes[0].bytes * _BYTE_COUNTED, NUMBER


def _order(sizes: Sequence[Size]) -> tuple[float, Size]:
    return min(size.bytes for size in sizes) * _BYTE, NUMBER


def _constant_time(sizes: Sequence[Size]) -> tuple[float, Size]:
    return 0, sizes[0]


def _number(sizes: Sequence[Size]) -> tuple[float, Size]:
    return sum(size.bytes for size in sizes) * _BYTE, NUMBER


def _time_part(sizes: Sequence[Size]) -> tuple[float, Size]:
    return _TIME_ZONE * (len(sizes) - 1), NUMBER


def _other(sizes: Sequence[Size]) -> tuple[float, Size]:
    """Take a conversion, or what a later version of the library may bring: it goes through all it is given, once."""
    size = Size(
        sum(size.items for size in sizes),
        sum(size.values for size in sizes),
        sum(size.bytes for size in sizes) + LONGEST_NUMBER.bytes,
    )
    return size.values * _VALUE + size.bytes * _BYTE, size


_PARTS: Final[dict[str, Callable[[Cost, Tree], Size]]] = {
    "const_expr": Cost._constant,  # noqa: SLF001  # the table of this class
    "ident_expr": Cost._named,  # noqa: SLF001
    "select_expr": Cost._selected,  # noqa: SLF001
    "call_expr": Cost._called,  # noqa: SLF001
    "list_expr": Cost._listed,  # noqa: SLF001
    "struct_expr": Cost._made,  # noqa: SLF001
    "comprehension_expr": Cost._looped,  # noqa: SLF001
}

_OPERATIONS: Final[dict[str, Callable[[Sequence[Size]], tuple[float, Size]]]] = {
    "_==_": _equality,
    "_!=_": _equality,
    "@in": _membership,
    "_[_]": _index,
    "_+_": _sum,
    "_?_:_": _choice,
    "contains": _search,
    "matches": _matching,
    "size": _length,
    **dict.fromkeys(_CONSTANTS, _constant_time),
    **dict.fromkeys(_ORDERS, _order),
    **dict.fromkeys(_NUMERIC, _number),
    **dict.fromkeys(
        [
            f"get{part}"
            for part in (
                "FullYear",
                "Month",
                "DayOfYear",
                "DayOfMonth",
                "Date",
                "DayOfWeek",
                "Hours",
                "Minutes",
                "Seconds",
                "Milliseconds",
            )
        ],
        _time_part,
    ),
}
