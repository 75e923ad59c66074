"""The metrics of fairness, read from Redis by one replica at a time, so that nothing is to be summed over replicas."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple, Protocol

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from service.telemetry.catalogue import CATALOGUE, OTHER
from service.telemetry.fairness import Sample, Window

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from prometheus_client.core import Metric

    from service.config import Settings
    from service.telemetry.fairness import Standing
    from service.telemetry.sample import WithoutOwner, WorkspaceSample

_log = logging.getLogger(__name__)

_FAMILIES = [
    name
    for name in CATALOGUE
    if name.startswith(("assignment_pool_", "assignment_agent_", "assignment_contacts_"))
    or name == "assignment_rules_revision"
]

# The part of the interval that passes between two samples at least, however often something is configured.
_SOONEST = 0.2


class Shares(Protocol):
    """Where samples come from: `service.store.shares.Shares`. Raises ConnectionError while Redis is unavailable."""

    def lead(self, in_use: Collection[str]) -> list[str] | None:
        """Note workspaces in use. Return all that replicas noted, the latest first; None if another one leads."""

    def hand_over(self) -> None:
        """Let another replica be the leader."""

    def sample(self, workspace_id: str) -> WorkspaceSample:
        """Return what there is to expose of a workspace; UnreadableWorkspaceError: its state is of no use."""


_Values = dict[str, dict[tuple[str, ...], float]]
"""By metric and label values."""


class _Counted(NamedTuple):
    """What is counted in a pool, with its name for people, of the agents who have labels of their own.

    Who has left the pool comes last, and is assigned nothing more, so nothing is lost where there is no room for them.
    """

    workspace: str
    pool: str
    name: str
    standings: list[Standing]


class FairnessCollector(Collector):
    """Takes samples in a thread of its own, and gives the latest ones to every scrape.

    Args:
        shares: where samples come from.
        settings: how many workspaces, pools and agents get labels of their own.
        in_use: returns the workspaces that this process decided for.
    """

    def __init__(
        self,
        shares: Shares,
        settings: Settings,
        in_use: Callable[[], Collection[str]],
    ) -> None:
        self._shares = shares
        self._settings = settings
        self._in_use = in_use
        self._windows: dict[tuple[str, str], Window] = {}
        self._latest: _Values | None = None
        self._unwell: dict[str, str] = {}  # workspaces of which the log says something
        self._closed = threading.Event()
        self._due = threading.Event()
        self._thread = threading.Thread(target=self._work, name="fairness", daemon=True)
        self._thread.start()

    def collect(self) -> Iterator[Metric]:
        """Yield the latest samples, and whether this replica has any."""
        latest = self._latest
        yield _family("assignment_collector_up", {(): float(latest is not None)})
        for name, values in (latest or {}).items():
            yield _family(name, values)

    def describe(self) -> Iterator[Metric]:
        """Yield what `collect` may."""
        for name in ("assignment_collector_up", *_FAMILIES):
            yield _family(name, {})

    def wake(self) -> None:
        """Have the next sample taken soon: there is something new to show."""
        self._due.set()

    def close(self) -> None:
        """Take no more samples, and let another replica do it."""
        self._closed.set()
        self._due.set()
        self._thread.join()
        with suppress(ConnectionError):
            self._shares.hand_over()

    def _work(self) -> None:
        while True:
            try:
                self.sample()
            except ConnectionError:
                self._latest = None
            except Exception:  # noqa: BLE001 - this thread must go on
                # Old samples must not pass for new, beside those that another replica then exposes.
                self._latest = None
                _log.exception("no sample of fairness could be taken")
            # What is configured seldom comes alone, and samples cost Redis something.
            self._due.wait((1 - _SOONEST) * self._settings.metrics_interval_s)
            self._due.clear()
            if self._closed.wait(_SOONEST * self._settings.metrics_interval_s):
                return

    def sample(self) -> None:
        """Take a sample, if this replica is the one to.

        Raises:
            ConnectionError: Redis is unavailable.
        """
        workspaces = self._shares.lead(self._in_use())
        if workspaces is None:
            self._latest, self._windows = None, {}
            return
        values: _Values = {name: {} for name in _FAMILIES}
        windows: dict[tuple[str, str], Window] = {}
        room = self._settings.metrics_pools
        unused: list[_Counted] = []
        for workspace, sample in self._samples(workspaces):
            values["assignment_rules_revision"][(workspace,)] = sample.rules_revision
            _add_without_owner(values, workspace, sample.without_owner)
            for pool, standings in sorted(sample.pools.items(), key=_largest_first):
                current = [one for one in standings if one.strategies]
                former = [one for one in standings if not one.strategies]
                most = self._settings.metrics_agents
                counted = _Counted(workspace, pool, sample.names[pool], (current + former)[:most])
                if not current:
                    unused = [*unused, counted][: self._settings.metrics_pools]
                elif room:
                    room -= 1
                    window = self._windows.get((workspace, pool)) or Window(self._settings.metrics_window_s)
                    windows[workspace, pool] = window
                    _add_counted(values, counted)
                    self._add_pool(values, workspace, pool, current, window)
                else:
                    _add_rest(values, (workspace, OTHER, OTHER), current)
        # Nothing more is assigned in a pool that no rule uses, so nothing is lost where there is no room for it.
        for counted in unused[:room]:
            _add_counted(values, counted)
        self._latest, self._windows = values, windows

    def _samples(self, workspaces: Iterable[str]) -> Iterator[tuple[str, WorkspaceSample]]:
        """Yield the samples of workspaces. One that has none costs its own metrics alone, and is named in the log once.

        Raises:
            ConnectionError: Redis is unavailable.
        """
        unwell: dict[str, str] = {}
        for workspace in workspaces:
            try:
                sample = self._shares.sample(workspace)
            except ConnectionError:
                raise
            except Exception as error:  # noqa: BLE001 - whatever is wrong with it, others have samples
                unwell[workspace] = f"cannot be shown: {type(error).__name__}: {error}"
                if self._unwell.get(workspace) != unwell[workspace]:
                    _log.error("the metrics of workspace %s %s", workspace, unwell[workspace], exc_info=True)
                continue
            if sample.agents_lost:
                unwell[workspace] = "miss agents whose state is lost"
                if workspace not in self._unwell:
                    _log.error("agents of workspace %s have lost their state; `evenhand audit` names them", workspace)
            yield workspace, sample
        self._unwell = unwell

    def _add_pool(self, values: _Values, workspace: str, pool: str, standings: list[Standing], window: Window) -> None:
        """Add what holds now, of those who are in the pool."""
        own, rest = standings[: self._settings.metrics_agents], standings[self._settings.metrics_agents :]
        for one in own:
            labels = workspace, pool, one.agent_id
            values["assignment_pool_open_contacts"][labels] = one.open_contacts
            values["assignment_pool_agent_weight"][labels] = one.weight
        _add_rest(values, (workspace, pool, OTHER), rest)
        values["assignment_pool_eligible_agents"][workspace, pool] = sum(one.eligible for one in standings)
        values["assignment_pool_online_agents"][workspace, pool] = sum(one.online for one in standings)
        sample = Sample(own)
        window.add(time.monotonic(), sample)
        fairness = window.fairness()
        values["assignment_pool_share_spread"][workspace, pool, sample.strategy] = fairness.spread
        values["assignment_pool_jain_index"][workspace, pool, sample.strategy] = fairness.jain_index


def _largest_first(pool: tuple[str, list[Standing]]) -> int:
    return -sum(one.assigned for one in pool[1])


def _add_counted(values: _Values, counted: _Counted) -> None:
    workspace, pool, name, standings = counted
    values["assignment_pool_info"][workspace, pool, name] = 1
    for one in standings:
        values["assignment_pool_assigned_total"][workspace, pool, one.agent_id] = one.assigned
        values["assignment_agent_info"][workspace, one.agent_id, one.name] = 1


def _add_rest(values: _Values, labels: tuple[str, str, str], standings: list[Standing]) -> None:
    """Add up the contacts of agents without labels of their own."""
    if standings:
        assigned, open_contacts = values["assignment_pool_assigned_total"], values["assignment_pool_open_contacts"]
        assigned[labels] = assigned.get(labels, 0) + sum(one.assigned for one in standings)
        open_contacts[labels] = open_contacts.get(labels, 0) + sum(one.open_contacts for one in standings)


def _add_without_owner(values: _Values, workspace: str, counted: WithoutOwner) -> None:
    turned_out = values["assignment_contacts_unassigned_total"]
    turned_out[workspace, "no_agent_available"] = counted.no_agent_available
    turned_out[workspace, "overdue"] = counted.overdue
    values["assignment_contacts_assigned_late_total"][(workspace,)] = counted.assigned_late
    there_are = values["assignment_contacts_without_owner"]
    there_are[workspace, "unmatched"] = counted.unmatched
    there_are[workspace, "unassigned"] = counted.unassigned


def _family(name: str, values: Mapping[tuple[str, ...], float]) -> Metric:
    kind, labels, meaning = CATALOGUE[name]
    family = (CounterMetricFamily if kind == "counter" else GaugeMetricFamily)(name, meaning, labels=labels)
    for label_values, value in values.items():
        family.add_metric(label_values, value)
    return family
