"""The service, put together. Read top to bottom to see what it is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evenhand.v1 import assignment_service_pb2, roster_service_pb2

from service.metrics import DecisionMetrics, RpcMetrics
from service.rpc.assignment import Assignment
from service.rpc.calls import Admission, register
from service.rpc.configuration import Configurator
from service.rpc.evaluation import Evaluation
from service.rpc.roster import RosterCalls
from service.rpc.rulebook import RuleBook
from service.store.redis import Redis
from service.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable

    import grpc

    from service.config import Settings

_ASSIGNMENT = assignment_service_pb2.DESCRIPTOR.services_by_name["AssignmentService"]
_ROSTER = roster_service_pb2.DESCRIPTOR.services_by_name["RosterService"]

# Workspaces whose compiled rules are kept at hand.
RULE_BOOK_SIZE = 1000


class App:
    """What answers calls, and the connections it needs for that. Redis need not be up yet.

    Attributes:
        service_names: full names of the gRPC services, for health and reflection.
    """

    service_names = (_ASSIGNMENT.full_name, _ROSTER.full_name)

    def __init__(self, settings: Settings, redis_url: str) -> None:
        self._settings = settings
        self._redis = Redis(redis_url, settings.redis_timeout_s)
        store = Store(
            self._redis,
            contact_retention_s=settings.contact_retention_s,
            replay_retention_s=settings.replay_retention_s,
        )
        configurator = Configurator(store)
        evaluation = Evaluation(store, RuleBook(store, RULE_BOOK_SIZE), DecisionMetrics())
        self._assignment = Assignment(store, evaluation, configurator)
        self._roster = RosterCalls(store, configurator)

    def register(self, server: grpc.Server, is_surplus: Callable[[], bool]) -> None:
        """Add the services to the server. `is_surplus` tells whether the call that this thread handles is too many."""
        admission = Admission(is_surplus, self._settings.redis_timeout_s)
        metrics = RpcMetrics()
        register(server, _ASSIGNMENT, self._assignment.methods, admission, metrics)
        register(server, _ROSTER, self._roster.methods, admission, metrics)

    def add_redis_listener(self, listener: Callable[[bool], None]) -> None:
        """Have `listener` called with whether Redis is up, now and whenever that changes."""
        self._redis.on_change(listener)

    def close(self) -> None:
        """Close the connections."""
        self._redis.close()
