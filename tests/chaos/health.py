"""Asks every replica for its health, twenty times a second."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Self

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.chaos.history import Sample

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.chaos.history import History

SERVING, NOT_SERVING = "SERVING", "NOT_SERVING"
_PAUSE_S = 0.05
_TIMEOUT_S = 1.0
_CONNECT = [
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 300),
]


class HealthWatch:
    """Asks inside a `with`.

    Args:
        addresses: of the replicas.
        history: where what they say is noted.
    """

    def __init__(self, addresses: Sequence[str], history: History) -> None:
        self._history = history
        self._over = threading.Event()
        self._latest: dict[int, Sample] = {}
        self._threads = [
            threading.Thread(target=self._ask, args=(replica, address), daemon=True)
            for replica, address in enumerate(addresses)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def serves(self, replica: int, since: float) -> bool:
        """Whether a replica, asked after this moment, says that it serves."""
        latest = self._latest.get(replica)
        return latest is not None and latest.sent >= since and latest.status == SERVING

    def _ask(self, replica: int, address: str) -> None:
        with grpc.insecure_channel(address, options=_CONNECT) as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            while not self._over.wait(_PAUSE_S):
                sent, status = time.monotonic(), ""
                try:
                    answer = stub.Check(health_pb2.HealthCheckRequest(), timeout=_TIMEOUT_S)
                    status = health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)
                except grpc.RpcError as error:
                    if error.code().name not in {"UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED"}:
                        status = error.code().name
                self._latest[replica] = Sample(replica, sent, time.monotonic(), status)
                with self._history.lock:
                    self._history.samples.append(self._latest[replica])
