"""Common Expression Language: expressions checked when configured, and evaluated without ever failing.

The runtime is Google's own (`cel-expr-python`, the C++ implementation). What it offers to keep an evaluation small: a
parser that gives up at a nesting of 32, regular expressions in linear time, and 10,000 loop steps for one evaluation,
after which it is an error and so false. That is not enough against growth: `[s].map(x, x + x).map(x, x + x)...` doubles
a text with each link and takes all memory within one line. So three things are refused on top: `map`, a loop within a
loop, and `+` within a loop. Without them nothing an expression makes is larger than a small multiple of its own text
and the contact. Time is bounded by an estimate (`cel_cost`): whatever could cost too much on some contact is refused,
since an evaluation holds the GIL from its beginning to its end.
The string library stays off, since `replace` and `join` grow texts.
"""

from __future__ import annotations

import re
import threading
from base64 import b64decode, b64encode
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, lru_cache
from math import isfinite
from typing import TYPE_CHECKING, TypeAlias

from cel_expr_python import cel  # type: ignore[import-untyped]  # it has stubs but no py.typed
from evenhand.v1.contact_pb2 import Contact

from service.rules.conditions.cel_cost import Cost
from service.rules.conditions.cel_errors import TOO_DEEP, readable
from service.rules.conditions.cel_tree import Tree, kind_of, parts_of, read_tree
from service.rules.fields.identifiers import quoted
from service.rules.fields.limits import MAX_EXPRESSION_COST

if TYPE_CHECKING:
    from collections.abc import Iterator

Activation: TypeAlias = "cel.Activation"
"""A contact bound to the variable `contact`."""

_LOOPS = frozenset({"all", "exists", "exists_one", "filter", "map"})
_TOKEN = re.compile(
    r"""
      //[^\n]*                                                              # comment
    | (?:[rR][bB]?|[bB][rR])(?:\"{3}[\s\S]*?\"{3}|'{3}[\s\S]*?'{3}|"[^"\n]*"|'[^'\n]*')
    | [bB]?(?:\"{3}(?:\\.|[^\\])*?\"{3}|'{3}(?:\\.|[^\\])*?'{3}|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')
    | `[^`\n]*`                                                             # quoted field name
    | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
    | (?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[A-Za-z0-9]*          # number; its exponent has a sign
    | (?P<mark>\S)
    """,
    re.VERBOSE,
)
# The library builds its compiler and each program on first use; one thread at a time is let through to that.
_BUILDING = threading.Lock()
_KEPT: ContextVar[dict[str, Checked] | None] = ContextVar("_KEPT", default=None)


class ExpressionError(ValueError):
    """An expression that cannot be configured; the text begins with line:column, both from 1."""


class Checked:
    """An expression that compiles. Safe to share between threads.

    Args:
        serialized: it, as it came out of parsing and checking, in the library's own encoding.
    """

    __slots__ = ("_cost", "_serialized")

    def __init__(self, serialized: bytes) -> None:
        self._serialized = serialized
        self._cost: Cost | None = None

    def form(self) -> str:
        """Encode the expression; see `checked_form`."""
        return b64encode(self._serialized).decode()

    def cost(self) -> Cost:
        """Estimate what it costs at most, on whatever contact.

        Raises:
            ExpressionError: it is nested too deeply for that.
        """
        if self._cost is None:
            try:
                self._cost = Cost(*self.read())
            except RecursionError:
                raise ExpressionError(TOO_DEEP) from None
        return self._cost

    def tree(self) -> Tree:
        """Return it as a tree; it is one whose cost has been estimated."""
        return self.read()[0]

    def read(self) -> tuple[Tree, dict[int, int]]:
        """Read it as `read_tree` does."""
        return read_tree(self._serialized)


class Program:
    """An expression that is ready to be evaluated. Safe to share between threads; an activation is not.

    To be made only while `_BUILDING` is held.
    """

    __slots__ = ("_expression",)

    def __init__(self, expression: cel.Expression) -> None:
        self._expression = expression
        # The first evaluation builds the program, which is not safe among threads; here nobody else has it yet.
        self.holds(activation_of(Contact()))

    def holds(self, activation: Activation) -> bool:
        """Tell whether the expression gives true. An error (a missing key, mixed types, too many steps) is false."""
        try:
            return self._expression.eval(activation).value() is True
        except Exception:  # noqa: BLE001  # whatever the library cannot do with a contact is false, by contract
            return False


def activation_of(contact: Contact) -> Activation:
    """Bind `contact` for any number of programs, to be used and dropped in this thread; converted once, on first use.

    The library keeps its memory by thread, so an activation must not be handed to another or left in a reference cycle.
    """
    return _environment().Activation({"contact": contact})


@contextmanager
def compiling_once() -> Iterator[None]:
    """Keep all that this thread compiles meanwhile, so that to check and prepare a rule set compiles each once."""
    token = _KEPT.set({})
    try:
        yield
    finally:
        _KEPT.reset(token)


def compile_expression(text: str) -> Checked:
    """Parse and type-check an expression over `contact`; it may give a bool, or a trait that may be one.

    Raises:
        ExpressionError: it does not compile, gives another type, or could grow without bound.
    """
    kept = _KEPT.get()
    if kept is None:
        return _compile(text)
    if text not in kept:
        kept[text] = _compile(text)
    return kept[text]


@lru_cache(maxsize=1024)
def _compile(text: str) -> Checked:
    with _BUILDING:
        try:
            expression = _environment().compile(text)
        except RuntimeError as error:
            raise ExpressionError(readable(str(error), text)) from None
        kind: cel.Type = expression.return_type()
        if kind not in (cel.Type.BOOL, cel.Type.DYN):
            raise ExpressionError(f"1:1: gives {kind.name()}; it must give a bool, such as a comparison")
        serialized: bytes = expression.serialize()
    _refuse_growth(text)
    return Checked(serialized)


def check_cost(text: str) -> None:
    """Refuse an expression that compiles, if some contact could make it cost too much.

    Raises:
        ExpressionError: it could; at the place where most of the cost arises.
    """
    cost = compile_expression(text).cost()
    if cost.steps <= MAX_EXPRESSION_COST:
        return
    place = _position(text, cost.most.offset)
    if not isfinite(cost.steps):
        raise ExpressionError(f"{place}: matches() takes a pattern only as one text written here")
    raise ExpressionError(
        f"{place}: costs up to {cost.steps:.0f} steps on the largest contact, most of them here; at most "
        f"{MAX_EXPRESSION_COST} are allowed; hold traits against written values rather than against each other, "
        "and use exists() or exists_one() rather than filter()"
    )


def check_patterns(text: str) -> None:
    """Refuse an expression whose cost is checked, if a pattern of matches() is invalid and so would match nothing.

    Raises:
        ExpressionError: one is; at its place.
    """
    if "matches" not in text:
        return
    tree, offsets = compile_expression(text).read()
    waiting = [tree]
    while waiting:
        part = waiting.pop()
        waiting.extend(reversed([*parts_of(part)]))
        if kind_of(part) == "call_expr" and part.call_expr.function == "matches":
            pattern = part.call_expr.args[-1]
            problem = _pattern_problem(pattern.const_expr.string_value)
            if problem is not None:
                place = _position(text, offsets.get(pattern.id, 0))
                raise ExpressionError(f"{place}: {quoted(pattern.const_expr.string_value)} is no pattern: {problem}")


@lru_cache(maxsize=1024)
def _pattern_problem(pattern: str) -> str | None:
    """Ask the library what is wrong with a pattern, by matching something with it."""
    with _BUILDING:
        matching = _matching()
        found = matching.eval(_pattern_environment().Activation({"pattern": pattern}))
    if found.type() == cel.Type.BOOL:
        return None
    problem = str(found.value()).rpartition("invalid regular expression: ")[2]
    return "".join(c if c.isprintable() else "?" for c in problem)


def checked_form(text: str) -> str:
    """Write an expression as it comes out of parsing and checking, in the library's own encoding and base64.

    It reads in a sixth of the time that the text takes, and is some ten times as long.

    Raises:
        ExpressionError: it does not compile.
    """
    return compile_expression(text).form()


@lru_cache(maxsize=1024)
def read_checked(form: str) -> Program:
    """Build an expression that `checked_form` wrote."""
    with _BUILDING:
        return Program(_environment().deserialize(b64decode(form)))


@cache
def _environment() -> cel.Env:
    return cel.NewEnv(variables={"contact": cel.Type(Contact.DESCRIPTOR.full_name)})


@cache
def _pattern_environment() -> cel.Env:
    return cel.NewEnv(variables={"pattern": cel.Type.STRING})


@cache
def _matching() -> cel.Expression:
    return _pattern_environment().compile("''.matches(pattern)")


def _refuse_growth(text: str) -> None:
    """Refuse whatever lets values double; `text` is known to be well-formed.

    Raises:
        ExpressionError: at the first `map`, loop within a loop, or `+` within a loop.
    """
    if not any(loop in text for loop in _LOOPS):
        return
    parentheses: list[bool] = []  # whether each one open here is that of a loop
    before = last = ""
    for token, offset in _tokens(text):
        looping = any(parentheses)
        if token == "(":  # noqa: S105  # no password
            loop = before == "." and last in _LOOPS
            if loop and (looping or last == "map"):
                what = "a loop within a loop" if looping else "map()"
                raise ExpressionError(f"{_position(text, offset)}: {what} is not available; try exists() with `in`")
            parentheses.append(loop)
        elif token == ")":  # noqa: S105
            parentheses.pop()
        elif token == "+" and looping:  # noqa: S105
            raise ExpressionError(f"{_position(text, offset)}: + is not available within exists(), all() or filter()")
        before, last = last, token


def _tokens(text: str) -> Iterator[tuple[str, int]]:
    """List names and marks, each with its offset; comments, texts and numbers are left out."""
    for token in _TOKEN.finditer(text):
        found = token["name"] or token["mark"]
        if found:
            yield found, token.start()


def _position(text: str, offset: int) -> str:
    return f"{text.count(chr(10), 0, offset) + 1}:{offset - text.rfind(chr(10), 0, offset)}"
