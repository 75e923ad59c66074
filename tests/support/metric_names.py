"""The metrics that rules, runbooks and dashboards may name, with their labels."""

from __future__ import annotations

from typing import Final

from service.telemetry.catalogue import CATALOGUE

SCRAPED: Final = {"up": frozenset({"job", "instance", "namespace"})}
"""What Prometheus itself adds: this metric, and these labels on all others."""

_ALERT: Final = frozenset({"alertname", "alertstate", "severity", "workspace", "pool", "grpc_method"})
_ALERTS: Final = {"ALERTS": _ALERT, "ALERTS_FOR_STATE": _ALERT - {"alertstate"}}
"""What Prometheus says of alerts, with the labels of ours."""


def exposed() -> dict[str, frozenset[str]]:
    """Return the labels of every series that a target exposes: a histogram is three of them."""
    series = SCRAPED | _ALERTS
    for name, (kind, labels, *_) in CATALOGUE.items():
        if kind == "histogram":
            series |= {f"{name}_{part}": frozenset(labels) for part in ("sum", "count")}
            series[f"{name}_bucket"] = frozenset({*labels, "le"})
        else:
            series[name] = frozenset(labels)
    return {name: labels | SCRAPED["up"] for name, labels in series.items()}
