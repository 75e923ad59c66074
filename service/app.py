"""The service, put together. Read top to bottom to see what it is made of."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from importlib import import_module, metadata
from typing import TYPE_CHECKING

from evenhand.v1 import assignment_service_pb2, roster_service_pb2
from evenhand.v1.rules_pb2 import RuleSet
from grpc_health.v1 import health_pb2_grpc  # type: ignore[import-untyped,unused-ignore]

from service.config import SettingsError
from service.decisions.configuration import Configurator
from service.decisions.evaluation import Evaluation
from service.decisions.roster_updates import RosterUpdater
from service.decisions.rulebook import RuleBook
from service.redis_client.client import RedisClient
from service.redis_client.durability import Durability
from service.redis_client.monitor import UrlFile
from service.rpc import credentials, health, reflection
from service.rpc.admission import Admission
from service.rpc.assignment import Assignment
from service.rpc.calls import register
from service.rpc.roster import RosterCalls
from service.rules import list_names
from service.store.redis_watch import RedisWatch
from service.store.shares import Shares
from service.store.store import RedisStore
from service.telemetry.collector import FairnessCollector
from service.telemetry.listener import start_listener
from service.telemetry.metrics import (
    CacheMetrics,
    DecisionMetrics,
    RedisMetrics,
    set_build_info,
    set_file_refused,
    set_redis_masters,
    set_redis_served,
)
from service.telemetry.observer import DecisionObserver

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from ssl import SSLContext

    import grpc

    from service.access.access import Access
    from service.config import Settings
    from service.redis_client.timings import Timings
    from service.rpc.receiving import Receiver, Recognize
    from service.store.redis_watch import Findings
    from service.telemetry.listener import MetricsListener
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
        receiver: receives requests.
        is_worker: whether another process serves the metrics.

    Attributes:
        costly: workspaces whose contacts take long to decide about, as of now.
        health: the health of every service.
        fairness: collects the metrics of fairness; None where nobody wants any.
    """

    _NAMES = (_ASSIGNMENT.full_name, _ROSTER.full_name)

    def __init__(self, settings: Settings, redis_url: str, receiver: Receiver, *, is_worker: bool) -> None:
        self._settings = settings
        self._receiver = receiver
        self._tracing = _tracing(settings)
        self._access = _access(settings)
        timings: Timings = RedisMetrics()
        if self._tracing is not None:
            timings = import_module("service.telemetry.tracing").TracedTimings(timings, self._tracing)
        self._redis = _redis(settings, redis_url, timings)
        store = RedisStore(
            self._redis,
            contact_retention_s=settings.contact_retention_s,
            replay_retention_s=settings.replay_retention_s,
        )
        decisions = DecisionMetrics(settings.metrics_workspaces)
        observer = DecisionObserver(decisions, self._tracing)
        configurator = Configurator(store, observer.configured)
        rules = RuleBook(store, RULE_BOOK_SIZE, settings.rules_cache_mib * 1024 * 1024, CacheMetrics())
        evaluation = Evaluation(store, rules, observer)
        self.costly = evaluation.costly
        self._assignment = Assignment(store, evaluation, configurator, rules.refuse_if_lost)
        self._roster = RosterCalls(store, configurator, RosterUpdater(store, observer.configured), rules.refuse_if_lost)
        self.health = health.Health(self._NAMES, receiver)
        self._watch = RedisWatch(
            self._redis,
            self._redis_found,
            allow_eviction=settings.allow_eviction,
            durability=Durability(settings.durability),
        )
        self.fairness: FairnessCollector | None = None
        if settings.metrics_listen:
            self.fairness = FairnessCollector(
                Shares(self._redis, settings, _list_names, candidate=not is_worker),
                settings,
                decisions.workspaces,
            )
            observer.on_configured(self.fairness.wake)

    @property
    def recognize(self) -> Recognize | None:
        """Tells at once who makes a call; None where everybody may do all."""
        return partial(credentials.recognize, self._access) if self._access is not None else None

    def register(self, server: grpc.Server, owe: Callable[[str, int], None] | None) -> None:
        """Add the services to the server.

        Args:
            server: the server.
            owe: is told of contacts that a workspace asks for beside its calls, where there are quotas.
        """
        admission = Admission(self._tracing, self._access, owe)
        register(server, _ASSIGNMENT, self._assignment.methods, admission)
        register(server, _ROSTER, self._roster.methods, admission)
        health_pb2_grpc.add_HealthServicer_to_server(self.health, server)
        if self._settings.reflection:
            reflection.register(server, [*self._NAMES, health.SERVICE_NAME], self._receiver)

    def start(self) -> None:
        """Tell metrics and health how Redis is, now and whenever that changes."""
        set_build_info()
        self._watch.start()
        self._redis.on_change(set_redis_served)
        self._redis.on_change(self.health.set_redis_served)

    def _redis_found(self, findings: Findings) -> None:
        set_redis_masters(findings.counts)
        self.health.set_redis_fit(findings.fit)

    def close(self) -> None:
        """Close the connections."""
        self._watch.close()
        if self.fairness is not None:
            self.fairness.close()
        self._redis.close()
        if self._access is not None:
            self._access.close()
        if self._tracing is not None:
            self._tracing.close()


def _redis(settings: Settings, url: str, timings: Timings | None = None) -> RedisClient:
    return RedisClient(
        url,
        settings.redis_timeout_s,
        timings,
        _url_file(settings) if settings.redis_url_file else None,
        Durability(settings.durability),
    )


def _url_file(settings: Settings) -> UrlFile:
    return UrlFile(settings.redis_url_text, settings.redis_url_in, partial(set_file_refused, "redis-url"))


def _list_names(rule_set: bytes) -> dict[str, str]:
    return list_names(RuleSet.FromString(rule_set))


def _access(settings: Settings) -> Access | None:
    """Return what knows callers; None where everybody may do all, and nothing is loaded for it.

    Raises:
        SettingsError: the access file is missing or wrong.
    """
    if not settings.access:
        return None
    known: Access = import_module("service.access.access").Access(settings, partial(set_file_refused, "access"))
    return known


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


@contextmanager
def supervisor_metrics(
    settings: Settings, redis_url: str, workers_folder: Path, tls: Callable[[], SSLContext] | None
) -> Iterator[MetricsListener]:
    """Serve the workers' metrics, and those of fairness, which no worker collects, as long as the context lasts.

    Args:
        settings: all settings, with a place for metrics among them.
        redis_url: where the state is.
        workers_folder: where workers leave their numbers.
        tls: returns what a new connection is encrypted by; None: plain text.

    Raises:
        SettingsError: cannot listen where the settings say.
    """
    redis = _redis(settings, redis_url)
    shares = Shares(redis, settings, _list_names, candidate=True)
    fairness = FairnessCollector(shares, settings, list)
    try:
        listener = start_listener(settings, fairness, workers_folder, tls)
        try:
            yield listener
        finally:
            listener.close()
    finally:
        fairness.close()
        redis.close()
