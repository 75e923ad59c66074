"""What `--durability` costs: `replicated` and `fsynced` against `acknowledged`, side by side.

Each has a Redis of its own, the newest here, with an append-only file that is written to disk once a second, and a
replica on the same machine, so that all three do the same but for the waiting; only that of `fsynced` writes each
change to disk at once, since callers would wait for the second otherwise.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from service.redis_client.durability import Durability
from tests.bench import traffic
from tests.bench.findings import Finding
from tests.bench.machine import on
from tests.bench.rows.texts import cost_text, figures
from tests.bench.targets import Target
from tests.support.processes import EvenhandServer, RedisServer, free_port, wait_until

if TYPE_CHECKING:
    from tests.bench.harness import Bench

_WORKSPACE = "bench"


def measure(bench: Bench) -> list[Finding]:
    """Return a line for each mode that waits."""
    count = bench.effort.some(8_000)
    acknowledged, *waiting = Durability
    with ExitStack() as stack:
        targets = {mode: _serving(bench, mode, stack) for mode in Durability}
        requests = {mode: traffic.Requests(_WORKSPACE, f"{mode:-<8.8}") for mode in targets}
        for mode, target in targets.items():
            traffic.configure(target.workspace(_WORKSPACE))
            bench.cost(target, requests[mode], bench.effort.some(2_000))
        samples, ratios = bench.rounds(
            {
                mode: lambda mode=mode, target=target: bench.cost(target, requests[mode], count)
                for mode, target in targets.items()
            },
            {mode: lambda latest, mode=mode: latest[mode].rate / latest[acknowledged].rate for mode in waiting},
        )
    return [
        Finding(
            f"--durability {mode}: calls a second",
            cost_text(samples[mode]),
            f"{acknowledged}: {cost_text(samples[acknowledged])}",
            ratios[mode],
            None,
            at_least=True,
            note="the replica is on this machine"
            if mode == Durability.REPLICATED
            else "appendfsync always; with everysec, calls wait for up to a second",
            details={each: figures(samples[each]) for each in (mode, acknowledged)},
        )
        for mode in waiting
    ]


def _serving(bench: Bench, mode: Durability, stack: ExitStack) -> Target:
    """Run the service with a durability, on a Redis with a file and a replica."""
    fsync = "always" if mode == Durability.FSYNCED else "everysec"
    options = ("--appendfsync", fsync, "--repl-diskless-sync-delay", "0")
    with on(bench.cores.others):
        redis = RedisServer(port=free_port(), persistent=True, options=options)
        replica = RedisServer(port=free_port())
        stack.enter_context(redis)
        client = stack.enter_context(replica).client()
    client.replicaof("127.0.0.1", redis.port)
    wait_until(lambda: client.info("replication")["master_link_status"] == "up", "the replica follows")
    client.close()
    server = EvenhandServer(redis.url, options=("--metrics-listen", "127.0.0.1:0", "--durability", mode))
    with on(bench.cores.server):
        stack.enter_context(server)
    return Target(server, redis, is_ours=True)
