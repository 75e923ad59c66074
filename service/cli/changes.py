"""What would change: two rule sets, or two rosters, compared for a person."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, TypeVar

from evenhand.v1.roster_service_pb2 import Agent, Presence, Roster, Team
from evenhand.v1.rules_pb2 import Fallback, Rule, RuleSet, Strategy
from google.protobuf import json_format

if TYPE_CHECKING:
    from collections.abc import Sequence

Item = TypeVar("Item", Rule, Agent, Team)

_WIDTH: Final = 60  # characters of a value that are shown
_ORDER: Final = 12  # ids of an order that are shown


def rule_set_changes(old: RuleSet, new: RuleSet) -> list[str]:
    """Compare two rule sets; a line for each difference, none if they mean the same."""
    old, new = _normal_rule_set(old), _normal_rule_set(new)
    lines = _item_changes("rule", old.rules, new.rules)
    lines += [f"  ~ fallback: {difference}" for difference in _differences(old.fallback, new.fallback)]
    if old.unassign_on_close != new.unassign_on_close:
        lines.append(f"  ~ unassignOnClose: {_bool(old.unassign_on_close)} -> {_bool(new.unassign_on_close)}")
    return lines


def roster_changes(old: Roster, new: Roster) -> list[str]:
    """Compare two rosters, but for presence and open contacts; a line for each difference."""
    old, new = _normal_roster(old), _normal_roster(new)
    return _item_changes("agent", old.agents, new.agents) + _item_changes("team", old.teams, new.teams)


def _normal_rule_set(rule_set: RuleSet) -> RuleSet:
    """Spell out defaults, so that a default that is written down is no difference."""
    normal = RuleSet()
    normal.CopyFrom(rule_set)
    choosers: list[Rule | Fallback] = [*normal.rules, normal.fallback]
    for chooser in choosers:
        if chooser.strategy == Strategy.STRATEGY_UNSPECIFIED:
            chooser.strategy = Strategy.STRATEGY_ROUND_ROBIN
    if not normal.fallback.HasField("target"):
        normal.fallback.target.everyone = True
    return normal


def _normal_roster(roster: Roster) -> Roster:
    normal = Roster()
    normal.CopyFrom(roster)
    for agent in normal.agents:
        agent.weight = agent.weight or 1
        agent.presence = Presence.PRESENCE_UNSPECIFIED
        agent.open_contact_count = 0
    return normal


def _item_changes(noun: str, old: Sequence[Item], new: Sequence[Item]) -> list[str]:
    before = {item.id: item for item in old}
    after = {item.id: item for item in new}
    lines = [f"  - {noun} {item_id}" for item_id in before if item_id not in after]
    for item_id, item in after.items():
        if item_id not in before:
            label = f" ({item.name})" if item.name else ""
            lines.append(f"  + {noun} {item_id}{label}")
        else:
            lines += [f"  ~ {noun} {item_id}: {difference}" for difference in _differences(before[item_id], item)]
    old_order = [item_id for item_id in before if item_id in after]
    new_order = [item_id for item_id in after if item_id in before]
    if old_order != new_order:
        lines.append(f"  ~ order of {noun}s: {_order(old_order, new_order)}")
    return lines


def _order(old: list[str], new: list[str]) -> str:
    """Show both orders, without the ends that are the same in both."""
    start = next(index for index, (one, other) in enumerate(zip(old, new, strict=True)) if one != other)
    end = len(old) - next(
        index for index, (one, other) in enumerate(zip(reversed(old), reversed(new), strict=True)) if one != other
    )
    return f"{_ids(old[start:end])} -> {_ids(new[start:end])}"


def _ids(ids: list[str]) -> str:
    return ", ".join(ids) if len(ids) <= _ORDER else f"{', '.join(ids[:_ORDER])}, ... ({len(ids)})"


def _differences(old: Any, new: Any) -> list[str]:
    """Name each field that differs, with both values."""
    return [
        f"{field.json_name}: {_value(old, field)} -> {_value(new, field)}"
        for field in new.DESCRIPTOR.fields
        if getattr(old, field.name) != getattr(new, field.name)
    ]


def _value(message: Any, field: Any) -> str:
    """Show a field's value shortly: a scalar as it is, a message as compact JSON."""
    value = getattr(message, field.name)
    if field.is_repeated:
        return f"[{_ids([str(element) for element in value])}]"
    if field.message_type is not None:
        if not message.HasField(field.name):
            return "none"
        text = json.dumps(json_format.MessageToDict(value), ensure_ascii=False)
        return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 3]}..."
    if field.enum_type is not None:
        return str(field.enum_type.values_by_number[value].name)
    if isinstance(value, bool):
        return _bool(value)
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 3]}..."


def _bool(value: bool) -> str:
    return "true" if value else "false"
