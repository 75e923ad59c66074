"""A change of configuration, cut into chunks that build.lua puts in place one by one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from service.store.values import Change, PlannedAgent, PlannedPlace, PlannedView

# How many places in pools, and agents, one chunk may touch: some milliseconds in which Redis serves nobody else.
_WORK_A_CHUNK = 120
_GONE_A_CHUNK = 50
# Agents whose places are not known here: build.lua puts back what it does not get to.
_AMENDED_A_CHUNK = 50
_VIEWS_A_CHUNK = 500


def chunks_of(change: Change) -> list[str]:
    """Return the chunks, as build.lua takes them; none if nothing changes.

    Virtual times that new views carry on come first, since agents are placed by them; views are dropped last.
    """
    carried = [[new, old] for new, old in change.new_views.items() if old]
    chunks: list[dict[str, Any]] = [{"carried": some} for some in _parts(carried, _VIEWS_A_CHUNK)]
    work = _WORK_A_CHUNK
    for agent in change.agents:
        places = agent[5]
        cost = 1 + sum(1 + len(views) for *_, views in places)
        if work + cost > _WORK_A_CHUNK:
            chunks.append({"agents": [], "pools": {}})
            work = 0
        chunks[-1]["agents"].append(_agent(agent))
        pools = chunks[-1]["pools"]
        for place in places:
            if place[0] not in pools:
                pools[place[0]] = _pool(place, change.new_views)
        work += cost
    settings = [_settings(agent) for agent in change.settings]
    chunks += [{"adjusted": some} for some in _parts(settings, _AMENDED_A_CHUNK)]
    for some in _parts(change.moves, _AMENDED_A_CHUNK):
        moved = [{"id": agent_id, "positions": positions} for agent_id, positions in some]
        pools = {pool: _seen("", change.views.get(pool, ()), {}) for _, positions in some for pool in positions}
        chunks.append({"moved": moved, "pools": pools})
    chunks += [{"gone": some} for some in _parts(change.gone, _GONE_A_CHUNK)]
    chunks += [{"dropped": some} for some in _parts(change.dropped_views, _VIEWS_A_CHUNK)]
    return [json.dumps(chunk, ensure_ascii=False, separators=(",", ":")) for chunk in chunks]


def _parts(items: Any, size: int) -> list[Any]:
    return [items[at : at + size] for at in range(0, len(items), size)]


def _agent(agent: PlannedAgent) -> dict[str, Any]:
    *settings, places = agent
    return _settings(settings) | {"positions": {pool: position for pool, position, *_ in places}}


def _settings(settings: Iterable[Any]) -> dict[str, Any]:
    return dict(zip(("id", "name", "weight", "limit", "enabled"), settings, strict=True))


def _pool(place: PlannedPlace, new_views: Mapping[str, str]) -> dict[str, Any]:
    """Return what the chunk says once of a pool, for all its agents; `new` says which view each new one carries on."""
    _, _, predecessor, views = place
    return _seen(predecessor, views, new_views)


def _seen(predecessor: str, views: Sequence[PlannedView], new_views: Mapping[str, str]) -> dict[str, Any]:
    return {
        "predecessor": predecessor,
        "views": [view.plain() for view in views],
        "new": {view.name: new_views[view.name] for view in views if view.name in new_views},
    }
