"""What is to be written of a roster, as chunks of a plan: the commands that lua/include/roster_writes.lua runs."""

from __future__ import annotations

from struct import pack
from typing import TYPE_CHECKING, TypeVar

from service.store import folded_ids
from service.store.keys import SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from service.store.roster_values import PlacedMessage, RosterWrites

# How many agents, teams or places one chunk writes.
_ENTRIES_A_CHUNK = 100
_AGENTS, _AGENTS_ORDER = SUFFIXES["AGENTS"], SUFFIXES["AGENTS_ORDER"]
_FOLDED = SUFFIXES["FOLDED"]
_TEAMS, _TEAMS_ORDER, _TEAM = SUFFIXES["TEAMS"], SUFFIXES["TEAMS_ORDER"], SUFFIXES["TEAM"]

Entry = TypeVar("Entry")


def roster_chunks(writes: RosterWrites) -> list[bytes]:
    """Return the chunks; none if there is nothing to write."""
    return [
        *_placed(_AGENTS, _AGENTS_ORDER, writes.agents, writes.agents_gone),
        *(_chunk(["ZREM", _FOLDED, *some]) for some in _parts(folded_ids.members(writes.agents_gone))),
        *(
            _chunk(["ZADD", _FOLDED, *(word for member in some for word in ("0", member))])
            for some in _parts(folded_ids.members(writes.agents))
        ),
        *_placed(_TEAMS, _TEAMS_ORDER, writes.teams, writes.teams_gone),
        *(_chunk(["ZREMRANGEBYRANK", _TEAM + team_id, "0", "-1"]) for team_id in writes.teams_gone),
        *(
            _chunk(["ZREM", _TEAM + team_id, *some])
            for team_id, gone in writes.members_gone.items()
            for some in _parts(gone)
        ),
        *(
            _chunk(["ZADD", _TEAM + team_id, *(word for agent_id, at in some for word in (str(at), agent_id))])
            for team_id, members in writes.members.items()
            for some in _parts(members.items())
        ),
    ]


def _placed(messages: str, order: str, placed: Mapping[str, PlacedMessage], gone: Sequence[str]) -> Iterator[bytes]:
    for ids in _parts(gone):
        yield _chunk(["HDEL", messages, *ids], ["ZREM", order, *ids])
    for some in _parts(placed.items()):
        yield _chunk(
            ["HSET", messages, *(word for each, (_, message) in some for word in (each, message))],
            ["ZADD", order, *(word for each, (position, _) in some for word in (str(position), each))],
        )


def _parts(entries: Collection[Entry]) -> Iterator[list[Entry]]:
    every = list(entries)
    for at in range(0, len(every), _ENTRIES_A_CHUNK):
        yield every[at : at + _ENTRIES_A_CHUNK]


def _chunk(*commands: Iterable[str | bytes]) -> bytes:
    chunk = b"W"
    for command in commands:
        words = [word.encode() if isinstance(word, str) else word for word in command]
        chunk += pack(">I", len(words)) + b"".join(pack(">I", len(word)) + word for word in words)
    return chunk
