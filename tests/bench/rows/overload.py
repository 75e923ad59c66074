"""Three times the load that the service can take: how much is still answered, and what becomes of the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import grpc

from service.config import Settings
from tests.bench import traffic
from tests.bench.findings import Finding, median

if TYPE_CHECKING:
    from tests.bench.harness import Bench
    from tests.bench.targets import Target

_WORKSPACE = "bench"
_TIMES = 3
_AT_ONCE = 0.1
_REFUSED = grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]
_MANY = {"connections": 16, "streams": 2_000}
"""Room for every call that is due to be sent at once, also when thousands wait for an answer."""


class Flood(NamedTuple):
    """What came of more calls than can be answered.

    Attributes:
        rate: calls answered a second.
        answered_p99: milliseconds until nearly all of those were.
        refused: calls that came out as RESOURCE_EXHAUSTED.
        refused_p99: milliseconds until nearly all of those did; 0 if none did.
        failed: calls that came out in any other way.
        sent: calls.
    """

    rate: float
    answered_p99: float
    refused: int
    refused_p99: float
    failed: int
    sent: int

    @property
    def wait(self) -> float:
        """How long a caller waits whose call is shed (ms); where none is, how long for the answer."""
        return self.refused_p99 or self.answered_p99

    @property
    def told(self) -> float:
        """How many of those who got no answer were told RESOURCE_EXHAUSTED; 1 if all got one."""
        missed = self.refused + self.failed
        return self.refused / missed if missed else 1.0


def measure(bench: Bench) -> list[Finding]:
    """Return a line for what is answered, and one for how soon the rest is refused."""
    count, seconds = bench.effort.some(8_000), 1.0 + bench.effort.share
    bound = Settings().max_concurrent
    with bench.ours() as ours:
        traffic.configure(ours.workspace(_WORKSPACE))
        requests = traffic.Requests(_WORKSPACE, "overload")
        maxima: list[float] = []

        def maximum() -> float:
            maxima.append(bench.cost(ours, requests, count).rate)
            return maxima[-1]

        maximum()
        samples, ratios = bench.rounds(
            {
                "maximum": maximum,
                "flood": lambda: _flood(bench, ours, requests, _TIMES * maxima[-1], seconds),
            },
            {
                "goodput": lambda latest: latest["flood"].rate / latest["maximum"],
                "told": lambda latest: latest["flood"].told,
                "wait": lambda latest: latest["flood"].wait * latest["maximum"] / (1000 * bound),
            },
        )
    floods, rate = samples["flood"], median(samples["maximum"], float)
    seen = {name: median(floods, lambda flood, name=name: getattr(flood, name)) for name in Flood._fields}
    details = {"maximum": samples["maximum"], "flood": [flood._asdict() for flood in floods]}
    return [
        Finding(
            f"{_TIMES} times the maximum load: goodput",
            f"{seen['rate']:,.0f}/s",
            f"maximum load: {rate:,.0f}/s",
            ratios["goodput"],
            0.9,
            at_least=True,
            note=f"calls answered a second; p99 of those {seen['answered_p99']:.0f} ms",
            details=details,
        ),
        Finding(
            f"{_TIMES} times the maximum load: refused",
            f"RESOURCE_EXHAUSTED: {seen['refused'] / seen['sent']:.0%} of the calls",
            f"without an answer: {(seen['refused'] + seen['failed']) / seen['sent']:.0%}",
            ratios["told"],
            1,
            at_least=True,
            note="what gets no answer is told RESOURCE_EXHAUSTED, and nothing else",
            details=details,
        ),
        Finding(
            f"{_TIMES} times the maximum load: how soon refused",
            f"p99 {seen['refused_p99']:.0f} ms"
            if seen["refused"]
            else f"nobody was; p99 {seen['answered_p99']:.0f} ms",
            f"what {bound:,} waiting calls take: {1000 * bound / rate:.0f} ms",
            ratios["wait"],
            _AT_ONCE,
            at_least=False,
            note="at once: without waiting for one's turn",
            details=details,
        ),
    ]


def _flood(bench: Bench, target: Target, requests: traffic.Requests, rate: float, seconds: float) -> Flood:
    count, path = int(rate * seconds), bench.file()
    traffic.write(path, requests.take(count))
    with bench.load(target, traffic.CALL, path, count, rate=rate, **_MANY) as load:
        outcome = load.wait()
    path.unlink()
    refused = outcome.statuses[_REFUSED]
    return Flood(
        rate=outcome.ok / outcome.seconds,
        answered_p99=outcome.latency(0.99) / 1000,
        refused=refused,
        refused_p99=outcome.latency(0.99, _REFUSED) / 1000,
        failed=outcome.sent - outcome.ok - refused,
        sent=outcome.sent,
    )
