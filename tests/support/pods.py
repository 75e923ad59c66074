"""Replicas as Kubernetes runs them: each has an address of its own, and DNS names them late."""

from __future__ import annotations

import itertools
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

from tests.support.cluster import lasting_ports
from tests.support.name_server import NameServer
from tests.support.processes import EvenhandServer, RedisServer, wait_until

if TYPE_CHECKING:
    from collections.abc import Sequence

_NAME = "evenhand.test"


class Pods:
    """Replicas on one Redis, at 127.0.0.2:PORT, 127.0.0.3:PORT, and so on, as a context manager.

    Args:
        count: How many there are to be.
        lag: Seconds until DNS says what has changed.
        pre_stop: Seconds that a pod goes on as ever once it is deleted.
        options: Command-line options of each.
    """

    def __init__(self, count: int, lag: float, pre_stop: float, options: Sequence[str]) -> None:
        self._count = count
        self._lag = lag
        self._pre_stop = pre_stop
        self._options = options
        self._open = ExitStack()
        (self._port,) = lasting_ports(1)
        self._addresses = (f"127.0.0.{number}" for number in itertools.count(2))
        self._ready: dict[str, EvenhandServer] = {}

    def __enter__(self) -> Self:
        with self._open:
            self.redis = self._open.enter_context(RedisServer())
            self._names = self._open.enter_context(NameServer(_NAME, self._lag))
            for _ in range(self._count):
                self._add()
            self._names.publish(self._ready, at_once=True)
            self._open = self._open.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        for pod in self._ready.values():
            pod.kill()  # nobody calls any more, so there is nothing to wait for
        self._open.close()

    @property
    def target(self) -> str:
        """What callers call: the name, to be asked of our name server."""
        return f"dns://{self._names.address}/{_NAME}:{self._port}"

    @property
    def some_address(self) -> str:
        """One replica that is ready."""
        return next(iter(self._ready.values())).address

    def delete_each(self, apart: float) -> None:
        """Delete every pod of now, one after another, some seconds apart; return when all have ended in order."""
        doomed = list(self._ready)
        with ThreadPoolExecutor(len(doomed)) as threads:
            ends = []
            for address in doomed:
                ends.append(threads.submit(self._delete, address))
                time.sleep(apart)
            assert [end.result() for end in ends] == [0] * len(doomed)

    def _delete(self, address: str) -> int:
        """Delete a pod: DNS is told, another is started, and it gets SIGTERM later; return its exit code."""
        pod = self._ready.pop(address)
        end = time.monotonic() + self._pre_stop
        self._names.publish(self._ready)
        self._add()
        self._names.publish(self._ready)
        time.sleep(max(0.0, end - time.monotonic()))
        return pod.terminate()

    def _add(self) -> None:
        address = next(self._addresses)
        pod = EvenhandServer(self.redis.url, listen=f"{address}:{self._port}", options=self._options)
        self._open.enter_context(pod)
        wait_until(lambda: pod.health() == "SERVING", "the new pod is ready")
        self._ready[address] = pod
