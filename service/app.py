"""The service, put together. Read top to bottom to see what it is made of."""

from __future__ import annotations

from importlib import import_module, metadata
from typing import TYPE_CHECKING

from evenhand.v1 import assignment_service_pb2, roster_service_pb2

from service.config import SettingsError
from service.decisions.configuration import Configurator
from service.decisions.evaluation import Evaluation
from service.decisions.rulebook import RuleBook
from service.redis_client.client import RedisClient
from service.rpc.assignment import Assignment
from service.rpc.calls import Admission, register
from service.rpc.roster import RosterCalls
from service.store.shares import Shares
from service.store.store import RedisStore
from service.telemetry.collector import FairnessCollector
from service.telemetry.metrics import CacheMetrics, DecisionMetrics, RedisMetrics
from service.telemetry.observer import DecisionObserver

if TYPE_CHECKING:
    from collections.abc import Callable

    import grpc

    from service.config import Settings
    from service.redis_client.client import Timings
    from service.telemetry.tracing import Tracing

_ASSIGNMENT = assignment_service_pb2.DESCRIPTOR.services_by_name["AssignmentService"]
_ROSTER = roster_service_pb2.DESCRIPTOR.services_by_name["RosterService"]

# Workspaces whose compiled rules are cached.
RULE_BOOK_SIZE = 1000


class App:
    """What answers calls, and the connections it needs for that. Redis need not be up yet.

    Args:
        settings: all settings.
        redis_url: where the state is.
        is_worker: whether another process serves the metrics.

    Attributes:
        service_names: full names of the gRPC services, for health and reflection.
        fairness: collects the metrics of fairness; None where nobody wants any.
    """

    service_names = (_ASSIGNMENT.full_name, _ROSTER.full_name)

    def __init__(self, settings: Settings, redis_url: str, *, is_worker: bool) -> None:
        self._settings = settings
        self._tracing = _tracing(settings)
        timings: Timings = RedisMetrics()
        if self._tracing is not None:
            timings = import_module("service.telemetry.tracing").TracedTimings(timings, self._tracing)
        self._redis = RedisClient(redis_url, settings.redis_timeout_s, timings)
        store = RedisStore(
            self._redis,
            contact_retention_s=settings.contact_retention_s,
            replay_retention_s=settings.replay_retention_s,
        )
        configurator = Configurator(store)
        rules = RuleBook(store, RULE_BOOK_SIZE, CacheMetrics())
        decisions = DecisionMetrics(settings.metrics_workspaces)
        evaluation = Evaluation(store, rules, DecisionObserver(decisions, self._tracing))
        self._assignment = Assignment(store, evaluation, configurator)
        self._roster = RosterCalls(store, configurator)
        self.fairness: FairnessCollector | None = None
        if settings.metrics_listen:
            self.fairness = FairnessCollector(
                Shares(self._redis, settings.metrics_workspaces, settings.metrics_interval_s, candidate=not is_worker),
                settings,
                decisions.workspaces,
            )

    def register(self, server: grpc.Server, is_surplus: Callable[[], bool]) -> None:
        """Add the services to the server. `is_surplus` tells whether the call that this thread handles is too many."""
        admission = Admission(is_surplus, self._tracing)
        register(server, _ASSIGNMENT, self._assignment.methods, admission)
        register(server, _ROSTER, self._roster.methods, admission)

    def add_redis_listener(self, listener: Callable[[bool], None]) -> None:
        """Have `listener` called with whether Redis is up, now and whenever that changes."""
        self._redis.on_change(listener)

    def close(self) -> None:
        """Close the connections."""
        if self.fairness is not None:
            self.fairness.close()
        self._redis.close()
        if self._tracing is not None:
            self._tracing.close()


def _tracing(settings: Settings) -> Tracing | None:
    """Return what makes spans; None where nobody wants any, and nothing is loaded for it.

    Raises:
        SettingsError: they are wanted, but the packages are not there.
    """
    if not settings.traces_endpoint:
        return None
    try:
        tracing = import_module("service.telemetry.tracing")
    except ModuleNotFoundError as error:
        raise SettingsError(
            settings.name_of("traces_endpoint"), f"needs evenhand[tracing] installed: there is no {error.name}"
        ) from error
    made: Tracing = tracing.Tracing(settings.traces_endpoint, metadata.version("evenhand"))
    return made
