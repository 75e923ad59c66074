"""The index of agents by their folded ids: who is meant by an owner id that differs from an agent's by case alone.

It holds agents whose id is not folded itself: the others are found by their ids. See lua/include/named_owners.lua.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.store.keys import SEPARATOR

if TYPE_CHECKING:
    from collections.abc import Iterable


def named(owner_id: str) -> str:
    """Return an owner id as scripts take it: behind it the same folded, where that differs; empty for nobody."""
    folded = owner_id.casefold()
    return owner_id if folded == owner_id else f"{owner_id}{SEPARATOR}{folded}"


def members(agent_ids: Iterable[str]) -> list[str]:
    """Return the members of the index for these agents."""
    folded = ((agent_id.casefold(), agent_id) for agent_id in agent_ids)
    return [f"{each}{SEPARATOR}{agent_id}" for each, agent_id in folded if each != agent_id]
