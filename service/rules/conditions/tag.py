"""The kind `tag`: the contact has any of some tags, all of some, none of some; every list given must hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from service.rules.conditions import needs
from service.rules.conditions.kinds import Kind, Predicate, Prepared
from service.rules.conditions.texts import check_texts, folded

if TYPE_CHECKING:
    from evenhand.v1.rules_pb2 import TagCondition

    from service.rules.conditions.folded_contact import FoldedContact
    from service.rules.fields.violations import Violations


def _check(condition: TagCondition, path: str, found: Violations, _depth: int) -> None:
    if not (condition.any_of or condition.all_of or condition.none_of):
        found.add(path, "names no tags; give some in any_of, all_of or none_of")
    for name, tags in (("any_of", condition.any_of), ("all_of", condition.all_of), ("none_of", condition.none_of)):
        if tags:
            check_texts(tags, f"{path}.{name}", "tag", found)


def _prepare(condition: TagCondition) -> list[Any]:
    return [folded(condition.any_of), folded(condition.all_of), folded(condition.none_of)]


def _compile(condition: Prepared) -> Predicate:
    any_of, all_of, none_of = map(frozenset, condition[1:])
    if not (all_of or none_of or not any_of):
        return lambda contact: not any_of.isdisjoint(contact.tags())

    def holds(contact: FoldedContact) -> bool:
        tags = contact.tags()
        return (not any_of or not any_of.isdisjoint(tags)) and all_of <= tags and none_of.isdisjoint(tags)

    return holds


def _need(condition: Prepared) -> needs.Need | None:
    _, any_of, all_of, _ = condition
    found = [needs.one_of(needs.TAG, [tag]) for tag in all_of]
    if any_of:
        found.append(needs.one_of(needs.TAG, any_of))
    return needs.every(found)


KIND: Final = Kind(_check, _prepare, _compile, _need)
