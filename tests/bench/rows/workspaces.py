"""So many workspaces in turn that the service can keep the rules of few cached, against a single one.

Each has 20 rules that are like no other's, and five agents. Over gRPC all of them would take an hour, so one is made
that way, and its keys are copied within Redis under the names of the others, with their own numbers in the texts of
their rules. That a copy decides like the original is seen by every answer. The prepared rules, which hide
texts, are written as the service would have.
"""

from __future__ import annotations

import re
import time
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING

import psutil
import redis

from service.rules import dump, prepare
from service.store import keys
from tests.bench import traffic
from tests.bench.findings import Finding, Ratio
from tests.bench.rows.texts import cost_text, figures
from tests.support import builders as b

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.bench.harness import Bench
    from tests.bench.targets import Cost, Target

_MANY, _MANY_QUICK = 100_000, 5_000
_CACHED = 1_000
_ONE = "workspace-00000000"
_OWN = "-00000000"
_AT_ONCE = 1_000
_SECONDS = 3.0
_MEGABYTE = 1024 * 1024

_FLAT = 1.1

_FORM = r'(?<="expression",")([^"]+)'

_COPY = """
-- KEYS  what all keys of the original begin with, then all of them
-- ARGV  the same for all workspaces but for their numbers; the original's own text; then the numbers of the copies
local beginning, own = ARGV[1], ARGV[2]
local function with(text, other)
  local at = string.find(text, own, 1, true)
  while at do
    text = string.sub(text, 1, at - 1) .. other .. string.sub(text, at + #own)
    at = string.find(text, own, at + #other, true)
  end
  return text
end
for key = 2, #KEYS do
  local rest = string.sub(KEYS[key], #KEYS[1] + 1)
  local text = redis.call('TYPE', KEYS[key]).ok == 'string' and redis.call('GET', KEYS[key])
  local dumped = not text and redis.call('DUMP', KEYS[key])
  for at = 3, #ARGV do
    local copy = beginning .. ARGV[at] .. '}' .. rest
    if text then
      redis.call('SET', copy, with(text, '-' .. ARGV[at]))
    else
      redis.call('RESTORE', copy, 0, dumped)
    end
  end
end
"""


def measure(bench: Bench) -> list[Finding]:
    """Return a line for the cost of a call, and one for the memory of the process."""
    many, count = _MANY if bench.effort.is_full else _MANY_QUICK, bench.effort.some(10_000)
    with bench.ours() as ours:
        configured, copied = _configure(ours, many)
        bench.say(f"  {many:,} workspaces: one configured in {configured:.2f} s, the others copied in {copied:.0f} s")
        one = traffic.Requests(_ONE, "just-one")
        each = traffic.Requests(lambda number: f"workspace-{1 + number % (many - 1):08}", "one-each")
        process = psutil.Process(ours.server.pid)
        for requests in (one, each):
            bench.cost(ours, requests, _CACHED + 500, seconds=10 * _SECONDS)
        memory = [process.memory_info().rss / _MEGABYTE]

        def in_turn() -> Cost:
            cost = bench.cost(ours, each, count, seconds=_SECONDS)
            memory.append(process.memory_info().rss / _MEGABYTE)
            return cost

        samples, ratios = bench.rounds(
            {
                "one": lambda: bench.cost(ours, one, count, seconds=_SECONDS),
                "many": in_turn,
            },
            {"many / one": lambda latest: latest["many"].server / latest["one"].server},
        )
    turns = f"each with 20 rules of its own; {min(each.taken, many):,} of them had a turn"
    details = {name: figures(costs) for name, costs in samples.items()} | {"configure_seconds": configured}
    return [
        Finding(
            f"{many:,} workspaces in turn",
            cost_text(samples["many"]),
            f"one workspace: {cost_text(samples['one'])}",
            ratios["many / one"],
            1.5,
            at_least=False,
            note=f"cost of a call; {turns}",
            details=details,
        ),
        Finding(
            f"{many:,} workspaces in turn: memory",
            f"{memory[-1]:.1f} MB at the end",
            f"{memory[len(memory) // 2]:.1f} MB half way",
            Ratio([memory[-1] / memory[len(memory) // 2]]),
            _FLAT,
            at_least=False,
            note=f"of the service's process; {turns}",
            details={"megabytes": [round(used, 1) for used in memory]},
        ),
    ]


def _prepared_like(original: bytes) -> Callable[[str], bytes]:
    """Return what writes the original's prepared rules with another workspace's number in their texts."""
    plain, form, rest = re.split(_FORM, original.decode())
    encoded, own = b64decode(form), _OWN.encode()

    def write(number: str) -> bytes:
        other = f"-{number}"
        hidden = b64encode(encoded.replace(own, other.encode())).decode()
        return f"{plain.replace(_OWN, other)}{hidden}{rest.replace(_OWN, other)}".encode()

    return write


def _configure(target: Target, many: int) -> tuple[float, float]:
    """Put all workspaces in place; return the seconds it took to configure one, and to copy it."""
    assert target.redis is not None
    original = target.workspace(_ONE)
    agents = traffic.AGENTS[: len(traffic.TEAMS)]
    started = time.monotonic()
    original.roster(*agents, **{team: [agent] for team, agent in zip(traffic.TEAMS, agents, strict=True)})
    original.online(*agents)
    original.rules(*traffic.rules(_OWN), fallback=b.fallback(online_only=True))
    configured = time.monotonic() - started
    beginning = keys.root(_ONE).removesuffix(b"00000000}")
    with redis.Redis.from_url(target.redis.url, socket_timeout=60) as client:
        prepared = keys.root(_ONE) + keys.SUFFIXES["PREPARED"].encode()
        names = [keys.root(_ONE), *(name for name in client.scan_iter(count=1000) if name != prepared)]
        write = _prepared_like(client.get(prepared) or b"")
        copy = client.register_script(_COPY)
        for first in range(1, many, _AT_ONCE):
            numbers = [f"{number:08}" for number in range(first, min(first + _AT_ONCE, many))]
            copy(keys=names, args=[beginning, _OWN, *numbers])
            client.mset({prepared.replace(_OWN.encode(), f"-{number}".encode()): write(number) for number in numbers})
        last = target.workspace(f"workspace-{many - 1:08}").get_rules().rule_set
        assert f"vip-{many - 1:08}" in last.rules[0].condition.tag.any_of, "the copies' rules are not their own"
        written, expected = (re.split(_FORM, each.decode()) for each in (write(numbers[-1]), dump(prepare(last))))
        assert written[::2] == expected[::2], "what is prepared of them is another's"
        # The parts of a form come in any order.
        assert sorted(b64decode(written[1])) == sorted(b64decode(expected[1])), "their expression is another's"
    return configured, time.monotonic() - started - configured
