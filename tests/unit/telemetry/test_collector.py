"""The thread that collects the metrics of fairness."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from service.config import Settings
from service.telemetry.collector import FairnessCollector
from service.telemetry.fairness import Standing
from service.telemetry.sample import WithoutOwner, WorkspaceSample
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


def standing(agent_id, assigned, strategies=(1,)):
    """Make an agent's standing, of the pool in use or (without strategies) from the past."""
    return Standing(agent_id, 1, assigned, 0, True, bool(strategies), frozenset(strategies), agent_id.title())


SAMPLES = {
    "old": WorkspaceSample({"past": [standing("ann", 9, ())]}, {"past": "Past"}, WithoutOwner(1, 2, 3, 4, 5), 0),
    "new": WorkspaceSample(
        {"used": [standing("left", 7, ()), standing("ben", 5), standing("cy", 6)]}, {"used": "Used"}, WithoutOwner(), 1
    ),
}


class Sampled(Shares):
    """Has samples of two workspaces."""

    def lead(self, _in_use: object) -> list[str]:
        """Lead."""
        return list(SAMPLES)

    def sample(self, workspace_id: str) -> WorkspaceSample:
        """Return it."""
        return SAMPLES[workspace_id]


def collected(**bounds):
    """What is counted by pool and agent, within these bounds."""
    collector = FairnessCollector(Sampled(), Settings(metrics_interval_s=60.0, **bounds), list)
    registry = CollectorRegistry()
    registry.register(collector)
    try:
        wait_until(lambda: registry.get_sample_value("assignment_collector_up") == 1, "there is a sample", 5)
        samples = [sample for family in registry.collect() for sample in family.samples]
    finally:
        collector.close()
    return {
        (sample.labels["pool"], sample.labels["agent"]): sample.value
        for sample in samples
        if sample.name == "assignment_pool_assigned_total"
    }


def test_the_past_takes_no_label_from_the_present():
    """Pools in use, and agents in them, get the labels that there are; what only has a past gets the rest."""
    everything = {("past", "ann"): 9, ("used", "left"): 7, ("used", "ben"): 5, ("used", "cy"): 6}
    assert collected() == everything
    assert collected(metrics_pools=1) == {which: n for which, n in everything.items() if which[0] == "used"}
    assert collected(metrics_agents=2) == {which: n for which, n in everything.items() if which[1] != "left"}
    assert collected(metrics_agents=1) == {("past", "ann"): 9, ("used", "ben"): 5, ("used", "other"): 6}
