"""How costs read in the report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.bench.findings import median

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.bench.targets import Cost


def cost_text(costs: Sequence[Cost]) -> str:
    """Say the medians: what a call costs, and how many there were a second."""
    server, redis = median(costs, lambda cost: cost.server), median(costs, lambda cost: cost.redis)
    rate = median(costs, lambda cost: cost.rate)
    return f"{server:.1f} µs" + (f" + {redis:.1f} in Redis" if redis else "") + f", {rate:,.0f}/s"


def figures(costs: Sequence[Cost]) -> dict[str, list[float]]:
    """Return all samples, for the JSON."""
    return {
        "server_us_a_call": [round(cost.server, 2) for cost in costs],
        "redis_us_a_call": [round(cost.redis, 2) for cost in costs],
        "calls_a_second": [round(cost.rate, 1) for cost in costs],
    }
