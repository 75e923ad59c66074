"""Single calls while batches of 1000 are at work in the same workspace: how much longer they take than alone.

They may wait for one run of the decision script at most: a batch goes to Redis in runs of `CONTACTS_A_RUN` contacts.
How long such a run is, Redis tells.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from service.store.port import CONTACTS_A_RUN
from tests.bench import traffic
from tests.bench.findings import Finding, median
from tests.bench.rows.commands import scripts_run

if TYPE_CHECKING:
    from tests.bench.harness import Bench
    from tests.bench.load.generator import Outcome
    from tests.bench.targets import Target

_WORKSPACE = "bench"
_SIZE = 1_000
_RATE = 100
_BATCHES_UNDER_WAY = 2


class Waits(NamedTuple):
    """How long single calls took, and a run of the script (ms)."""

    p50: float
    p99: float
    longest: float
    run: float


def measure(bench: Bench) -> list[Finding]:
    """Return the line."""
    seconds = 2.0 + bench.effort.share
    with bench.ours() as ours:
        traffic.configure(ours.workspace(_WORKSPACE))
        single = traffic.Requests(_WORKSPACE, "a-single")
        batched = traffic.Requests(_WORKSPACE, "in-batch")
        bench.cost(ours, single, bench.effort.some(2_000))
        samples, ratios = bench.rounds(
            {
                "alone": lambda: _singles(bench, ours, single, seconds),
                "beside": lambda: _beside_batches(bench, ours, single, batched, seconds),
            },
            {"wait / run": lambda latest: (latest["beside"].p99 - latest["alone"].p99) / latest["beside"].run},
        )
    run = median(samples["beside"], lambda waits: waits.run)
    return [
        Finding(
            f"single calls beside batches of {_SIZE:,}",
            _text(samples["beside"]),
            f"one run of the script: {run:.2f} ms; alone: {_text(samples['alone'])}",
            ratios["wait / run"],
            1,
            at_least=False,
            note=f"what is added to their p99; {_RATE} single calls a second, {_BATCHES_UNDER_WAY} batches under way, "
            f"at most {CONTACTS_A_RUN} contacts a run",
            details={name: [waits._asdict() for waits in seen] for name, seen in samples.items()},
        )
    ]


def _text(samples: list[Waits]) -> str:
    p50, p99, longest = (median(samples, lambda waits, at=at: waits[at]) for at in range(3))
    return f"p50 {p50:.1f}, p99 {p99:.1f}, max {longest:.1f} ms"


def _singles(bench: Bench, target: Target, requests: traffic.Requests, seconds: float) -> Waits:
    return _waits(bench.calls(target, requests, int(_RATE * seconds), rate=_RATE)[1], 0.0)


def _beside_batches(
    bench: Bench, target: Target, requests: traffic.Requests, batched: traffic.Requests, seconds: float
) -> Waits:
    assert target.redis is not None
    path, batches = bench.file(), int(100 * seconds)
    traffic.write_batches(path, batched.take(batches * _SIZE), _SIZE)
    options = {"connections": _BATCHES_UNDER_WAY, "streams": 1, "seconds": seconds + 0.5}
    before = scripts_run(target.redis)
    with bench.load(target, traffic.BATCH_CALL, path, batches, **options) as load:
        _, outcome = bench.calls(target, requests, int(_RATE * seconds), rate=_RATE)
        beside = load.wait()
    path.unlink()
    assert beside.ok == beside.sent < batches, "the batches were over too soon, or failed"
    runs, used = (now - was for now, was in zip(scripts_run(target.redis), before, strict=True))
    long_runs = beside.sent * _SIZE // CONTACTS_A_RUN
    assert runs >= long_runs
    return _waits(outcome, used / long_runs / 1000)


def _waits(outcome: Outcome, run: float) -> Waits:
    return Waits(*(outcome.latency(share) / 1000 for share in (0.5, 0.99, 1.0)), run)
