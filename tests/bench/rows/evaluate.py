"""EvaluateContact, as it is in the field, against an empty handler and against what one writes in an afternoon."""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
from typing import TYPE_CHECKING

from tests.bench import traffic
from tests.bench.findings import Finding, median
from tests.bench.machine import on
from tests.bench.rows.texts import cost_text, figures
from tests.bench.targets import EmptyOnOurs

if TYPE_CHECKING:
    from tests.bench.harness import Bench
    from tests.bench.targets import Cost, Target

_WORKSPACE = "bench"
_ROW = "EvaluateContact: calls a CPU second"
_AGAINST = (
    ("empty", "empty handler", 0.75),
    ("hand-rolled", "hand-rolled service", 1.3),
    ("lean", "empty handler on our thread pool", None),
)


def measure(bench: Bench) -> list[Finding]:
    """Return a line for each of the two, and one for an empty handler that has our own thread pool."""
    count = bench.effort.some(8_000)
    with (
        bench.empty() as empty,
        bench.empty(EmptyOnOurs) as lean,
        bench.ours() as ours,
        bench.hand_rolled(_WORKSPACE) as hand_rolled,
    ):
        traffic.configure(ours.workspace(_WORKSPACE))
        targets = {"empty": empty, "lean": lean, "ours": ours, "hand-rolled": hand_rolled}
        requests = {name: traffic.Requests(_WORKSPACE, f"{name:-<8.8}") for name in targets}
        for name, target in targets.items():
            bench.cost(target, requests[name], bench.effort.some(2_000))
        measures = {
            name: lambda name=name, target=target: bench.cost(target, requests[name], count)
            for name, target in targets.items()
        }
        if h2load := shutil.which("h2load"):
            measures["empty by h2load"] = lambda: _by_h2load(bench, h2load, empty, requests["empty"], count)
        samples, ratios = bench.rounds(
            measures,
            {name: lambda latest, name=name: latest[name].server / latest["ours"].server for name, *_ in _AGAINST},
        )
    note = "20 rules, 50 agents; metrics and validation on; Redis keeps nothing on disk"
    if h2load:
        ours_says, h2load_says = (
            median(samples[name], lambda cost: cost.server) for name in ("empty", "empty by h2load")
        )
        note += f"; h2load sees {h2load_says:.1f} µs for the empty handler ({h2load_says / ours_says - 1:+.0%})"
    return [
        Finding(
            _ROW,
            cost_text(samples["ours"]),
            f"{against}: {cost_text(samples[name])}",
            ratios[name],
            bound,
            at_least=True,
            note=note,
            details={name: figures(costs) for name, costs in samples.items()},
        )
        for name, against, bound in _AGAINST
    ]


def _by_h2load(bench: Bench, program: str, empty: Target, requests: traffic.Requests, count: int) -> Cost:
    """Return what a call of the empty handler costs when nghttp2's h2load makes it, as a check of our own generator.

    It sends one request over and over, so it cannot measure decisions: all but the first would be repeats.
    """
    path = bench.file()
    traffic.write(path, requests.take(1))
    framed = path.read_bytes()
    (size,) = struct.unpack_from("<I", framed)
    path.write_bytes(framed[4 : 4 + size])
    words = ["-n", str(count), "-c", "8", "-m", "8", "-d", path, "-H", "te: trailers"]
    words += ["-H", "content-type: application/grpc", f"http://{empty.server.address}{traffic.CALL}"]
    with on(bench.cores.others), bench.meter(empty) as meter:
        said = subprocess.run([program, *words], capture_output=True, text=True, check=True).stdout
    path.unlink()
    assert f" {count} succeeded," in said, said
    rate = re.search(r"([\d.]+) req/s", said)
    assert rate is not None, said
    return meter.cost(count, count / float(rate[1]))
