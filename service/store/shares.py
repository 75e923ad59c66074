"""What metrics are made of that lie in Redis, and who of all replicas exposes them.

That is who has got what in each pool, and how many contacts nobody has got.
"""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING
from uuid import uuid4

from service.store import keys
from service.store.pool_names import PoolNames
from service.store.scripts import load
from service.store.values import UnusableStateError, revision_of
from service.telemetry.fairness import Standing
from service.telemetry.sample import UnreadableWorkspaceError, WithoutOwner, WorkspaceSample

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from service.config import Settings
    from service.redis_client.client import RedisClient
    from service.store.pool_names import Versions

_SHARES = load("shares")
_UNASSIGNED = load("unassigned")
_LEAD = load("lead")

_AGENTS_A_RUN = 50
_CONTACTS_A_RUN = 200
_POOL_KINDS = {"t": "team", "l": "list"}


# For so many intervals the replica that leads may be silent before another one leads.
_SILENT = 3


class Shares:
    """Who has got what in each pool, and who nobody; and sees to it that one replica collects that at a time.

    The leader renews a lease, and when it ends another replica leads.

    Args:
        redis: where the state is; not closed with this.
        settings: how many workspaces are remembered, how often the lead is taken, when a contact is overdue.
        list_names: returns the names of the pools that are lists of agents, from a serialized rule set.
        candidate: whether to lead at all, or only to note workspaces.
    """

    def __init__(
        self,
        redis: RedisClient,
        settings: Settings,
        list_names: Callable[[bytes], Mapping[str, str]],
        *,
        candidate: bool,
    ) -> None:
        self._redis = redis
        self._most = settings.metrics_workspaces
        self._lease_ms = int(_SILENT * settings.metrics_interval_s * 1000)
        self._overdue_ms = int(settings.unassigned_after_s * 1000)
        self._retention_ms = int(settings.contact_retention_s * 1000)
        self._names = PoolNames(redis, list_names)
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
        leads, *noted = self._redis.run(
            _LEAD, keys.COLLECTOR, self._name, self._lease_ms, self._most, *in_use, repeatable=True
        )
        workspaces = [workspace.decode() for workspace in noted]
        self._names.keep(workspaces)
        return workspaces if leads else None

    def sample(self, workspace_id: str) -> WorkspaceSample:
        """Return what there is to expose of a workspace.

        Agents and contacts are gone through in bounded runs, so those of very many are not of one moment.

        Raises:
            RedisUnavailableError: Redis is unavailable.
            UnreadableWorkspaceError: the state of this workspace is of no use.
        """
        try:
            return self._sample(workspace_id)
        except UnusableStateError as error:
            raise UnreadableWorkspaceError(type(error).__name__) from error

    def _sample(self, workspace_id: str) -> WorkspaceSample:
        versions, without_owner, agents_lost = self._without_owner(keys.root(workspace_id))
        pools = self._standings(keys.root(workspace_id))
        names = self._names.of(workspace_id, versions, pools.keys())
        labelled = {pool: _label(pool) for pool in pools}
        return WorkspaceSample(
            {labelled[pool]: standings for pool, standings in pools.items()},
            {label: names.get(pool, label.removeprefix("team:")) for pool, label in labelled.items()},
            without_owner,
            revision_of(versions[0]),
            agents_lost=bool(agents_lost),
        )

    def _standings(self, root: bytes) -> dict[str, list[Standing]]:
        """Return the standings in every pool that a rule uses, or that anybody was assigned contacts in."""
        pools: defaultdict[str, list[Standing]] = defaultdict(list)
        following = 1
        while following:
            following, *agents = self._redis.run(_SHARES, root, following, _AGENTS_A_RUN, repeatable=True, slow=True)
            for agent in map(json.loads, agents):
                for place in agent["pools"]:
                    pools[place["pool"]].append(
                        Standing(
                            agent["id"],
                            agent["weight"],
                            place["assigned"],
                            agent["open"],
                            agent["online"],
                            place["eligible"],
                            frozenset(place.get("strategies", ())),
                            agent["name"],
                        )
                    )
        return dict(pools)

    def _without_owner(self, root: bytes) -> tuple[Versions, WithoutOwner, int]:
        """Return the versions of rules and roster, contacts without an owner, and how often a lost agent was met."""
        more = 1
        while more:
            more, rules, roster, *counted, agents_lost = self._redis.run(
                _UNASSIGNED, root, self._overdue_ms, self._retention_ms, _CONTACTS_A_RUN, slow=True
            )
        return (rules.decode(), roster.decode()), WithoutOwner(*counted), agents_lost


def _label(pool: str) -> str:
    kind, _, rest = pool.partition(":")
    return f"{_POOL_KINDS[kind]}:{rest}" if kind in _POOL_KINDS else "everyone"
