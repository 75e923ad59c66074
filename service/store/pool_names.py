"""Names of pools for people: read when rules or roster have changed, and kept until they do again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evenhand.v1.roster_service_pb2 import Team

from service.call import NO_DEADLINE
from service.store import keys
from service.store.roster_values import RosterChangedError
from service.store.workspace import RedisWorkspace

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from service.redis_client.client import RedisClient

TEAM = "t:"
"""What the names of teams' pools begin with, see `service.rules.pools`."""

Versions = tuple[str, str]
"""Of the rules, and of the roster."""


class PoolNames:
    """What people call the pools of workspaces.

    Args:
        redis: where the state is.
        of_lists: returns the names of the pools that are lists of agents, from a serialized rule set.
    """

    def __init__(self, redis: RedisClient, of_lists: Callable[[bytes], Mapping[str, str]]) -> None:
        self._redis = redis
        self._of_lists = of_lists
        self._known: dict[str, tuple[Versions, dict[str, str]]] = {}

    def of(self, workspace_id: str, versions: Versions, pools: Collection[str]) -> Mapping[str, str]:
        """Return those of these pools that have one.

        Args:
            workspace_id: the workspace.
            versions: as of now; while they stay what they are nothing is read.
            pools: the pools' names in Redis.

        Raises:
            RedisUnavailableError: Redis is unavailable.
        """
        before, names = self._known.get(workspace_id, (None, {}))
        if before != versions or not names.keys() >= set(pools):
            names = dict.fromkeys(pools, "") | self._read(workspace_id, pools)
            self._known[workspace_id] = versions, names
        return {pool: name for pool, name in names.items() if name}

    def keep(self, workspaces: Collection[str]) -> None:
        """Forget all other workspaces."""
        self._known = {each: self._known[each] for each in self._known.keys() & set(workspaces)}

    def _read(self, workspace_id: str, pools: Collection[str]) -> dict[str, str]:
        workspace = RedisWorkspace(self._redis, keys.root(workspace_id), NO_DEADLINE, contact_retention_ms=0)
        in_force = workspace.configuration()
        teams = [pool.removeprefix(TEAM) for pool in pools if pool.startswith(TEAM)]
        try:
            found = workspace.roster().team_messages(teams, in_force.roster_version)
        except RosterChangedError:
            found = {}  # and so have the versions: it is read again for the next sample
        names = {TEAM + team_id: Team.FromString(message).name for team_id, message in found.items()}
        return names | dict(self._of_lists(in_force.rules))
