"""What every row works with: servers in their places, calls and what they cost, rounds until figures are stable."""

from __future__ import annotations

import itertools
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from evenhand.v1 import assignment_service_pb2 as api
from evenhand.v1 import decision_pb2

from service.runtime.redis_binary import find
from tests.bench import traffic
from tests.bench.findings import Ratio
from tests.bench.load import generator
from tests.bench.machine import Cores, on
from tests.bench.targets import Cost, Empty, HandRolled, Meter, Target
from tests.support.processes import EvenhandServer, RedisServer, newest_redis, redis_binaries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tests.bench.load.generator import Outcome

Sample = TypeVar("Sample")

MOST_ROUNDS = 12
FEWEST_ROUNDS = 5
LONGEST_S = 40.0
"""No further round begins after so many seconds of them, once there are the fewest."""

STABLE = 0.03
"""The quartiles of a ratio may be so far apart, relative to its median, for it to count as stable."""


@dataclass(frozen=True)
class Effort:
    """How much to measure.

    Attributes:
        share: of the calls, the seconds and the contacts of a full run.
        rounds: how often to measure at most.
    """

    share: float
    rounds: int

    def some(self, full: int) -> int:
        """Return how many to do where a full run does so many."""
        return max(int(full * self.share), 40)

    @property
    def is_full(self) -> bool:
        """Whether the figures are what a full run gives."""
        return self.share == 1


EFFORTS = {"full": Effort(1, MOST_ROUNDS), "quick": Effort(0.2, 3), "smoke": Effort(0.01, 1)}
"""What to choose from. Figures of a quick run are rough; those of a smoke test mean nothing but that all works."""


class Bench:
    """One run.

    Args:
        cache: folder for the compiled load generator.
        effort: how much to measure.
        fallback: whether to use the load generator in Python.
    """

    def __init__(self, cache: Path, effort: Effort, *, fallback: bool = False) -> None:
        self.effort = effort
        self.cores = Cores.here()
        self.redis = find()
        self.generator = generator.command(cache, fallback=fallback)
        self._stack = ExitStack()
        self.folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="eh-bench-")))
        self._names = itertools.count()

    def close(self) -> None:
        """Remove what the run left."""
        self._stack.close()

    def say(self, text: str) -> None:
        """Tell who waits how it goes."""
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()

    # Servers.

    def redis_servers(self) -> list[tuple[str, Path]]:
        """Return version and path of the Redis that the service takes here, then the newest one if that is another."""
        newest = newest_redis()
        version = next(name for name, path in redis_binaries().items() if path == newest)
        known = [(self.redis.version, self.redis.path)]
        return known if self.redis.version.startswith(f"{version}.") else [*known, (version, newest)]

    @contextmanager
    def private_redis(self, binary: Path | None = None) -> Iterator[RedisServer]:
        """Run a Redis that keeps nothing, in its place; `binary`: another one than the service would take."""
        with ExitStack() as stack:
            with on(self.cores.others):
                redis = stack.enter_context(RedisServer(binary or self.redis.path))
            yield redis

    @contextmanager
    def ours(
        self,
        *more: str,
        workers: int = 1,
        cores: frozenset[int] | None = None,
        redis_binary: Path | None = None,
    ) -> Iterator[Target]:
        """Run the service with default settings but `more`, and metrics on; `cores`: elsewhere than in its place."""
        options = ("--metrics-listen", "127.0.0.1:0", *more)
        with ExitStack() as stack:
            redis = stack.enter_context(self.private_redis(redis_binary))
            server = EvenhandServer(redis.url, options=options, workers=workers)
            with on(cores or self.cores.server):
                stack.enter_context(server)
            yield Target(server, redis, is_ours=True)

    @contextmanager
    def empty(self, kind: type[Empty] = Empty) -> Iterator[Target]:
        """Run the empty handler."""
        with ExitStack() as stack:
            with on(self.cores.server):
                server = stack.enter_context(kind())
            yield Target(server, None)

    @contextmanager
    def hand_rolled(self, workspace_id: str) -> Iterator[Target]:
        """Run the hand-rolled service, with the agents of `traffic` online in a workspace."""
        with ExitStack() as stack:
            redis = stack.enter_context(self.private_redis())
            with redis.client() as client:
                client.hset(f"online:{workspace_id}", mapping=dict.fromkeys(traffic.AGENTS, "since 09:00"))
            server = HandRolled(redis.url)
            with on(self.cores.server):
                stack.enter_context(server)
            yield Target(server, redis)

    # Calls.

    def file(self) -> Path:
        """Return a name for a file of requests, to be removed by who writes it."""
        return self.folder / f"requests-{next(self._names)}"

    def load(self, target: Target, method: str, requests: Path, count: int, **options: Any) -> generator.Load:
        """Start sending a file of requests."""
        options = {"cores": self.cores.others} | options
        return generator.Load(self.generator, target.server.address, method, requests, count, **options)

    def cost(self, target: Target, requests: traffic.Requests, count: int, **options: Any) -> Cost:
        """Evaluate new contacts one by one, each of which must be ASSIGNED; return what that cost."""
        return self.calls(target, requests, count, **options)[0]

    def calls(
        self, target: Target, requests: traffic.Requests, count: int, **options: Any
    ) -> tuple[Cost, generator.Outcome]:
        """Evaluate new contacts one by one; return what that cost, and the answers."""
        first, path = requests.taken, self.file()
        traffic.write(path, requests.take(count))
        with self.meter(target) as meter, self.load(target, traffic.CALL, path, count, **options) as load:
            outcome = load.wait()
        path.unlink()
        check(outcome, requests if target.is_ours else None, first)
        return meter.cost(outcome.sent, outcome.seconds), outcome

    @contextmanager
    def meter(self, target: Target) -> Iterator[Meter]:
        """Measure the processor time that is used meanwhile."""
        meter = Meter(target)
        yield meter
        meter.stop()

    # Rounds.

    def rounds(
        self,
        measures: Mapping[str, Callable[[], Sample]],
        ratios: Mapping[str, Callable[[Mapping[str, Sample]], float]],
        *,
        fewest: int = FEWEST_ROUNDS,
        most: int = MOST_ROUNDS,
    ) -> tuple[dict[str, list[Sample]], dict[str, Ratio]]:
        """Take every measure in turn, again and again, until all ratios are stable, or for long enough.

        Args:
            measures: what to do in each round, by name.
            ratios: what follows from one round's samples, by name.
            fewest: rounds to make at least.
            most: rounds to make at most.

        Returns:
            All samples by the measure's name, and the ratios.
        """
        samples: dict[str, list[Sample]] = {name: [] for name in measures}
        seen: dict[str, list[float]] = {name: [] for name in ratios}
        end = time.monotonic() + LONGEST_S
        for number in range(1, min(most, self.effort.rounds) + 1):
            latest = {name: measure() for name, measure in measures.items()}
            for name, sample in latest.items():
                samples[name].append(sample)
            for name, ratio in ratios.items():
                seen[name].append(ratio(latest))
            self.say(f"  round {number}: " + ", ".join(f"{name} {values[-1]:.3f}" for name, values in seen.items()))
            stable = all(Ratio(values).spread <= STABLE for values in seen.values())
            if number >= fewest and (stable or time.monotonic() > end):
                break
        return samples, {name: Ratio(values) for name, values in seen.items()}


def check(outcome: Outcome, requests: traffic.Requests | None, first: int) -> None:
    """See that every call came out as ASSIGNED, by the right rule: that of `requests`, from the number `first` on."""
    assert outcome.ok == outcome.sent, f"calls failed: {outcome.statuses}"
    for answer in outcome.answers:
        decision = api.EvaluateContactResponse.FromString(answer.message).decision
        assert decision.outcome == decision_pb2.OUTCOME_ASSIGNED, f"not assigned: {decision}"
        if requests is not None:
            expected = requests.rule_id(first + answer.request)
            assert decision.rule_id == expected, f"decided by {decision.rule_id}, not by {expected}"
