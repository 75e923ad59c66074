"""The kinds `all`, `any` and `none`: conditions over conditions."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from service.rules.conditions.kinds import (
    Kind,
    Predicate,
    Prepared,
    always,
    check_condition,
    compile_condition,
    need_of,
    negation,
    nothing,
    prepare_condition,
)
from service.rules.conditions.needs import Need, every, some
from service.rules.fields.limits import MAX_CONDITION_DEPTH, MAX_CONDITION_ITEMS

if TYPE_CHECKING:
    from collections.abc import Callable

    from evenhand.v1.rules_pb2 import ConditionList

    from service.rules.conditions.folded_contact import FoldedContact
    from service.rules.fields.violations import Violations


def _check(conditions: ConditionList, path: str, found: Violations, depth: int) -> None:
    items = conditions.conditions
    path = f"{path}.conditions"
    if not items:
        found.add(path, f"is empty; give 1 to {MAX_CONDITION_ITEMS} conditions")
    elif len(items) > MAX_CONDITION_ITEMS:
        found.add(path, f"has {len(items)} conditions; at most {MAX_CONDITION_ITEMS} are allowed in one list")
    if items and depth >= MAX_CONDITION_DEPTH:
        found.add(path, f"is nested too deeply; at most {MAX_CONDITION_DEPTH} levels are allowed")
        return
    for index, condition in enumerate(islice(items, MAX_CONDITION_ITEMS)):
        check_condition(condition, f"{path}[{index}]", found, depth + 1)


def _prepare(conditions: ConditionList) -> list[Any]:
    return [list(map(prepare_condition, conditions.conditions[:]))]


def _compiler(*, deciding: bool, verdict: bool) -> Callable[[Prepared], Predicate]:
    """Make a compiler for a list of which the first part that comes out as `deciding` makes it the verdict."""

    def compiler(condition: Prepared) -> Predicate:
        _, parts = condition
        if not parts:
            return negation(always) if verdict else always
        first = compile_condition(parts[0])
        if len(parts) == 1:
            return first if deciding is verdict else negation(first)
        others: list[Predicate] | None = None

        def holds(contact: FoldedContact) -> bool:
            nonlocal others
            if first(contact) is deciding:
                return verdict
            if others is None:  # most often the first decides, and the others are never needed
                others = list(map(compile_condition, parts[1:]))
            for predicate in others:
                if predicate(contact) is deciding:
                    return verdict
            return not verdict

        return holds

    return compiler


def _need_of_all(condition: Prepared) -> Need | None:
    _, parts = condition
    return every(map(need_of, parts))


def _need_of_any(condition: Prepared) -> Need | None:
    _, parts = condition
    return some(map(need_of, parts))


ALL: Final = Kind(_check, _prepare, _compiler(deciding=False, verdict=False), _need_of_all)
ANY: Final = Kind(_check, _prepare, _compiler(deciding=True, verdict=True), _need_of_any)
NONE: Final = Kind(_check, _prepare, _compiler(deciding=True, verdict=False), nothing)
