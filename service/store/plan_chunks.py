"""A change of configuration, cut into pieces that build.lua puts in place one by one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from service.store import keys

if TYPE_CHECKING:
    from service.store.values import Change, PlannedAgent

# How many places in pools, and agents, one piece may touch: some milliseconds in which Redis serves nobody else.
_WORK_A_PIECE = 120
_GONE_A_PIECE = 50


def pieces_of(change: Change) -> list[str]:
    """Return the pieces, as build.lua takes them; none if nothing changes.

    Clocks come first, since agents are placed by them, and pools are dropped last, since their turns are carried on.
    """
    pieces: list[dict[str, Any]] = []
    work = 0
    if change.carried:
        pieces.append(_piece(clocks=change.carried))
        work = _WORK_A_PIECE
    for agent in change.agents:
        cost = 1 + sum(1 + len(views) for *_, views in agent[5])
        if not pieces or work + cost > _WORK_A_PIECE:
            pieces.append(_piece())
            work = 0
        pieces[-1]["agents"].append(_agent(agent))
        work += cost
    pieces += [_piece(gone=change.gone[at : at + _GONE_A_PIECE]) for at in range(0, len(change.gone), _GONE_A_PIECE)]
    if change.dropped:
        pieces.append(_piece(dropped=change.dropped))
    return [json.dumps(piece, ensure_ascii=False, separators=(",", ":")) for piece in pieces]


def _piece(**parts: Any) -> dict[str, Any]:
    return {"clocks": [], "agents": [], "gone": [], "dropped": []} | parts


def _agent(agent: PlannedAgent) -> list[Any]:
    agent_id, name, weight, limit, enabled, places = agent
    return [
        agent_id,
        name,
        weight,
        limit,
        int(enabled),
        [
            [
                pool,
                position,
                predecessor,
                [
                    [keys.view(pool, strategy, most, online_only=online_only), strategy, int(online_only), most]
                    for strategy, online_only, most in views
                ],
            ]
            for pool, position, predecessor, views in places
        ],
    ]
