"""The kind `expression`: a Common Expression Language text over the contact gives true."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from service.rules.conditions.cel_runtime import (
    ExpressionError,
    Program,
    checked_form,
    compile_expression,
    read_checked,
)
from service.rules.conditions.kinds import Kind, Predicate, Prepared, nothing
from service.rules.fields.limits import MAX_EXPRESSION_BYTES

if TYPE_CHECKING:
    from service.rules.conditions.folded_contact import FoldedContact
    from service.rules.fields.violations import Violations


def _check(text: str, path: str, found: Violations, _depth: int) -> None:
    found.add_if(path, _problem(text))


def _problem(text: str) -> str | None:
    size = len(text.encode())
    if size > MAX_EXPRESSION_BYTES:
        return f"takes {size} bytes; at most {MAX_EXPRESSION_BYTES} are allowed"
    if not text.strip():
        return "is empty; write an expression that gives a bool, such as contact.tags.size() > 2"
    try:
        compile_expression(text)
    except ExpressionError as error:
        return str(error)
    return None


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
