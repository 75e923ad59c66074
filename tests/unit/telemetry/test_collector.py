"""The thread that collects the metrics of fairness."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from service.config import Settings
from service.telemetry.collector import FairnessCollector
from tests.support.processes import wait_until


class Shares:
    """Says that the caller leads and that there are no workspaces, unless it is broken."""

    def __init__(self) -> None:
        self.broken = False

    def lead(self, _in_use: object) -> list[str]:
        """Answer, or break."""
        if self.broken:
            raise ZeroDivisionError
        return []

    def hand_over(self) -> None:
        """Do nothing."""


def test_an_internal_error_ends_neither_the_thread_nor_goes_unseen():
    """While samples cannot be taken no old ones are shown, and as soon as they can this replica shows new ones."""
    shares = Shares()
    collector = FairnessCollector(shares, Settings(metrics_interval_s=0.01), list)
    registry = CollectorRegistry()
    registry.register(collector)
    try:
        for broken, up in ((False, 1), (True, 0), (False, 1)):
            shares.broken = broken
            wait_until(lambda up=up: registry.get_sample_value("assignment_collector_up") == up, f"it is {up}", 5)
    finally:
        shares.broken = False
        collector.close()
