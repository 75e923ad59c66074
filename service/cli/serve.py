"""`evenhand serve`: run the service."""

from __future__ import annotations

from dataclasses import fields
from typing import Annotated, Any

import typer

from service.cli.start import start
from service.config import Settings


def _option(name: str, metavar: str, meaning: str, default: str = "") -> Any:
    """Declare an option, with the default that `Settings` has unless another text is given for it.

    The environment variable is for `Settings.read` to look at, which says which of the two is wrong.
    """
    setting = name.replace("-", "_")
    default = default or next(
        _shown(each.default) for each in fields(Settings) if each.name in {setting, f"{setting}_s"}
    )
    return typer.Option(
        f"--{name}", metavar=metavar, show_default=False, help=f"{meaning} ({default}; EVENHAND_{setting.upper()})"
    )


def _shown(default: object) -> str:
    """Return a default as the user would write it; a number with a fraction is seconds."""
    if isinstance(default, bool):
        return "yes" if default else "no"
    if not isinstance(default, float):
        return str(default)
    units = {"d": 86_400, "h": 3600, "m": 60, "s": 1}
    return next((f"{default / size:g}{unit}" for unit, size in units.items() if default >= size), "0s")


Listen = Annotated[
    str | None, _option("listen", "ADDRESS", "Where to serve gRPC: HOST:PORT, [IPV6]:PORT or unix:PATH.")
]
MetricsListen = Annotated[
    str | None, _option("metrics-listen", "HOST:PORT", "Where to serve /metrics for Prometheus.", "nowhere")
]
MetricsWorkspaces = Annotated[
    str | None,
    _option("metrics-workspaces", "N", "Workspaces that have a label of their own there; the rest is other."),
]
MetricsPools = Annotated[str | None, _option("metrics-pools", "N", "Pools whose fairness is shown; the rest is other.")]
MetricsAgents = Annotated[
    str | None, _option("metrics-agents", "N", "Agents of a pool that are shown by name; the rest is other.")
]
MetricsWindow = Annotated[str | None, _option("metrics-window", "DURATION", "Over how long fairness is judged.")]
MetricsInterval = Annotated[str | None, _option("metrics-interval", "DURATION", "How often it is looked at.")]
LogLevel = Annotated[
    str | None, _option("log-level", "debug|info|warning|error", "Which events are logged on standard error.")
]
LogFormat = Annotated[str | None, _option("log-format", "console|json", "How they are written.")]
TracesEndpoint = Annotated[
    str | None,
    _option("traces-endpoint", "URL", "Where to send traces by OTLP over gRPC: http://HOST:4317.", "nowhere"),
]
RedisUrl = Annotated[
    str | None,
    _option("redis-url", "URL", "The Redis that keeps the state: redis://, rediss:// or unix://.", "one of our own"),
]
DataDir = Annotated[str | None, _option("data-dir", "FOLDER", "Where the Redis of our own keeps its files.")]
Workers = Annotated[str | None, _option("workers", "N", "Processes that share the port.")]
PinWorkers = Annotated[
    str | None, _option("pin-workers", "yes|no", "Whether each of several keeps to a processor core of its own.")
]
Threads = Annotated[str | None, _option("threads", "N", "Calls that a worker answers at once.")]
MaxConcurrent = Annotated[
    str | None, _option("max-concurrent", "N", "Calls that may wait for a worker's threads; more are refused.")
]
RedisTimeout = Annotated[str | None, _option("redis-timeout", "DURATION", "How long Redis may take to answer.")]
ContactRetention = Annotated[
    str | None, _option("contact-retention", "DURATION", "How long closed contacts are remembered.")
]
ReplayRetention = Annotated[
    str | None, _option("replay-retention", "DURATION", "How long superseded decisions are kept for retries.")
]
EndpointWait = Annotated[
    str | None,
    _option(
        "endpoint-wait", "DURATION", "From SIGTERM, how long to go on while health says NOT_SERVING. In Kubernetes: 5s."
    ),
]
Drain = Annotated[str | None, _option("drain", "DURATION", "After that, how long calls in progress may take.")]
Keepalive = Annotated[str | None, _option("keepalive", "DURATION", "How often idle connections are checked.")]
KeepaliveTimeout = Annotated[str | None, _option("keepalive-timeout", "DURATION", "How long such a check may take.")]
MinPingInterval = Annotated[str | None, _option("min-ping-interval", "DURATION", "How often clients may check theirs.")]
MaxConnectionAge = Annotated[
    str | None, _option("max-connection-age", "DURATION", "When clients are asked to connect anew.")
]
MaxConnectionAgeGrace = Annotated[
    str | None, _option("max-connection-age-grace", "DURATION", "How long calls on old connections may take.")
]


def serve(  # noqa: PLR0917 - typer passes them by name
    listen: Listen = None,
    metrics_listen: MetricsListen = None,
    metrics_workspaces: MetricsWorkspaces = None,
    metrics_pools: MetricsPools = None,
    metrics_agents: MetricsAgents = None,
    metrics_window: MetricsWindow = None,
    metrics_interval: MetricsInterval = None,
    log_level: LogLevel = None,
    log_format: LogFormat = None,
    traces_endpoint: TracesEndpoint = None,
    redis_url: RedisUrl = None,
    data_dir: DataDir = None,
    workers: Workers = None,
    pin_workers: PinWorkers = None,
    threads: Threads = None,
    max_concurrent: MaxConcurrent = None,
    redis_timeout: RedisTimeout = None,
    contact_retention: ContactRetention = None,
    replay_retention: ReplayRetention = None,
    endpoint_wait: EndpointWait = None,
    drain: Drain = None,
    keepalive: Keepalive = None,
    keepalive_timeout: KeepaliveTimeout = None,
    min_ping_interval: MinPingInterval = None,
    max_connection_age: MaxConnectionAge = None,
    max_connection_age_grace: MaxConnectionAgeGrace = None,
) -> None:
    """Run the service until SIGTERM or Ctrl-C (twice: at once).

    Each option has a default, and an environment variable that holds where the option is not given.
    Durations are written 250ms, 90s, 5m, 12h or 30d.
    """
    options = {
        "listen": listen,
        "metrics_listen": metrics_listen,
        "metrics_workspaces": metrics_workspaces,
        "metrics_pools": metrics_pools,
        "metrics_agents": metrics_agents,
        "metrics_window": metrics_window,
        "metrics_interval": metrics_interval,
        "log_level": log_level,
        "log_format": log_format,
        "traces_endpoint": traces_endpoint,
        "redis_url": redis_url,
        "data_dir": data_dir,
        "workers": workers,
        "pin_workers": pin_workers,
        "threads": threads,
        "max_concurrent": max_concurrent,
        "redis_timeout": redis_timeout,
        "contact_retention": contact_retention,
        "replay_retention": replay_retention,
        "endpoint_wait": endpoint_wait,
        "drain": drain,
        "keepalive": keepalive,
        "keepalive_timeout": keepalive_timeout,
        "min_ping_interval": min_ping_interval,
        "max_connection_age": max_connection_age,
        "max_connection_age_grace": max_connection_age_grace,
    }
    raise typer.Exit(start(options))
