"""Two workers against one.

Two workers can only show all that they can do where Redis and the load generator have cores of their own besides; so
the first line is what came out on this machine, and the second what a call costs the service's processes: two cores for
two workers, divided by the cost of a call, is what they could do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.bench import traffic
from tests.bench.findings import Finding
from tests.bench.rows.texts import cost_text, figures

if TYPE_CHECKING:
    from tests.bench.harness import Bench

_WORKSPACE = "bench"
_CONNECTIONS = {"connections": 32, "streams": 2}
"""Connections are dealt out among workers at random: many, so that both get about the same share."""


def measure(bench: Bench) -> list[Finding]:
    """Return both lines."""
    count = bench.effort.some(12_000)
    everything = bench.cores.everything
    with bench.ours() as one, bench.ours(workers=2, cores=everything) as two:
        targets = {"one": one, "two": two}
        requests = {name: traffic.Requests(_WORKSPACE, f"worker-{name[0]}") for name in targets}
        for name, target in targets.items():
            traffic.configure(target.workspace(_WORKSPACE))
            bench.cost(target, requests[name], bench.effort.some(4_000), **_CONNECTIONS)
        samples, ratios = bench.rounds(
            {
                name: lambda name=name, target=target: bench.cost(target, requests[name], count, **_CONNECTIONS)
                for name, target in targets.items()
            },
            {
                "calls a second": lambda latest: latest["two"].rate / latest["one"].rate,
                "capacity": lambda latest: 2 * latest["one"].server / latest["two"].server,
            },
        )
    texts = {name: cost_text(costs) for name, costs in samples.items()}
    details = {name: figures(costs) for name, costs in samples.items()}
    cores = len(everything)
    return [
        Finding(
            "2 workers: calls a second on this machine",
            texts["two"],
            f"1 worker: {texts['one']}",
            ratios["calls a second"],
            1.7,
            at_least=True,
            note=f"2 workers, Redis and load generator share {cores} core(s); 1 worker has one to itself",
            details=details,
        ),
        Finding(
            "2 workers: calls that a core for each could answer",
            texts["two"],
            f"1 worker: {texts['one']}",
            ratios["capacity"],
            1.7,
            at_least=True,
            note="twice the cost of a call with 1 worker, divided by that with 2",
            details=details,
        ),
    ]
