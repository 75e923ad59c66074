"""What a rule asks for when it matches: one value with names, which goes to Redis as it is and is read there by name.

Whatever a rule (or the fallback) says about who is eligible comes along by itself: every field of the message that is
set and not named in `_OTHERWISE`. So a new one needs its check, and the place in Lua that heeds it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from evenhand.v1 import rules_pb2 as pb
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from service.rules.pools import pool_of

if TYPE_CHECKING:
    from collections.abc import Iterator

_OTHERWISE: Final = frozenset(
    {"id", "name", "disabled", "enabled", "trigger", "condition", "target", "strategy", "reply"}
)
"""Fields of rules and fallback that say something else than who is eligible."""

_REF_CHARACTERS = 16


@dataclass(frozen=True)
class View:
    """One way in which rules look at a pool: by which strategy, and who is eligible.

    Attributes:
        pool: name of the pool, see `pool_of`.
        strategy: a value of the enum Strategy, never UNSPECIFIED.
        asked: what makes an agent eligible, as JSON: the fields that are set, by their names in the contract.
    """

    pool: str
    strategy: int
    asked: str = "{}"

    @property
    def name(self) -> str:
        """The view's name, within the workspace."""
        return f"{self.pool}\x1f{self.strategy}{self.asked}"

    def plain(self) -> dict[str, Any]:
        """Return the view as scripts read it."""
        return {"name": self.name, "strategy": self.strategy, **json.loads(self.asked)}


@dataclass(frozen=True)
class Choice:
    """What a matching rule, or the fallback, asks for.

    Attributes:
        view: where an agent is looked for, and by which strategy; None: nowhere, since the target is nobody.
        rule_id: the rule's id; empty for the fallback.
        team_id: the team that is targeted, if a team is.
    """

    view: View | None
    rule_id: str
    team_id: str

    @cached_property
    def text(self) -> str:
        """The choice as scripts read it, in JSON."""
        plain = {"rule_id": self.rule_id, "team_id": self.team_id, "fallback": not self.rule_id}
        if self.view is None:
            # Whoever reads decisions finds the strategy in the view; none was used.
            return _json({**plain, "nobody": True, "view": {"strategy": pb.STRATEGY_UNSPECIFIED}})
        return _json({**plain, "pool": self.view.pool, "view": self.view.plain()})

    @cached_property
    def ref(self) -> str:
        """What a decision names the choice by: equal ones have the same, whenever and wherever they are made."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:_REF_CHARACTERS]


def choices_of(rule_set: pb.RuleSet) -> Iterator[Choice]:
    """Yield what every enabled rule asks for, in order, then the fallback if it can apply."""
    for rule in rule_set.rules[:]:
        if not rule.disabled:
            yield _choice(rule, rule.id)
    if rule_set.fallback.enabled and rule_set.rules:
        yield _choice(rule_set.fallback, "")


def _choice(by: pb.Rule | pb.Fallback, rule_id: str) -> Choice:
    if by.target.nobody:
        return Choice(None, rule_id, "")
    asked = {field.name: _plain(value) for field, value in by.ListFields() if field.name not in _OTHERWISE}
    view = View(pool_of(by.target), by.strategy or pb.STRATEGY_ROUND_ROBIN, _json(asked))
    return Choice(view, rule_id, by.target.team_id)


def _plain(value: Any) -> Any:
    return MessageToDict(value, preserving_proto_field_name=True) if isinstance(value, Message) else value


def _json(plain: dict[str, Any]) -> str:
    return json.dumps(plain, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
