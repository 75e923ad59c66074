"""The kind `expression`: a Common Expression Language text over the contact gives true."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from service.rules.conditions.cel_runtime import (
    ExpressionError,
    Program,
    check_cost,
    check_patterns,
    checked_form,
    compile_expression,
    read_checked,
)
from service.rules.conditions.kinds import Kind, Predicate, Prepared, nothing
from service.rules.fields.limits import MAX_EXPRESSION_BYTES

if TYPE_CHECKING:
    from evenhand.v1.rules_pb2 import Condition

    from service.rules.conditions.folded_contact import FoldedContact
    from service.rules.fields.violations import Violations


_LISTS: Final = frozenset({"all", "any", "none"})


def _check(text: str, path: str, found: Violations, _depth: int) -> None:
    found.add_if(path, _problem(text))


def _problem(text: str) -> str | None:
    size = len(text.encode())
    if size > MAX_EXPRESSION_BYTES:
        return f"takes {size} bytes; at most {MAX_EXPRESSION_BYTES} are allowed"
    if not text.strip():
        return "is empty; write an expression that gives a bool, such as contact.tags.size() > 2"
    try:
        check_cost(text)
        check_patterns(text)
    except ExpressionError as error:
        return str(error)
    return None


def steps_of(condition: Condition) -> float:
    """Estimate what all expressions of a condition tree cost together at most; those that do not compile count nothing.

    Args:
        condition: the tree.
    """
    kind = condition.WhichOneof("kind")
    if kind in _LISTS:
        return sum(map(steps_of, getattr(condition, kind).conditions))
    if kind != "expression":
        return 0
    try:
        return compile_expression(condition.expression).cost().steps
    except ExpressionError:
        return 0


def _prepare(text: str) -> list[Any]:
    return [checked_form(text)]


def _compile(condition: Prepared) -> Predicate:
    _, form = condition
    program: Program | None = None

    def holds(contact: FoldedContact) -> bool:
        nonlocal program
        if program is None:
            program = read_checked(form)  # two threads at once get the same
        return program.holds(contact.activation())

    return holds


KIND: Final = Kind(_check, _prepare, _compile, nothing)
