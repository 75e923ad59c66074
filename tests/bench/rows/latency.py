"""How long calls take at half of the maximum load, against an empty handler at the same rate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.bench import traffic
from tests.bench.findings import Finding, median

if TYPE_CHECKING:
    from tests.bench.harness import Bench
    from tests.bench.targets import Target

_WORKSPACE = "bench"


def measure(bench: Bench) -> list[Finding]:
    """Return a line for the median, which nothing is asked of, and one for the 99th percentile."""
    count, seconds = bench.effort.some(8_000), 1.0 + 2.0 * bench.effort.share
    with bench.empty() as empty, bench.ours() as ours:
        traffic.configure(ours.workspace(_WORKSPACE))
        targets = {"empty": empty, "ours": ours}
        requests = {name: traffic.Requests(_WORKSPACE, f"{name:-<8.8}") for name in targets}
        for name, target in targets.items():
            bench.cost(target, requests[name], bench.effort.some(2_000))
        maximum = median([bench.cost(ours, requests["ours"], count) for _ in range(3)], lambda cost: cost.rate)
        rate = int(maximum / 2)

        def latencies(name: str, target: Target) -> tuple[float, float]:
            _, outcome = bench.calls(target, requests[name], int(rate * seconds), rate=rate)
            return outcome.latency(0.5), outcome.latency(0.99)

        samples, ratios = bench.rounds(
            {name: lambda name=name, target=target: latencies(name, target) for name, target in targets.items()},
            {
                "p50": lambda latest: latest["ours"][0] / latest["empty"][0],
                "p99": lambda latest: latest["ours"][1] / latest["empty"][1],
            },
        )
    return [
        Finding(
            f"{share} at half of the maximum load",
            f"{median(samples['ours'], lambda sample: sample[at]) / 1000:.2f} ms",  # noqa: B023 - called at once
            f"empty handler: {median(samples['empty'], lambda sample: sample[at]) / 1000:.2f} ms",  # noqa: B023
            ratios[share],
            2 if share == "p99" else None,
            at_least=False,
            note=f"{rate:,} calls a second; latency from when a call was due",
            details={
                name: {"p50_us": [one[0] for one in seen], "p99_us": [one[1] for one in seen]}
                for name, seen in samples.items()
            },
        )
        for at, share in enumerate(("p50", "p99"))
    ]
