"""The kind `tag`: the contact has any, all, none, or one just added of some tags; every list given must hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from service.rules.conditions import needs
from service.rules.conditions.kinds import Kind, Predicate, Prepared
from service.rules.conditions.texts import check_texts, folded

if TYPE_CHECKING:
    from evenhand.v1.rules_pb2 import TagCondition

    from service.rules.conditions.folded_contact import FoldedContact
    from service.rules.fields.violations import Violations


_LISTS: Final = ("any_of", "all_of", "none_of", "changed_any_of")


def _check(condition: TagCondition, path: str, found: Violations, _depth: int) -> None:
    given = [(name, tags) for name in _LISTS if (tags := getattr(condition, name))]
    if not given:
        *names, last = _LISTS
        found.add(path, f"names no tags; give some in {', '.join(names)} or {last}")
    for name, tags in given:
        check_texts(tags, f"{path}.{name}", "tag", found)


def _prepare(condition: TagCondition) -> list[Any]:
    return [folded(getattr(condition, name)) for name in _LISTS]


def _compile(condition: Prepared) -> Predicate:
    any_of, all_of, none_of, changed = map(frozenset, condition[1:])
    if not (all_of or none_of or changed or not any_of):
        return lambda contact: not any_of.isdisjoint(contact.tags())

    def holds(contact: FoldedContact) -> bool:
        tags = contact.tags()
        return (
            (not any_of or not any_of.isdisjoint(tags))
            and all_of <= tags
            and none_of.isdisjoint(tags)
            and (not changed or not changed.isdisjoint(contact.changed_tags()))
        )

    return holds


def _need(condition: Prepared) -> needs.Need | None:
    _, any_of, all_of, _, changed = condition
    found = [needs.one_of(needs.TAG, [tag]) for tag in all_of]
    found += [needs.one_of(needs.TAG, tags) for tags in (any_of, changed) if tags]
    return needs.every(found)


KIND: Final = Kind(_check, _prepare, _compile, _need)
