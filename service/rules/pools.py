"""Names of pools: rules whose targets have the same name share one rotation."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from service.rules.fields.listing import listed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from evenhand.v1.rules_pb2 import RuleSet, Target

EVERYONE: Final = "*"
_DIGEST_CHARACTERS = 16


def pool_of(target: Target) -> str:
    """Name a target's pool.

    Returns:
        `*` for everyone (and for no target), `t:<team id>` for a team, and `l:<digest>` for a rule's own list: the same
        agents in the same order are the same pool.
    """
    match target.WhichOneof("to"):
        case "team_id":
            return f"t:{target.team_id}"
        case "agents":
            return f"l:{_digest(target.agents.agent_ids)}"
        case _:
            return EVERYONE


def list_names(rule_set: RuleSet) -> dict[str, str]:
    """Name the pools that are lists of agents for people: by the rules, or the fallback, that have them as targets."""
    owners: dict[str, list[str]] = {}
    for rule in rule_set.rules:
        if rule.target.WhichOneof("to") == "agents":
            owners.setdefault(pool_of(rule.target), []).append(rule.name or rule.id)
    if rule_set.fallback.target.WhichOneof("to") == "agents":
        owners.setdefault(pool_of(rule_set.fallback.target), []).append("fallback")
    return {pool: listed(names) for pool, names in owners.items()}


def _digest(agent_ids: Iterable[str]) -> str:
    # With each id's length before it, no two lists give the same text.
    joined = "".join(f"{len(agent_id)}:{agent_id}" for agent_id in agent_ids)
    return hashlib.sha256(joined.encode()).hexdigest()[:_DIGEST_CHARACTERS]
