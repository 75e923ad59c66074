"""Kinds of conditions: the four functions that each of them has, and conditions of whichever kind by means of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from service.rules.conditions.folded_contact import FoldedContact

if TYPE_CHECKING:
    from evenhand.v1.rules_pb2 import Condition

    from service.rules.conditions.needs import Need
    from service.rules.fields.violations import Violations

Prepared: TypeAlias = list[Any]
"""A condition as it is stored: the name of its kind, then its contents, with texts folded."""

Predicate: TypeAlias = Callable[[FoldedContact], bool]
"""A compiled condition. No contact makes it raise."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of condition.

    Attributes:
        check: note every violation in a message. Takes the message, its path, the violations found so far, and its
            level in the tree, from 1.
        prepare: turn a message that has passed the check into the contents of a prepared condition, which JSON can
            write, with texts folded.
        compile: make a predicate of a prepared condition. A rule set that is asked only once pays for it too, so costly
            parts are left to the predicate's first use.
        need: tell what a contact needs for a prepared condition to hold; None for nothing in particular.
    """

    check: Callable[[Any, str, Violations, int], None]
    prepare: Callable[[Any], list[Any]]
    compile: Callable[[Prepared], Predicate]
    need: Callable[[Prepared], Need | None]


KINDS: Final[dict[str, Kind]] = {}
"""Every kind by the name of the message's field. The package fills it, so that kinds over conditions can read it."""


def check_condition(condition: Condition, path: str, found: Violations, depth: int = 1) -> None:
    """Note every violation in a condition and in all those under it.

    Args:
        condition: the condition; an empty one is right at the top of a rule, where it means always.
        path: of the condition.
        found: takes the violations.
        depth: its level in the tree, from 1.
    """
    kind = condition.WhichOneof("kind")
    if kind is not None:
        KINDS[kind].check(getattr(condition, kind), f"{path}.{kind}", found, depth)
    elif depth > 1:
        *names, last = KINDS
        found.add(path, f"is empty; set one of {', '.join(names)} or {last}, or leave it out")


def prepare_condition(condition: Condition) -> Prepared | None:
    """Prepare a condition that has passed the check; None if it is empty.

    Raises:
        ExpressionError: it has an expression that does not compile; no valid condition does.
        KeyError: it is of a kind that this version does not know.
    """
    kind = condition.WhichOneof("kind")
    return None if kind is None else [kind, *KINDS[kind].prepare(getattr(condition, kind))]


def compile_condition(condition: Prepared | None) -> Predicate:
    """Compile a prepared condition; None holds always.

    Parts of a list may be compiled at the predicate's first use, which then raises the same.

    Raises:
        KeyError: an operator or kind is none that this version knows.
    """
    if condition is None:
        return always
    compiler = KINDS[condition[0]].compile  # a name of its own: Python calls a field on the spot more slowly
    return compiler(condition)


def need_of(condition: Prepared | None) -> Need | None:
    """Tell what a contact needs for a prepared condition to hold; None for nothing in particular."""
    return None if condition is None else KINDS[condition[0]].need(condition)


def always(_contact: FoldedContact) -> bool:
    """Hold for every contact."""
    return True


def negation(predicate: Predicate) -> Predicate:
    """Make the exact opposite of a predicate."""
    return lambda contact: not predicate(contact)


def nothing(*_condition: object) -> None:
    """Need nothing in particular, as negations and expressions do; such conditions are always tried."""
