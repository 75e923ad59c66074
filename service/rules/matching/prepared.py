"""A rule set as the matcher takes it: texts folded, pools named, the fallback as the last of the rules.

Prepared once, when it is configured, and stored beside the messages. A workspace that is asked about once pays for
reading its rules, and of most rules little is ever looked at: so each is a line of its own, which is read when an event
comes to it. A line is the letter of the trigger, then the condition and the selection, both as JSON.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, TypeAlias

from service.rules.choices import Choice, choices_of
from service.rules.conditions.kinds import Prepared, prepare_condition
from service.rules.triggers import FALLBACK, TRIGGERS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evenhand.v1 import rules_pb2 as pb

PreparedSelection: TypeAlias = dict[str, str]
"""What the rule selects, by name: `rule_id` (none: the fallback), `choice` (see `Choice.ref`), `reply` (if any)."""

PreparedRule: TypeAlias = str
"""A line."""

FORMAT: Final = 6
"""Raise it with every change of how a prepared rule looks or what it means: a new trigger, operator or kind of
condition, another way to fold; `test_format.py` notices. Replicas of other versions then prepare rules themselves."""

_HEAD = f"evenhand rules {FORMAT}".encode()
_read = json.JSONDecoder().raw_decode


def prepare(rule_set: pb.RuleSet) -> list[PreparedRule]:
    """Prepare the enabled rules of a rule set that has passed validation, in order, and its fallback.

    Raises:
        KeyError: a trigger, or a kind of condition, is none that this version knows.
    """
    asked = [
        (TRIGGERS[rule.trigger].letter, prepare_condition(rule.condition))
        for rule in rule_set.rules[:]
        if not rule.disabled
    ]
    selections = list(map(_select, choices_of(rule_set), _replies(rule_set)))
    if len(selections) > len(asked):
        # The fallback is simply a last rule, which takes every new WhatsApp contact.
        asked.append((FALLBACK.letter, None))
    return [
        letter + _write(condition) + _write(selection)
        for (letter, condition), selection in zip(asked, selections, strict=True)
    ]


def _replies(rule_set: pb.RuleSet) -> Iterator[str]:
    """Yield the replies of enabled rules, in order, then that of the fallback, which has none."""
    yield from (rule.reply for rule in rule_set.rules[:] if not rule.disabled)
    yield ""


def _select(choice: Choice, reply: str) -> PreparedSelection:
    selection = {"rule_id": choice.rule_id, "choice": choice.ref, "reply": reply}
    return {name: text for name, text in selection.items() if text}


def dump(rules: list[PreparedRule]) -> bytes:
    """Write prepared rules down, for `load` of the same format."""
    return "\n".join([_HEAD.decode(), *rules]).encode()


def is_readable(written: bytes) -> bool:
    """Tell whether `load` can read it: whether `dump` wrote it in this format."""
    return written.partition(b"\n")[0] == _HEAD


def load(written: bytes) -> list[PreparedRule]:
    """Read prepared rules that `dump` wrote. Nothing at all is no rules."""
    return written.decode().split("\n")[1:]


def candidates(rules: list[PreparedRule], occasion: str) -> list[int]:
    """List the places of the rules that may take a contact on an occasion, as `OCCASIONS` has it, in order."""
    return [place for place, rule in enumerate(rules) if rule[0] in occasion]


def condition_of(rule: PreparedRule) -> Prepared | None:
    """Read the condition under which the rule takes a contact; None for always."""
    condition: Prepared | None
    condition, _ = _read(rule, 1)
    return condition


def selection_of(rule: PreparedRule) -> PreparedSelection:
    """What the rule selects."""
    _, end = _read(rule, 1)
    selection: PreparedSelection
    selection, _ = _read(rule, end)
    return selection


def _write(prepared: Prepared | PreparedSelection | None) -> str:
    return json.dumps(prepared, separators=(",", ":"))
