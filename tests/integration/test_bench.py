"""`make bench` measures what it says: both load generators deliver, and an answer that is no decision is noticed."""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Self

import grpc
import pytest

from tests.bench import traffic
from tests.bench.harness import EFFORTS, Bench
from tests.bench.load.generator import Load, command
from tests.bench.machine import Cores
from tests.bench.rows.commands import scripts_run
from tests.bench.rows.floor import STRATEGY_NUMBERS
from tests.support import wants
from tests.support.processes import RedisServer

if TYPE_CHECKING:
    from pathlib import Path

needs_compiler = pytest.mark.skipif(
    shutil.which("cc") is None or sys.platform != "linux",
    reason=wants.reason("only the fallback runs, for want of a C compiler", wants.COMPILER),
)
GENERATORS = [pytest.param(False, id="c", marks=needs_compiler), pytest.param(True, id="python")]
METHOD = "/test.Echo/Echo"
LARGE = 100_000
EVERY = 4


class Echo:
    """A server that gives requests back, refuses every fourth, and sends connections away after 0.3 s."""

    def __init__(self) -> None:
        self.most_at_once = 0
        self.authorized = Counter[Any]()
        self._numbers = itertools.count(1)
        self._under_way = 0
        self._lock = threading.Lock()
        self._server = grpc.server(
            ThreadPoolExecutor(16), options=[("grpc.max_connection_age_ms", 300), ("grpc.so_reuseport", 0)]
        )
        handlers = {"Echo": grpc.unary_unary_rpc_method_handler(self.answer)}
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Echo", handlers),))
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"

    def answer(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        """Answer one call, in no hurry."""
        with self._lock:
            self.authorized[dict(context.invocation_metadata()).get("authorization")] += 1
            self._under_way += 1
            self.most_at_once = max(self._under_way, self.most_at_once)
        time.sleep(0.005)
        with self._lock:
            self._under_way -= 1
        if next(self._numbers) % EVERY == 0:
            context.set_trailing_metadata([("details-bin", bytes(range(256)))])
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "enough")
        return request

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop(None)


@pytest.mark.parametrize("fallback", GENERATORS)
@pytest.mark.parametrize("authorization", ["", "Bearer short", "Bearer " + "x" * 500])
def test_every_call_says_who_makes_it(tmp_path: Path, authorization: str, *, fallback: bool) -> None:
    """Where there is an authorization of whatever length, each call has it; where there is none, no call has one."""
    path = tmp_path / "requests"
    traffic.write(path, traffic.Requests("w", "echoed--").take(20))
    generator, options = command(tmp_path, fallback=fallback), {"connections": 2, "streams": 2}
    options |= {"cores": Cores.here().everything, "authorization": authorization}
    with Echo() as echo, Load(generator, echo.address, METHOD, path, 20, **options) as load:
        load.wait()
    assert echo.authorized == {authorization or None: 20}


@pytest.mark.parametrize("fallback", GENERATORS)
@pytest.mark.parametrize("rate", [0, 100])
def test_every_call_is_sent_once_and_its_answer_told(tmp_path: Path, rate: int, *, fallback: bool) -> None:
    """Through large messages, refusals and connections that end, each request has exactly one answer."""
    path, calls, size = tmp_path / "requests", 60, 500
    traffic.write_batches(path, traffic.Requests("w", "echoed--").take(calls * size), size)
    generator, options = command(tmp_path, fallback=fallback), {"connections": 2, "streams": 5, "rate": rate}
    options["cores"] = Cores.here().everything
    with Echo() as echo, Load(generator, echo.address, METHOD, path, calls, **options) as load:
        outcome = load.wait()
    assert outcome.sent == calls
    assert sorted(answer.request for answer in outcome.answers) == list(range(calls))
    assert outcome.statuses == Counter({0: calls - calls // EVERY, 8: calls // EVERY})
    requests = path.read_bytes()
    messages = [answer.message for answer in outcome.answers if not answer.status]
    assert all(len(message) > LARGE and message in requests for message in messages)
    assert rate or 2 < echo.most_at_once <= 10
    assert outcome.seconds > (0.9 * calls / rate if rate else 0)
    assert 5000 <= outcome.latency(0.5) <= outcome.latency(0.99)


def run(tmp_path: Path, row: str, *words: str) -> tuple[dict[str, Any], str]:
    """Run one row in the least effort; return its report, and what it printed."""
    report = tmp_path / "report.json"
    options = ["--effort", "smoke", "--row", row, "--json", report, "--cache", tmp_path]
    done = subprocess.run(
        [sys.executable, "-P", "-m", "tests.bench.bench", *options, *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(report.read_text()), done.stdout


@pytest.mark.parametrize("fallback", GENERATORS)
def test_the_report_is_complete(tmp_path: Path, *, fallback: bool) -> None:
    """A row runs to its end, with every contact ASSIGNED by the right rule, and its figures are written as JSON."""
    report, printed = run(tmp_path, "evaluate", *(["--fallback"] if fallback else []))
    assert report["load_generator"] == ("Python" if fallback else "C")
    assert report["machine"]["grpcio"] == grpc.__version__
    assert [finding["to_reach"] for finding in report["findings"]] == ["≥ 0.75", "≥ 1.3", ""]
    for finding in report["findings"]:
        bound = finding["to_reach"].removeprefix("≥ ")
        assert finding["reached"] == (finding["ratio"] >= float(bound) if bound else None)
        assert finding["ratio"] > 0
        assert finding["row"] in printed
        assert min(finding["details"]["ours"]["server_us_a_call"]) > 0


def test_decisions_and_the_floor_are_sent_alike(tmp_path: Path) -> None:
    """Alone, each has a run of its own; in batches, 50 decisions have one run, and each run of the floor its own."""
    report, _ = run(tmp_path, "floor")
    kinds = [(kind, how) for kind in STRATEGY_NUMBERS for how in ("alone", "in runs of 50")]
    assert len(report["findings"]) == len(kinds) * len(Bench(tmp_path, EFFORTS["smoke"]).redis_servers())
    for finding, (kind, how) in zip(report["findings"], itertools.cycle(kinds), strict=False):
        assert finding["row"].endswith(f"a decision, {kind}, {how}")
        assert finding["to_reach"] == ("≤ 2" if how == "alone" else "≤ 1.5")
        (ours,), (floor,) = finding["details"][kind], finding["details"]["floor"]
        assert finding["ratio"] == pytest.approx(ours["microseconds"] / floor["microseconds"], abs=0.001)
        one = 1 if how == "alone" else 1 / 50
        assert one <= ours["runs"] < 1.5 * one, "a few more, as the service reads metrics meanwhile"
        assert 1 <= floor["runs"] < 1.5


def test_time_in_redis_is_that_of_scripts_and_functions() -> None:
    """EVAL, EVALSHA and FCALL count; what a client asks by itself does not."""
    library = "#!lua name=bench\nredis.register_function('bench', function() return 1 end)"
    with RedisServer() as server, server.client() as client:
        before = scripts_run(server)
        client.set("key", "value")
        assert scripts_run(server) == before
        client.eval("return redis.call('GET', 'key')", 0)
        client.evalsha(client.script_load("return 2"), 0)
        client.function_load(library)
        client.fcall("bench", 0)
        runs, microseconds = scripts_run(server)
    assert runs == 3
    assert 0 < microseconds < 1_000_000


def test_what_is_not_a_decision_does_not_count(tmp_path: Path) -> None:
    """Contacts that were assigned before are cheap to answer; a run that sends such is no measurement, and fails."""
    bench = Bench(tmp_path, EFFORTS["smoke"])
    try:
        with bench.ours() as ours:
            traffic.configure(ours.workspace("w"))
            assert bench.cost(ours, traffic.Requests("w", "new-ones"), 40).server > 0
            with pytest.raises(AssertionError, match="not assigned"):
                bench.cost(ours, traffic.Requests("w", "new-ones", request_id_size=36), 40)
    finally:
        bench.close()
