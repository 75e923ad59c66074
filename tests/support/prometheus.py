"""A real Prometheus for tests, that scrapes what it is told to five times a second, or as often as it is told to."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import urlopen

from tests.support import wants
from tests.support.processes import _Process, free_port, wait_until

if TYPE_CHECKING:
    from collections.abc import Sequence

Labels: TypeAlias = dict[str, str]

_CONFIG = """\
global: {{scrape_interval: {often}, scrape_timeout: {often}, evaluation_interval: {often}}}
rule_files: {rule_files}
scrape_configs: [{{job_name: evenhand, static_configs: [{{targets: [{targets}]}}]}}]
"""


def missing() -> str:
    """Why there is no Prometheus on this machine; empty if there is."""
    return "" if shutil.which("prometheus") else wants.reason("prometheus is not on PATH", wants.PROMETHEUS)


class PrometheusServer(_Process):
    """`prometheus` on a free port of 127.0.0.1.

    Args:
        targets: what to scrape: `host:port`, as job `evenhand`.
        rules: a file of rules that it evaluates as often, as YAML; empty for none.
        often: how often.

    Attributes:
        address: where it answers: `host:port`.
    """

    def __init__(self, targets: Sequence[str], rules: str = "", often: str = "200ms") -> None:
        super().__init__(None)
        self._targets = targets
        self._rules = rules
        self._often = often
        self.address = f"127.0.0.1:{free_port()}"

    def start(self) -> None:
        """Start it, and wait until it answers queries."""
        config = self.workdir / "prometheus.yaml"
        rules = self.workdir / "rules.yaml"
        rules.write_text(self._rules)
        targets = ", ".join(f'"{target}"' for target in self._targets)
        config.write_text(
            _CONFIG.format(
                targets=targets, often=self._often, rule_files=json.dumps([str(rules)] if self._rules else [])
            )
        )
        self._spawn(
            [
                shutil.which("prometheus") or "prometheus",
                f"--config.file={config}",
                f"--storage.tsdb.path={self.workdir / 'data'}",
                f"--web.listen-address={self.address}",
            ]
        )
        wait_until(self._is_ready, "Prometheus is ready")

    def query(self, expression: str, at: float | None = None) -> list[tuple[Labels, float]]:
        """Return each sample, as of a time (in seconds since 1970) or of now, with its labels.

        A wrong expression is an AssertionError.
        """
        when = {} if at is None else {"time": at}
        found = self._ask("query", query=expression, **when)
        return [(sample["metric"], float(sample["value"][1])) for sample in found]

    def query_range(
        self, expression: str, start: float, end: float, step: float
    ) -> list[tuple[Labels, list[tuple[float, float]]]]:
        """Return the times and values of each series, with its labels; all times are in seconds."""
        found = self._ask("query_range", query=expression, start=start, end=end, step=step)
        return [(one["metric"], [(float(at), float(value)) for at, value in one["values"]]) for one in found]

    def _ask(self, what: str, **parameters: str | float) -> Any:
        try:
            with urlopen(f"http://{self.address}/api/v1/{what}?{urlencode(parameters)}", timeout=10) as answer:
                return json.load(answer)["data"]["result"]
        except HTTPError as error:
            raise AssertionError(f"{parameters['query']}: {error.read().decode()}") from error

    def _is_ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log()
        try:
            with urlopen(f"http://{self.address}/-/ready", timeout=1) as answer:
                return bool(answer.status == 200)
        except (URLError, TimeoutError):
            return False
