"""What the metrics of fairness are made of: who has got what in each pool, and who of all replicas exposes it."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING
from uuid import uuid4

from service.store import keys
from service.store.scripts import load
from service.telemetry.fairness import Standing

if TYPE_CHECKING:
    from collections.abc import Collection

    from service.redis_client.client import RedisClient

_SHARES = load("shares")
_LEAD = load("lead")

_AGENTS_A_RUN = 50
_POOL_KINDS = {"t": "team", "l": "list"}


# For so many intervals the replica that leads may be silent before another one leads.
_SILENT = 3


class Shares:
    """Who has got what in each pool; and sees to it that one replica collects that at a time.

    The leader renews a lease, and when it ends another replica leads.

    Args:
        redis: where the state is; not closed with this.
        most: how many workspaces are remembered.
        interval_s: how often the lead is taken.
        candidate: whether to lead at all, or only to note workspaces.
    """

    def __init__(self, redis: RedisClient, most: int, interval_s: float, *, candidate: bool) -> None:
        self._redis = redis
        self._most = most
        self._milliseconds = int(_SILENT * interval_s * 1000)
        self._name = uuid4().hex if candidate else ""

    def hand_over(self) -> None:
        """End the lease, if this replica has it.

        Raises:
            RedisUnavailableError: Redis is unavailable; it ends by itself.
        """
        self._redis.run(_LEAD, keys.COLLECTOR, self._name, 0, self._most, repeatable=True)

    def lead(self, in_use: Collection[str]) -> list[str] | None:
        """Note workspaces in use. Return all that replicas noted, the latest first; None if another one leads.

        Raises:
            RedisUnavailableError: Redis is unavailable.
        """
        leads, *workspaces = self._redis.run(
            _LEAD, keys.COLLECTOR, self._name, self._milliseconds, self._most, *in_use, repeatable=True
        )
        return [workspace.decode() for workspace in workspaces] if leads else None

    def standings(self, workspace_id: str) -> dict[str, list[Standing]]:
        """Return the standings in every pool that a rule uses, by the pool's name for people, as of now.

        They are read in bounded runs, so those of very many agents are not of one moment.

        Raises:
            RedisUnavailableError: Redis is unavailable.
        """
        pools: defaultdict[str, list[Standing]] = defaultdict(list)
        root, following = keys.root(workspace_id), 1
        while following:
            following, *agents = self._redis.run(_SHARES, root, following, _AGENTS_A_RUN, repeatable=True, slow=True)
            for agent in map(json.loads, agents):
                for place in agent["pools"]:
                    pools[_name(place["pool"])].append(
                        Standing(
                            agent["id"],
                            agent["weight"],
                            place["assigned"],
                            agent["open"],
                            agent["online"],
                            place["eligible"],
                            frozenset(place["strategies"]),
                        )
                    )
        return dict(pools)


def _name(pool: str) -> str:
    kind, _, rest = pool.partition(":")
    return f"{_POOL_KINDS[kind]}:{rest}" if kind in _POOL_KINDS else "everyone"
