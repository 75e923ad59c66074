"""Time in Redis a decision, against the least that any atomic decision could take.

A workspace lives in one Redis thread, so the time that its scripts take there is the ceiling of all that the service
can do for it. Redis tells that time itself. The floor is a script that claims a contact, takes the first of a sorted
set, moves it on, counts and records, and does nothing else: no rules, no weights, no replays. Both run on the same
server, as often and sent alike: one run for each call, one call after another; or 50 contacts at a time, the decisions
in one run and the floor as 50 runs in one pipeline. One call after another leaves Redis idle most of the time, and then
all that it does takes longer, since caches cool down: so the floor is sent at the pace of the calls, and while they are
sent Redis has its core to itself too. How the floor does without a pause is in the note.
"""

from __future__ import annotations

import itertools
from time import perf_counter, sleep
from typing import TYPE_CHECKING, NamedTuple

from service.store import keys
from service.store.port import CONTACTS_A_RUN
from strategies import STRATEGIES
from tests.bench import traffic
from tests.bench.findings import Finding, median
from tests.bench.machine import on
from tests.bench.rows.batch import SIZE, run_batches
from tests.bench.rows.commands import scripts_run
from tests.support import builders as b

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.bench.harness import Bench
    from tests.bench.targets import Target
    from tests.support.processes import RedisServer

_ROUNDS = 9
STRATEGY_NUMBERS = {strategy.name.replace("_", " ").lower(): number for number, strategy in sorted(STRATEGIES.items())}
_SINGLE, _IN_RUNS = "alone", f"in runs of {CONTACTS_A_RUN}"
_NO_PAUSE = "alone, without a pause"
_BOUNDS = {_SINGLE: 2.0, _IN_RUNS: 1.5}
_ROOT = b"{floor}"

_FLOOR = """
local now = redis.call('TIME')
if redis.call('HGET', KEYS[1]..':open:'..ARGV[2], ARGV[1]) then return {2} end
local top = redis.call('ZRANGE', KEYS[1]..':view', 0, 0, 'WITHSCORES')
redis.call('ZADD', KEYS[1]..':view', top[2] + 1, top[1])
redis.call('HINCRBY', KEYS[1]..':agent:'..top[1], 'open', 1)
local seq = redis.call('HINCRBY', KEYS[1], 'sequence', 1)
redis.call('HSET', KEYS[1]..':open:'..ARGV[2], ARGV[1], struct.pack('>BI2I2I2I4I6', 1, top[1], 1, 1, seq, now[1]))
return {1, top[1], '', 1, seq, now[1], 0, ''}
"""


class Time(NamedTuple):
    """What scripts took in Redis: microseconds a decision, and how many runs there were for each."""

    microseconds: float
    runs: float


class _Pace:
    """How long one call takes, of those that were sent one after another last."""

    seconds = 0.0


Measures = dict[tuple[str, str], "Callable[[], Time]"]
"""What to do in each round, by whom it is about (a strategy, or "floor") and how it is sent."""


def measure(bench: Bench) -> list[Finding]:
    """Return a line for each Redis, strategy and way of sending."""
    return [finding for version, binary in bench.redis_servers() for finding in _findings(bench, binary, version)]


def _findings(bench: Bench, binary: Path, version: str) -> list[Finding]:
    lines = [(name, how) for name in STRATEGY_NUMBERS for how in _BOUNDS]
    with bench.ours(redis_binary=binary) as ours:
        assert ours.redis is not None
        pace = _Pace()
        measures = dict(
            itertools.chain(
                *(_ours(bench, ours, name, pace) for name in STRATEGY_NUMBERS), _floor(bench, ours.redis, pace)
            )
        )
        for take in measures.values():
            take()
        samples, ratios = bench.rounds(
            measures,
            {
                f"{name} {how}": lambda latest, name=name, how=how: (
                    latest[name, how].microseconds / latest["floor", how].microseconds
                )
                for name, how in lines
            },
            fewest=_ROUNDS,
            most=_ROUNDS,
        )
    return [
        Finding(
            f"time in Redis {version} a decision, {name}, {how}",
            _text(samples[name, how]),
            f"the floor: {_text(samples['floor', how])}",
            ratios[f"{name} {how}"],
            _BOUNDS[how],
            at_least=False,
            note=f"by Redis's own account; {len(traffic.AGENTS)} agents, online only, with request ids"
            + (f"; the floor without a pause: {_text(samples['floor', _NO_PAUSE])}" if how == _SINGLE else ""),
            details={who: [time._asdict() for time in samples[who, how]] for who in (name, "floor")},
        )
        for name, how in lines
    ]


def _text(times: list[Time]) -> str:
    return f"{median(times, lambda time: time.microseconds):.2f} µs"


def _ours(bench: Bench, target: Target, name: str, pace: _Pace) -> Iterator[tuple[tuple[str, str], Callable[[], Time]]]:
    """Configure a workspace with one rule of this strategy; yield how to decide about contacts of it."""
    singles, many = _counts(bench)
    workspace = target.workspace(f"floor-{STRATEGY_NUMBERS[name]}")
    workspace.roster(*traffic.AGENTS)
    workspace.online(*traffic.AGENTS)
    workspace.rules(b.rule("everyone", strategy=STRATEGY_NUMBERS[name], online_only=True))
    requests = {
        how: traffic.Requests(workspace.id, prefix, [(traffic.contact(), "everyone")])
        for how, prefix in ((_SINGLE, "by-alone"), (_IN_RUNS, "in-a-run"))
    }

    def one_by_one() -> None:
        _, outcome = bench.calls(target, requests[_SINGLE], singles, connections=1, streams=1, cores=bench.cores.server)
        pace.seconds = outcome.seconds / outcome.sent

    def in_batches() -> None:
        run_batches(bench, target, requests[_IN_RUNS], many // SIZE)

    redis = target.redis
    assert redis is not None
    yield (name, _SINGLE), lambda: _time(redis, one_by_one, singles)
    yield (name, _IN_RUNS), lambda: _time(redis, in_batches, many)


def _floor(bench: Bench, redis: RedisServer, pace: _Pace) -> Iterator[tuple[tuple[str, str], Callable[[], Time]]]:
    """Put as many agents in place for the floor; yield how to run it."""
    singles, many = _counts(bench)
    numbers = itertools.count()
    with redis.client() as client:
        client.zadd(f"{_ROOT.decode()}:view", {str(number): 0 for number, _ in enumerate(traffic.AGENTS, 1)})
        digest = client.script_load(_FLOOR)

    def run(count: int, at_once: int, every_s: float = 0.0) -> None:
        with on(bench.cores.server), redis.client() as client:
            begun = perf_counter()
            for number in range(count // at_once):
                sleep(max(0.0, begun + number * every_s - perf_counter()))
                pipeline = client.pipeline(transaction=False)
                for contact in itertools.islice(numbers, at_once):
                    contact_id = f"by-floor{contact:012}"
                    pipeline.evalsha(digest, 1, _ROOT, contact_id, keys.bucket(contact_id.encode()))
                assert all(reply[0] == 1 for reply in pipeline.execute())

    yield ("floor", _SINGLE), lambda: _time(redis, lambda: run(singles, 1, pace.seconds), singles)
    yield ("floor", _NO_PAUSE), lambda: _time(redis, lambda: run(singles, 1), singles)
    yield ("floor", _IN_RUNS), lambda: _time(redis, lambda: run(many, CONTACTS_A_RUN), many)


def _counts(bench: Bench) -> tuple[int, int]:
    """Return how many contacts to decide about in a round: alone, and in runs."""
    return bench.effort.some(2_000), max(bench.effort.some(10_000) // SIZE, 1) * SIZE


def _time(redis: RedisServer, act: Callable[[], None], decisions: int) -> Time:
    """Do what makes so many decisions; return what its scripts took in Redis for each."""
    before = scripts_run(redis)
    act()
    runs, microseconds = (now - was for now, was in zip(scripts_run(redis), before, strict=True))
    return Time(microseconds / decisions, runs / decisions)
