"""Ten thousand agents of whom one in a hundred is online, against ten agents who all are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.bench import traffic
from tests.bench.findings import Finding
from tests.bench.rows.texts import cost_text, figures
from tests.support import builders as b

if TYPE_CHECKING:
    from tests.bench.harness import Bench
    from tests.bench.targets import Target

_MANY, _FEW, _ONE_IN = 10_000, 10, 100
_STRATEGIES = {"round robin": b.ROUND_ROBIN, "least open contacts": b.LEAST_OPEN_CONTACTS}


def measure(bench: Bench) -> list[Finding]:
    """Return a line for each strategy."""
    count = bench.effort.some(8_000)
    with bench.ours() as ours:
        requests = {
            (strategy, size): _configure(ours, number, size, _ONE_IN if size == _MANY else 1)
            for strategy, number in _STRATEGIES.items()
            for size in (_FEW, _MANY)
        }
        for one in requests.values():
            bench.cost(ours, one, bench.effort.some(2_000))
        samples, ratios = bench.rounds(
            {key: lambda one=one: bench.cost(ours, one, count) for key, one in requests.items()},
            {
                strategy: lambda latest, strategy=strategy: latest[strategy, _MANY].both / latest[strategy, _FEW].both
                for strategy in _STRATEGIES
            },
        )
    return [
        Finding(
            f"{_MANY:,} agents, 1 % online, {strategy}",
            cost_text(samples[strategy, _MANY]),
            f"{_FEW} agents, all online: {cost_text(samples[strategy, _FEW])}",
            ratios[strategy],
            1.5,
            at_least=False,
            note="cost of a call, in server and Redis together; one rule for everyone online",
            details={f"{size} agents": figures(samples[strategy, size]) for size in (_FEW, _MANY)},
        )
        for strategy in _STRATEGIES
    ]


def _configure(target: Target, strategy: int, size: int, one_in: int) -> traffic.Requests:
    workspace = target.workspace(f"agents-{strategy}-{size}")
    agents = [f"agent-{number:05}" for number in range(size)]
    workspace.roster(*agents)
    workspace.online(*agents[::one_in])
    workspace.rules(b.rule("everyone", strategy=strategy, online_only=True))
    return traffic.Requests(workspace.id, "by-agent", [(traffic.contact(), "everyone")])
