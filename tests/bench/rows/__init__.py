"""The rows of the report, by name, in its order. A row is a module with one function: a run in, findings out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.bench.rows import (
    access,
    agents,
    batch,
    durability,
    evaluate,
    floor,
    interleave,
    latency,
    memory,
    overload,
    rules,
    start,
    workers,
    workspaces,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.bench.findings import Finding
    from tests.bench.harness import Bench

ROWS: dict[str, Callable[[Bench], list[Finding]]] = {
    "evaluate": evaluate.measure,
    "batch": batch.measure,
    "floor": floor.measure,
    "latency": latency.measure,
    "rules": rules.measure,
    "agents": agents.measure,
    "workspaces": workspaces.measure,
    "memory": memory.measure,
    "workers": workers.measure,
    "start": start.measure,
    "access": access.measure,
    "overload": overload.measure,
    "interleave": interleave.measure,
    "durability": durability.measure,
}
