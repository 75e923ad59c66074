"""BatchEvaluateContacts, against its decision script run by nothing but `redis-benchmark`.

The script runs as the service sends it: its command is read off a Redis MONITOR while the service decides about a
contact, and only what tells contacts apart is made random. In both cases Redis has its core, and who calls it the other
one; the script is called for rules in the proportion in which they decide in the batches.
"""

from __future__ import annotations

import itertools
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

from evenhand.v1 import assignment_service_pb2 as api
from evenhand.v1 import decision_pb2

from tests.bench import traffic
from tests.bench.findings import Finding, median
from tests.bench.machine import on
from tests.bench.rows.commands import recorded
from tests.bench.rows.texts import cost_text, figures
from tests.support.builders import CREATED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.bench.harness import Bench
    from tests.bench.targets import Cost, Target
    from tests.support.client import Workspace

_WORKSPACE = "bench"
SIZE = 500
"""Contacts in one call."""

_CALLS_UNDER_WAY = 4
_WARM_UP = 10
_RANDOM = b"__rand_int__"
_RANDOM_UP_TO = 32_768
"""How many values `redis-benchmark` draws from for whatever differs by contact: its id, and its bucket. Together they
make a thousand million different contacts, in as many buckets as the service takes."""

_CONTACT = b"script-"
_MARK, _OTHER_MARK = "724681093517", "530982167744"  # as long as a random number
_RATE = re.compile(rb'"([\d.]+)"(?:,"[\d.]+"){6}\s*\Z')

# Rules that stand for all: round robin over a team, least open contacts over a team and over everyone. So many of 20.
_SHARES = {0: 10, 1: 7, 5: 3}


def measure(bench: Bench) -> list[Finding]:
    """Return the line."""
    program = shutil.which("redis-benchmark")
    if program is None:
        bench.say("  there is no redis-benchmark on this machine: left out")
        return []
    batches = bench.effort.some(100)
    with bench.ours() as ours:
        workspace = ours.workspace(_WORKSPACE)
        traffic.configure(workspace)
        requests = traffic.Requests(_WORKSPACE, "batched-")
        run_batches(bench, ours, requests, _WARM_UP)
        commands = {number: [_random(pair) for pair in _alike(ours, workspace, number)] for number in _SHARES}
        rounds = itertools.count()
        samples, ratios = bench.rounds(
            {
                "batches": lambda: run_batches(bench, ours, requests, batches),
                "script": lambda: _assigned(
                    lambda: _run_script(bench, program, ours, _of_round(next(rounds), commands), SIZE * batches),
                    workspace,
                    SIZE * batches,
                ),
            },
            {"batches / script": lambda latest: latest["batches"].rate / latest["script"]},
        )
    return [
        Finding(
            f"BatchEvaluateContacts, {SIZE} a call",
            cost_text(samples["batches"]),
            f"the script by redis-benchmark -P 64: {median(samples['script'], float):,.0f}/s",
            ratios["batches / script"],
            0.5,
            at_least=True,
            note=f"decisions a second; {_CALLS_UNDER_WAY} calls under way; Redis has one core, its caller the other",
            details={"batches": figures(samples["batches"]), "script_a_second": samples["script"]},
        )
    ]


def run_batches(bench: Bench, target: Target, requests: traffic.Requests, batches: int) -> Cost:
    """Evaluate new contacts in batches; return the cost of a decision. Every contact must be ASSIGNED."""
    path = bench.file()
    traffic.write_batches(path, requests.take(batches * SIZE), SIZE)
    options = {"connections": _CALLS_UNDER_WAY, "streams": 1}
    with bench.meter(target) as meter, bench.load(target, traffic.BATCH_CALL, path, batches, **options) as load:
        outcome = load.wait()
    path.unlink()
    assert outcome.ok == batches, f"calls failed: {outcome.statuses}"
    for answer in outcome.answers:
        results = api.BatchEvaluateContactsResponse.FromString(answer.message).results
        assert len(results) == SIZE
        assert all(result.decision.outcome == decision_pb2.OUTCOME_ASSIGNED for result in results)
    return meter.cost(batches * SIZE, outcome.seconds)


def _alike(target: Target, workspace: Workspace, number: int) -> list[tuple[bytes, bytes]]:
    """Return the words of the commands that decide about two contacts of a kind, in pairs."""
    assert target.redis is not None
    contact, rule_id = traffic.contacts()[number]
    commands = []
    for end in (_MARK, _OTHER_MARK):
        contact.id = f"{_CONTACT.decode()}{number}{end}"
        with recorded(target.redis) as seen:
            decision = workspace.evaluate(CREATED, contact, request_id=f"request-{end}")
        assert decision.rule_id == rule_id
        deciding = [words for words in seen if any(contact.id.encode() in word for word in words)]
        assert len(deciding) == 1, f"not one command to Redis for a decision: {seen}"
        commands += deciding
    return list(zip(*commands, strict=True))


def _random(pair: tuple[bytes, bytes]) -> bytes:
    """Return a word of a command as `redis-benchmark` takes it: random where it differs between two contacts."""
    one, two = pair
    if one == two:
        assert b"\0" not in one, "redis-benchmark takes no word with a zero byte"
        return one
    named = one.replace(_MARK.encode(), _RANDOM)
    assert named != one or one.isdigit(), f"a word differs by contact, and it is unknown how: {one!r} and {two!r}"
    return named if named != one else _RANDOM


def _of_round(number: int, commands: Mapping[int, list[bytes]]) -> dict[int, list[bytes]]:
    """Return the commands with contacts of a round's own.

    `redis-benchmark` seeds its random numbers with the time and its process id, so two of its runs may draw the same.
    """
    own = b"s%05d-" % number
    return {kind: [word.replace(_CONTACT, own) for word in command] for kind, command in commands.items()}


def _run_script(bench: Bench, program: str, target: Target, commands: Mapping[int, list[bytes]], runs: int) -> float:
    """Run the script so many times; return how many decisions a second it made."""
    assert target.redis is not None
    seconds = 0.0
    for number, command in commands.items():
        count = runs * _SHARES[number] // sum(_SHARES.values())
        words = ["-s", target.redis.socket, "-P", "64", "-n", str(count), "-r", str(_RANDOM_UP_TO), "--csv"]
        with on(bench.cores.server):
            said = subprocess.run([program, *words, *command], capture_output=True, check=True).stdout
        rate = _RATE.search(said)
        assert rate is not None, said
        seconds += count / float(rate[1])
    return runs / seconds


def _assigned(run: Callable[[], float], workspace: Workspace, decisions: int) -> float:
    """Do what makes so many decisions, and see that they were ASSIGNED; return what it returns."""
    before = sum(workspace.open_counts().values())
    rate = run()
    assigned = sum(workspace.open_counts().values()) - before
    assert assigned >= 0.99 * decisions, f"of {decisions} decisions {assigned} were ASSIGNED"
    return rate
