"""The thread that collects the metrics of fairness."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from service.collector import FairnessCollector
from service.config import Settings
from tests.support.processes import wait_until


class Redis:
    """Says that the caller leads and that there are no workspaces, unless it is broken."""

    def __init__(self) -> None:
        self.broken = False

    def run(self, *_arguments: object, **_options: object) -> list[int]:
        """Answer, or break."""
        if self.broken:
            raise ZeroDivisionError
        return [1]


def test_a_mistake_of_ours_ends_neither_the_thread_nor_goes_unseen():
    """While samples cannot be taken no old ones are shown, and as soon as they can this replica shows new ones."""
    redis = Redis()
    collector = FairnessCollector(redis, Settings(metrics_interval_s=0.01), list, exposes=True)
    registry = CollectorRegistry()
    registry.register(collector)
    try:
        for broken, up in ((False, 1), (True, 0), (False, 1)):
            redis.broken = broken
            wait_until(lambda up=up: registry.get_sample_value("assignment_collector_up") == up, f"it is {up}", 5)
    finally:
        redis.broken = False
        collector.close()
