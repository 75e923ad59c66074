"""The kind `channel`: the contact's channel is one of those named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from service.rules.conditions import needs
from service.rules.conditions.kinds import Kind, Predicate, Prepared
from service.rules.conditions.texts import check_texts, folded

if TYPE_CHECKING:
    from evenhand.v1.rules_pb2 import ChannelCondition

    from service.rules.fields.violations import Violations


def _check(condition: ChannelCondition, path: str, found: Violations, _depth: int) -> None:
    check_texts(condition.any_of, f"{path}.any_of", "channel", found)


def _prepare(condition: ChannelCondition) -> list[Any]:
    return [folded(condition.any_of)]


def _compile(condition: Prepared) -> Predicate:
    _, any_of = condition
    return lambda contact: contact.channel() in any_of


def _need(condition: Prepared) -> needs.Need:
    _, any_of = condition
    return needs.one_of(needs.CHANNEL, any_of)


KIND: Final = Kind(_check, _prepare, _compile, _need)
