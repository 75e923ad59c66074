"""What a service says at /metrics."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families

if TYPE_CHECKING:
    from prometheus_client.core import Metric

    from tests.support.processes import EvenhandServer


class Scrape:
    """One scrape of a service.

    Attributes:
        families: as Prometheus reads them, by name.
    """

    def __init__(self, server: EvenhandServer) -> None:
        ready = server.ready_line
        is_json = ready.startswith("{")
        address = json.loads(ready)["metrics"] if is_json else ready.rpartition("metrics on ")[2].rstrip(")")
        with urlopen(f"http://{address}/metrics", timeout=10) as answer:
            text = answer.read().decode()
        self.families: dict[str, Metric] = {family.name: family for family in text_string_to_metric_families(text)}
        self._samples = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in self.families.values()
            for sample in family.samples
        }

    def value(self, name: str, **labels: str) -> float | None:
        """Return the sample with exactly these labels; None if there is none."""
        return self._samples.get((name, frozenset(labels.items())))

    def total(self, name: str, **labels: str) -> float:
        """Return the sum of all samples that have at least these labels."""
        wanted = frozenset(labels.items())
        return sum(value for (each, has), value in self._samples.items() if each == name and wanted <= has)

    def labels(self, name: str, label: str) -> set[str]:
        """Return all values of a label among the samples with that name."""
        return {dict(has)[label] for each, has in self._samples if each == name}
