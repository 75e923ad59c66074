"""The metrics that rules, runbooks and dashboards may name, with their labels."""

from __future__ import annotations

from typing import Final

from service import metrics

_CALL: Final = ("grpc_type", "grpc_service", "grpc_method")
_POOL: Final = ("workspace", "pool")

_NAMED: Final[dict[str, tuple[str, tuple[str, ...], str]]] = {
    "grpc_server_started_total": ("counter", _CALL, ""),
    "grpc_server_handled_total": ("counter", (*_CALL, "grpc_code"), ""),
    "grpc_server_handling_seconds": ("histogram", _CALL, ""),
    "assignment_decisions_total": ("counter", ("workspace", "outcome", "strategy", "reason"), ""),
    "assignment_evaluation_seconds": ("histogram", (), ""),
    "assignment_script_seconds": ("histogram", ("script",), ""),
    "assignment_redis_round_trip_seconds": ("histogram", (), ""),
    "assignment_rules_cache_lookups_total": ("counter", ("result",), ""),
    "assignment_rules_cache_workspaces": ("gauge", (), ""),
    "assignment_overload_refusals_total": ("counter", (), ""),
    "assignment_redis_up": ("gauge", (), ""),
    "evenhand_build_info": ("gauge", ("version", "python", "grpcio"), ""),
    "assignment_pool_assigned_total": ("counter", (*_POOL, "agent"), ""),
    "assignment_pool_open_contacts": ("gauge", (*_POOL, "agent"), ""),
    "assignment_pool_agent_weight": ("gauge", (*_POOL, "agent"), ""),
    "assignment_pool_eligible_agents": ("gauge", _POOL, ""),
    "assignment_pool_online_agents": ("gauge", _POOL, ""),
    "assignment_pool_share_spread": ("gauge", (*_POOL, "strategy"), ""),
    "assignment_pool_jain_index": ("gauge", (*_POOL, "strategy"), ""),
    "assignment_collector_up": ("gauge", (), ""),
}

CATALOGUE: Final = getattr(metrics, "CATALOGUE", _NAMED)
"""Kind, labels and meaning by name. The service's own catalogue, as soon as it has one."""

SCRAPED: Final = {"up": frozenset({"job", "instance", "namespace"})}
"""What Prometheus itself adds: this metric, and these labels on all others."""


def exposed() -> dict[str, frozenset[str]]:
    """Return the labels of every series that a target exposes: a histogram is three of them."""
    series = dict(SCRAPED)
    for name, (kind, labels, *_) in CATALOGUE.items():
        if kind == "histogram":
            series |= {f"{name}_{part}": frozenset(labels) for part in ("sum", "count")}
            series[f"{name}_bucket"] = frozenset({*labels, "le"})
        else:
            series[name] = frozenset(labels)
    return {name: labels | SCRAPED["up"] for name, labels in series.items()}
