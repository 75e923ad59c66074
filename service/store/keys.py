"""Every key that Evenhand keeps in Redis, made in one place.

All keys of a workspace begin with `evenhand:{workspace}`, so they share one hash slot and a script may touch them
together. Scripts get that beginning as KEYS[1] and add the suffixes below, which they are given as Lua constants.

| key                        | type       | holds                                                                    |
| -------------------------- | ---------- | ------------------------------------------------------------------------ |
| (the beginning itself)     | hash       | revisions and their incarnations, sequence, counters, flags; what rules  |
|                            |            | ask for, by name, and `#<number>` -> name; rules/choices.py              |
| :rules                     | string     | the rule set that was configured, as a serialized message                |
| :agents, :teams            | hash       | id -> agent, or team without its agents, as a serialized message         |
| :agents:order, :teams:order| sorted set | ids of agents, of teams, by position; there may be gaps                  |
| :team:<team>               | sorted set | ids of a team's agents by position; there may be gaps                    |
| :prepared                  | string     | the rules as the matcher takes them, rules/matching/prepared.py          |
| :staged:<token>, :plan     | list       | what a new configuration still has to change, in bounded pieces          |
| :numbers                   | hash       | agent id -> the agent's number, for ever; `+17` for unknown owners       |
| :recalled                  | hash       | the same while they are put back; expires in a minute                    |
| :unknown                   | sorted set | numbers of unknown owners by the time (ms) when their records are gone   |
| :folded                    | sorted set | `<folded id>|<agent id>` of the roster's agents whose ids are not folded,|
|                            |            | and `|<version>` of that roster, all with the score 0; named_owners.lua  |
| :agent:<number>            | hash       | settings, presence, open count, pools and views; for each pool a turn;   |
|                            |            | what it was assigned in pools that it is in no more                      |
| :checked                   | string     | there while a view that is empty is not looked after; expires in a minute|
| :emptied                   | hash       | the virtual time before which nobody comes into a view; rotation.py      |
| :leases                    | sorted set | numbers of agents whose presence ends by itself, by that time (ms)       |
| :view:<view>               | sorted set | the eligible of a pool as some rules see it, in the order of choosing    |
| :open:<bucket>             | hash       | contact id -> record, of open contacts                                   |
| :settled:<contact>         | string     | the record of a contact that is closed or unassigned; expires            |
| :alias:<id>                | string     | the contact that the id stands for, since it was merged into that one;   |
|                            |            | lasts as long as the record of that contact; include/aliases.lua         |
| :aliases:<contact>         | hash       | all ids that stand for the contact, each by itself                       |
| :reply:<contact>           | string     | the reply of the decision on record; expires                             |
| :replay:<contact>|<request>| string     | a decision that a later one took the place of; expires. A request is its |
|                            |            | id, and one byte for the type of event (values.py)                       |
| :run:<token>               | string     | the sequence before those of a run of decide.lua; expires in seconds     |
| :unmatched                 | sorted set | contacts without an owner that no rule has matched so far, by the time   |
|                            |            | (ms) of their first event; only metrics need it, as the next one         |
| :unassigned                | sorted set | the same of those that turned out unassigned; without_owner.lua          |

`:moving` is never there: in a Redis Cluster it is passed beside the beginning (`service.redis_client.router`).
`:written` is there for a millisecond where changes have to be durable first (`service.redis_client.durability`).

Of no workspace are `evenhand-collector:{collector}`, the lease of the replica that collects the metrics of fairness,
and beside it `:workspaces`, a sorted set of workspaces in use by the time they were last seen;
and `evenhand:{<number>}:probe` of `service.redis_client.endpoint`, there for a millisecond when a server has to show
that it takes writes.

`|` stands for the unit separator, which no id contains. A pool is `*` (everyone), `t:<team>` or `l:<digest>`, and a
view `<pool>|<strategy>` with what the rules ask for (rules/choices.py).
"""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import unquote
from zlib import crc32

PREFIX = "evenhand:"
SEPARATOR = "\x1f"
COLLECTOR = b"evenhand-collector:{collector}"

SUFFIXES = {
    "RULES": ":rules",
    "AGENTS": ":agents",
    "AGENTS_ORDER": ":agents:order",
    "TEAMS": ":teams",
    "TEAMS_ORDER": ":teams:order",
    "TEAM": ":team:",
    "PREPARED": ":prepared",
    "STAGED": ":staged:",
    "PLAN": ":plan",
    "NUMBERS": ":numbers",
    "RECALLED": ":recalled",
    "UNKNOWN": ":unknown",
    "FOLDED": ":folded",
    "AGENT": ":agent:",
    "CHECKED": ":checked",
    "FLOORS": ":emptied",
    "LEASES": ":leases",
    "VIEW": ":view:",
    "OPEN": ":open:",
    "SETTLED": ":settled:",
    "ALIAS": ":alias:",
    "ALIASES": ":aliases:",
    "REPLY": ":reply:",
    "REPLAY": ":replay:",
    "RUN": ":run:",
    "UNMATCHED_CONTACTS": ":unmatched",
    "UNASSIGNED_CONTACTS": ":unassigned",
}

# Open contacts lie in hashes of some dozens, which Redis packs tightly: a million take 30 to a bucket.
BUCKETS = 32768

LUA_CONSTANTS = {name: f"'{suffix}'" for name, suffix in SUFFIXES.items()} | {"SEPARATOR": "'\\31'"}
"""The suffixes by their names in scripts, as Lua writes them."""


@lru_cache(maxsize=16_384)
def root(workspace_id: str) -> bytes:
    """Return what all keys of the workspace begin with.

    Braces and percent signs are escaped, so that the hash tag is the whole id and no two workspaces meet.
    """
    tag = workspace_id.replace("%", "%25").replace("{", "%7B").replace("}", "%7D")
    return f"{PREFIX}{{{tag}}}".encode()


def workspace_of(workspace_root: bytes) -> str:
    """Return the id of the workspace whose keys begin so."""
    return unquote(workspace_root.decode().removeprefix(f"{PREFIX}{{").removesuffix("}"))


def bucket(contact_id: bytes) -> int:
    """Return the number of the bucket in which the contact lies while it is open."""
    return crc32(contact_id) % BUCKETS


def pattern(beginning: bytes) -> bytes:
    """Return the glob that matches all keys with this beginning, for SCAN."""
    return b"".join(b"\\" + bytes([c]) if c in b"*?[]\\^-" else bytes([c]) for c in beginning) + b"*"
