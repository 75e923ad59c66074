"""What the service counts and measures.

What it all means stands in `service.telemetry.catalogue`. Label values are looked up once, not for each call.
"""

from __future__ import annotations

import platform
from importlib import metadata
from typing import TYPE_CHECKING, Any, Literal, cast

import grpc
import prometheus_client
from evenhand.v1 import decision_pb2, rules_pb2
from prometheus_client import Counter, Gauge, Histogram

from service.telemetry.catalogue import CATALOGUE, OTHER

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
"""Seconds. The default ones start at 5 ms, ten times what a decision takes."""

prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]


def _counter(name: str) -> Counter:
    _, labels, meaning = CATALOGUE[name]
    return Counter(name, meaning, labels)


def _histogram(name: str) -> Histogram:
    _, labels, meaning = CATALOGUE[name]
    return Histogram(name, f"Seconds: {meaning}", labels, buckets=_BUCKETS)


def _gauge(name: str, of_workers: Literal["livemin", "livemax", "livesum"]) -> Gauge:
    """Make a gauge; `of_workers`: what several workers come to."""
    _, labels, meaning = CATALOGUE[name]
    return Gauge(name, meaning, labels, multiprocess_mode=of_workers)


_started = _counter("grpc_server_started_total")
_handled = _counter("grpc_server_handled_total")
_handling = _histogram("grpc_server_handling_seconds")
_refusals = _counter("assignment_overload_refusals_total")
_access_refusals = _counter("assignment_access_refusals_total")
_ended = _counter("assignment_calls_ended_total")
_over_quota = _counter("assignment_quota_refusals_total")
_decisions = _counter("assignment_decisions_total")
_unknown_owners = _counter("assignment_unknown_owners_total")
_evaluation = _histogram("assignment_evaluation_seconds")
_lookups = _counter("assignment_rules_cache_lookups_total")
_cached = _gauge("assignment_rules_cache_workspaces", "livesum")
_script = _histogram("assignment_script_seconds")
_round_trip = _histogram("assignment_redis_round_trip_seconds")
_redis_up = _gauge("assignment_redis_up", "livemin")
_redis_slots = _gauge("assignment_redis_slots_served_ratio", "livemin")
_redis_masters = _gauge("assignment_redis_masters", "livemax")
_files_refused = _gauge("assignment_files_refused", "livemax")
_expiry = _gauge("assignment_tls_certificate_expiry_timestamp_seconds", "livemin")
_build = _gauge("evenhand_build_info", "livemax")


_refused_by_reason = {
    reason: _access_refusals.labels(reason)
    for reason in (
        *("NO_CREDENTIALS", "INVALID_CREDENTIALS", "EXPIRED_CREDENTIALS"),
        *("PERMISSION_DENIED", "KEYS_UNAVAILABLE"),
    )
}

_refused_files = {file: _files_refused.labels(file) for file in ("access", "tls", "redis-url")}


class MethodMetrics:
    """Beginning, outcome and duration of the calls of one method, by kind, full service name and method name."""

    __slots__ = ("_codes", "_refusals", "_seconds", "begin")

    def __init__(self, kind: str, service: str, method: str) -> None:
        self._refusals = {"quota": _over_quota, "calls": _refusals.labels("calls"), "bytes": _refusals.labels("bytes")}
        names = (kind, service, method)
        self.begin: Callable[[], None] = _started.labels(*names).inc
        self._codes = {code.value[0]: _handled.labels(*names, code.name) for code in grpc.StatusCode}
        self._seconds = _handling.labels(*names)

    def end(self, code: int, seconds: float) -> None:
        """Count one call that ended with the status `code` after `seconds`."""
        self._codes[code].inc()
        self._seconds.observe(seconds)

    def refuse(self, reason: str, code: int) -> None:
        """Count one call that was refused with the status `code` before it was begun."""
        if reason in self._refusals:
            self._refusals[reason].inc()
        self.end(code, 0.0)


def count_refused(reason: str) -> None:
    """Count one call that was refused because of who made it."""
    _refused_by_reason[reason].inc()


class EndedCalls:
    """Calls that were ended since their callers were too slow; each is told how many."""

    def __init__(self) -> None:
        self.request_too_slow: Callable[[float], None] = _ended.labels("request_too_slow").inc
        self.response_not_taken: Callable[[float], None] = _ended.labels("response_not_taken").inc


class DecisionMetrics:
    """Decisions by workspace, outcome, strategy and reason, and how long rules took for them.

    Args:
        most_workspaces: how many get a label of their own: the first that come.
    """

    def __init__(self, most_workspaces: int) -> None:
        self._most = most_workspaces
        self._workspaces: dict[str, WorkspaceDecisions] = {}
        self._others: WorkspaceDecisions | None = None
        self.evaluated: Callable[[float], None] = _evaluation.observe

    def of(self, workspace_id: str) -> WorkspaceDecisions:
        """Return the counters of one workspace, or those of all that have none of their own."""
        decisions = self._workspaces.get(workspace_id)
        if decisions is not None:
            return decisions
        # Threads that come here at once may make a few more than the bound, each for a workspace of its own.
        if len(self._workspaces) < self._most:
            return self._workspaces.setdefault(workspace_id, WorkspaceDecisions(workspace_id))
        if self._others is None:
            self._others = WorkspaceDecisions(OTHER)
        return self._others

    def workspaces(self) -> list[str]:
        """Return those that have a label of their own."""
        return list(self._workspaces)


_USUAL = (
    (decision_pb2.OUTCOME_ASSIGNED, rules_pb2.STRATEGY_ROUND_ROBIN, False, 0),
    (decision_pb2.OUTCOME_NO_AGENT_AVAILABLE, rules_pb2.STRATEGY_ROUND_ROBIN, False, 0),
    (decision_pb2.OUTCOME_NO_RULE_MATCHED, rules_pb2.STRATEGY_UNSPECIFIED, False, 0),
    (decision_pb2.OUTCOME_ALREADY_ASSIGNED, rules_pb2.STRATEGY_UNSPECIFIED, False, 0),
)


class WorkspaceDecisions(dict[tuple[int, int, bool, int], Counter]):
    """One workspace's counters by outcome, strategy, whether the fallback decided, and whether it is a replay.

    Those that nearly every workspace comes to are there at 0 from the beginning.

    Attributes:
        owner_unknown: counts decisions about contacts whose owner is nobody of the roster.
    """

    def __init__(self, label: str) -> None:
        super().__init__()
        self._label = label
        self.owner_unknown: Callable[[], None] = _unknown_owners.labels(label).inc
        for key in _USUAL:
            self[key] = self[key]

    def __missing__(self, key: tuple[int, int, bool, int]) -> Counter:
        outcome, strategy, fallback, replayed = key
        if replayed:
            reason = "replay"
        elif outcome == decision_pb2.OUTCOME_ALREADY_ASSIGNED:
            reason = "owner"
        elif outcome == decision_pb2.OUTCOME_NO_RULE_MATCHED:
            reason = "no_rule"
        else:
            reason = "fallback" if fallback else "rule"
        outcome_name = _label(decision_pb2.Outcome.Name(cast("Any", outcome)), "OUTCOME_")
        strategy_name = _label(rules_pb2.Strategy.Name(cast("Any", strategy)), "STRATEGY_")
        counter = self[key] = _decisions.labels(self._label, outcome_name, strategy_name, reason)
        return counter


class CacheMetrics:
    """Where rules came from when they were asked for, and of how many workspaces they are cached."""

    def __init__(self) -> None:
        self.hit: Callable[[], None] = _lookups.labels("hit").inc
        self.miss: Callable[[], None] = _lookups.labels("miss").inc
        self.stale: Callable[[], None] = _lookups.labels("stale").inc
        self.lost: Callable[[], None] = _lookups.labels("lost").inc
        self.set_back: Callable[[], None] = _lookups.labels("set_back").inc
        self.set_size: Callable[[float], None] = _cached.set


class RedisMetrics:
    """How long Redis takes."""

    def __init__(self) -> None:
        self.sent: Callable[[float], None] = _round_trip.observe
        self._scripts: dict[str, Histogram] = {}

    def ran(self, script: str, seconds: float) -> None:
        """Note that a script by that name was answered after so many seconds."""
        histogram = self._scripts.get(script)
        if histogram is None:
            histogram = self._scripts[script] = _script.labels(script)
        histogram.observe(seconds)


def set_redis_served(share: float) -> None:
    """Tell which share of keys lies on Redis servers that serve."""
    _redis_up.set(share > 0)
    _redis_slots.set(share)


def set_redis_masters(counts: Mapping[str, int]) -> None:
    """Tell how many Redis servers hold keys, by what was found of them."""
    for finding, servers in counts.items():
        _redis_masters.labels(finding).set(servers)


def set_file_refused(file: str, refused: bool) -> None:
    """Tell whether what is in a file ("access", "tls" or "redis-url") is refused, and something older in force."""
    _refused_files[file].set(refused)


def set_certificate_expiry(when: float) -> None:
    """Tell when the certificate in force expires, in seconds since 1970."""
    _expiry.set(when)


def set_build_info() -> None:
    """Tell which versions run here."""
    _build.labels(metadata.version("evenhand"), platform.python_version(), grpc.__version__).set(1)


def _label(name: str, prefix: str) -> str:
    """Return an enum's name as a label: `round_robin`; `none` for the unspecified one."""
    return name.removeprefix(prefix).lower().replace("unspecified", "none")
