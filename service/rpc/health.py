"""The standard health service (grpc.health.v1): whether to send calls here, and whether the process lives.

| service name       | SERVING while                                    | meant for                          |
| ------------------ | ------------------------------------------------ | ---------------------------------- |
| "" (none)          | Redis answers, is fit to keep state              | readiness                          |
|                    | (`service.store.redis_watch`), and the service   |                                    |
|                    | is not going down                                |                                    |
| "evenhand.v1...."  | the same, for each service by its full name      | clients that watch what they use   |
| "every-workspace"  | the same, and no slot of a cluster is without a  | alerts, rollouts                   |
|                    | master that serves, so that every workspace is   |                                    |
| "liveness"         | the process lives, whatever becomes of Redis     | liveness: restart it if this fails |

Readiness does not ask for all slots: when a part of a cluster is down, it is so for all replicas, and if all of them
turned calls away, the workspaces on the rest of the cluster would be down, too.

The messages and the registration are grpcio-health-checking's. Its servicer is not used: it sends to watchers while it
holds the lock that the server's own thread needs when a watcher leaves, so the two wait for each other and the whole
server stands still (https://github.com/grpc/grpc/pull/43403; seen here after seven changes with four watchers).
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped,unused-ignore]

from service.rpc.receiving import ReceivingThread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from service.rpc.receiving import Receiver

LIVENESS = "liveness"
"""Service name that is SERVING for as long as the process lives."""

EVERY_WORKSPACE = "every-workspace"
"""Service name that is SERVING while the servers of all slots of Redis serve."""

SERVICE_NAME: str = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name
"""The health service's own full name."""

_NAMED = 100  # characters of a name that is not known here, which may be as long as a request
_Answer: Any = health_pb2.HealthCheckResponse


class Health(health_pb2_grpc.HealthServicer):  # type: ignore[misc,unused-ignore]
    """The health of every service of this process. At first Redis counts as unavailable.

    Probes and watchers have threads of their own, so that they hear something however many calls wait; only one thread
    ever sends to watchers, so that they hear it in order.

    Args:
        service_names: full names of the services whose health is Redis's.
        receiver: receives requests.
    """

    def __init__(self, service_names: Iterable[str], receiver: Receiver) -> None:
        self._lock = threading.Lock()  # never held while anything is sent
        names = ["", EVERY_WORKSPACE, *service_names]
        self._status = dict.fromkeys(names, _Answer.NOT_SERVING) | {LIVENESS: _Answer.SERVING}
        self._watchers: dict[Callable[[Any], None], str] = {}
        self._draining = False
        self._served, self._fit = 0.0, False
        self._probes = ReceivingThread(receiver, "health-probe")
        self._sender = ReceivingThread(receiver, "health-watch")
        # How grpcio is told by which thread to run a handler, and that it returns before its stream is over.
        handlers: Any = type(self)
        handlers.Check.experimental_thread_pool = self._probes
        handlers.List.experimental_thread_pool = self._probes
        handlers.Watch.experimental_thread_pool = self._sender
        handlers.Watch.experimental_non_blocking = True

    def set_redis_served(self, share: float) -> None:
        """Follow Redis, of whose slots so large a share is served, from 0 to 1. Without effect once draining."""
        with self._lock:
            self._served = share
            self._follow()

    def set_redis_fit(self, fit: bool) -> None:
        """Follow whether state may be kept in this Redis. Without effect once draining."""
        with self._lock:
            self._fit = fit
            self._follow()

    def drain(self) -> None:
        """Turn all but liveness to NOT_SERVING for good.

        Liveness stays, because who restarts what does not live would cut the draining short.
        """
        with self._lock:
            self._draining = True
            self._follow()

    def end_watches(self) -> None:
        """End every Watch, which would else count as a call in progress until draining gives up on it."""
        with self._lock:
            watchers, self._watchers = list(self._watchers), {}
        for send in watchers:
            self._sender.do(send, None)

    def Check(self, request: health_pb2.HealthCheckRequest, context: grpc.ServicerContext) -> Any:
        """Answer for one service; NOT_FOUND if there is none of that name."""
        status = self._status.get(request.service)
        if status is None:
            context.set_code(grpc.StatusCode.NOT_FOUND)
            context.set_details(f"no service is called {request.service[:_NAMED]!r}")
            return _Answer()
        return _Answer(status=status)

    def List(self, request: health_pb2.HealthListRequest, context: grpc.ServicerContext) -> Any:  # noqa: ARG002
        """Answer for every service."""
        return health_pb2.HealthListResponse(
            statuses={name: _Answer(status=status) for name, status in self._status.items()}
        )

    def Watch(
        self, request: health_pb2.HealthCheckRequest, context: grpc.ServicerContext, send: Callable[[Any], None]
    ) -> None:
        """Tell about one service now and whenever its health changes; SERVICE_UNKNOWN if there is none of that name."""
        with self._lock:
            self._watchers[send] = request.service
            status = self._status.get(request.service, _Answer.SERVICE_UNKNOWN)
        if not context.add_callback(lambda: self._leave(send)):
            self._leave(send)
        send(_Answer(status=status))

    def _follow(self) -> None:
        """Tell what follows from all that is known; called with the lock held, so that the last who tells knows all."""
        share = self._served if self._fit and not self._draining else 0.0
        says = dict.fromkeys(self._status, _Answer.SERVING if share > 0 else _Answer.NOT_SERVING)
        says[EVERY_WORKSPACE] = _Answer.SERVING if share == 1 else _Answer.NOT_SERVING
        says[LIVENESS] = _Answer.SERVING
        changed = {name: status for name, status in says.items() if status != self._status[name]}
        self._status.update(changed)
        for send, name in self._watchers.items():
            if name in changed:
                self._sender.do(send, _Answer(status=changed[name]))

    def _leave(self, send: Callable[[Any], None]) -> None:
        with self._lock:
            self._watchers.pop(send, None)
