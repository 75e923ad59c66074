"""Whether the open counts that are kept are those of the records, which are the truth."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.call import NO_DEADLINE
from service.store import keys
from service.store.scripts import load
from service.store.workspace import RedisWorkspace

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from service.redis_client.client import RedisClient

_COUNT_BUCKET = load("count_bucket")
_OPEN_COUNTS = load("open_counts")
_REPAIR = load("repair")

_AGENTS_A_RUN = 500
_KEYS_A_SCAN = 1000
_LEFT_ROSTER, _NEVER_IN_ROSTER = 1, 2  # as open_counts.lua says it


@dataclass(frozen=True, slots=True)
class Drift:
    """An agent whose open count is not what the records say.

    Attributes:
        number: the agent's.
        agent_id: the agent.
        kept: the open count; None: the agent's hash is lost, and with it settings, presence and turns.
        counted: the open contacts in the records.
    """

    number: int
    agent_id: str
    kept: int | None
    counted: int


@dataclass(frozen=True, slots=True)
class Audit:
    """What an audit found.

    Attributes:
        contacts: open contacts counted in the records.
        agents: how many agents were compared.
        unknown: owners who are nobody of the roster, each with the open contacts in the records. Of agents who left it,
            those with any.
        drifts: those whose count is wrong.
        sequence: of the workspace, before the records were read.
        quiet: whether nothing happened in the workspace meanwhile. If something did, a drift may be none.
    """

    contacts: int
    agents: int
    unknown: tuple[tuple[str, int], ...]
    drifts: tuple[Drift, ...]
    sequence: int
    quiet: bool


def audit_workspace(redis: RedisClient, workspace_id: str) -> Audit:
    """Count all open contacts of the workspace anew and compare. Changes nothing, and may run beside live traffic."""
    root = keys.root(workspace_id)
    workspace = RedisWorkspace(redis, root, NO_DEADLINE, contact_retention_ms=0)
    sequence = _sequence(redis, root)
    counted: Counter[int] = Counter()
    for bucket in _buckets(redis, root):
        flat = redis.run(_COUNT_BUCKET, root, bucket, repeatable=True)
        for owner, count in zip(flat[::2], flat[1::2], strict=True):
            counted[owner] += count
    kept = dict(enumerate(_kept(redis, root), 1))
    unnamed = {number for number, (agent_id, *_) in kept.items() if not agent_id}
    ids = _ids(workspace, unnamed) if unnamed else {}
    # Others were unknown owners, whom nothing refers to any more.
    lost = {number for number in unnamed if number in ids or counted[number]}
    drifts = tuple(
        Drift(number, ids.get(number, agent_id), None if number in lost else count, counted[number])
        for number, (agent_id, count, _) in kept.items()
        if number in lost or count != counted[number]
    )
    unknown = tuple(
        (agent_id, counted[number])
        for number, (agent_id, _, standing) in kept.items()
        if agent_id and (standing == _NEVER_IN_ROSTER or (standing == _LEFT_ROSTER and counted[number]))
    )
    compared = len(kept) - len(unnamed - lost)
    return Audit(counted.total(), compared, unknown, drifts, sequence, _sequence(redis, root) == sequence)


def repair_workspace(redis: RedisClient, workspace_id: str, found: Audit) -> bool:
    """Set the counts that drifted to what the records say. False, and no change, if something happened since.

    Whose hash was lost has its id and count again; `service.decisions.agents_put_back` does the rest.
    """
    arguments = [word for drift in found.drifts for word in (drift.number, drift.counted, drift.agent_id)]
    workspace = RedisWorkspace(redis, keys.root(workspace_id), NO_DEADLINE, contact_retention_ms=0)
    return bool(workspace.run(_REPAIR, found.sequence, *arguments))


def _sequence(redis: RedisClient, root: bytes) -> int:
    return int(redis.run(_OPEN_COUNTS, root, 1, 0, repeatable=True)[0])


def _kept(redis: RedisClient, root: bytes) -> Iterator[tuple[str, int, int]]:
    """Yield each agent's id, open count, and whether it is in the roster (see open_counts.lua), by number."""
    first, agents = 1, 1
    while first <= agents:
        _, total, *flat = redis.run(_OPEN_COUNTS, root, first, first + _AGENTS_A_RUN - 1, repeatable=True)
        agents = int(total)
        first += _AGENTS_A_RUN
        for agent_id, count, standing in zip(flat[::3], flat[1::3], flat[2::3], strict=True):
            yield agent_id.decode(), count, standing


def _ids(workspace: RedisWorkspace, numbers: Collection[int]) -> dict[int, str]:
    """Return the ids of agents with these numbers."""
    return {number: each for each, number in workspace.mending().numbers_by_id().items() if number in numbers}


def _buckets(redis: RedisClient, root: bytes) -> list[int]:
    """Return the number of every bucket that has open contacts, once."""
    names = redis.scan(root, keys.pattern(root + keys.SUFFIXES["OPEN"].encode()), _KEYS_A_SCAN)
    return [int(name.rpartition(b":")[2]) for name in names]
