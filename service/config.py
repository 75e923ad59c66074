"""Every setting of the service: one frozen object, read once from command-line options and the environment.

An option wins over its environment variable: `--redis-url` over `EVENHAND_REDIS_URL`. An empty text is as good as none.
Durations are written `30d`, `12h`, `5m`, `1.5s`, `250ms`, or as plain seconds.
"""

from __future__ import annotations

import math
import os
import re
import sys
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_DAY = 86_400.0
_UNITS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": _DAY}
_DURATION = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|)\s*")
_HIGHEST_PORT = 65_535
_FOREVER = 100 * 365 * _DAY
_URL_FORMS = (
    "expected redis://[[user]:password@]host[:port][/db], rediss://... or unix://[[user]:password@]/path[?db=n]"
)


class SettingsError(ValueError):
    """A setting that cannot be used.

    Attributes:
        name: The setting as the user wrote it: `--workers` or `EVENHAND_WORKERS`.
        message: What is wrong with it, without secrets.
    """

    def __init__(self, name: str, message: str) -> None:
        super().__init__(f"{name}: {message}")
        self.name = name
        self.message = message


def _whole(lowest: int, highest: int) -> Callable[[str], int]:
    def parse(value: str) -> int:
        if not re.fullmatch(r"[+-]?\d{1,18}", value.strip()) or not lowest <= int(value) <= highest:
            raise ValueError(f"expected a whole number from {lowest} to {highest}, not {value!r}")
        return int(value)

    return parse


def _one_of(*choices: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        if value not in choices:
            raise ValueError(f"expected {', '.join(choices[:-1])} or {choices[-1]}, not {value!r}")
        return value

    return parse


def _yes_or_no(value: str) -> bool:
    return _one_of("yes", "no")(value) == "yes"


def _seconds(lowest: float = 0.0) -> Callable[[str], float]:
    def parse(value: str) -> float:
        match = _DURATION.fullmatch(value)
        seconds = float(match[1]) * _UNITS[match[2]] if match else math.nan
        if not lowest <= seconds <= _FOREVER:
            bounds = f"from {lowest:g}s to {_FOREVER / _DAY:g}d"
            raise ValueError(f"expected a duration {bounds}, such as 90s, 250ms or 30d, not {value!r}")
        return seconds

    return parse


def _address(value: str) -> str:
    """Check `host:port`, `[ipv6]:port` or `unix:path`."""
    if value.startswith("unix:"):
        if not value.removeprefix("unix:").removeprefix("//"):
            raise ValueError(f"expected unix:PATH, not {value!r}")
        return value
    host, port = split_address(value)
    if not host or re.search(r"[\s/]", host) or not 0 <= port <= _HIGHEST_PORT:
        raise ValueError(f"expected HOST:PORT, [IPV6]:PORT or unix:PATH, not {value!r}")
    return value


def _tcp_address(value: str) -> str:
    if value.startswith("unix:"):
        raise ValueError(f"expected HOST:PORT or [IPV6]:PORT, not {value!r}")
    return _address(value)


def _redis_url(value: str) -> str:
    """Check the URL without ever repeating it: it may hold a password, also (or just then) when it is malformed."""
    scheme = value.split("://", 1)[0] if "://" in value else ""
    if scheme not in {"redis", "rediss", "unix"}:
        raise ValueError(_URL_FORMS)
    from redis import ConnectionPool  # noqa: PLC0415 - takes 0.1 s to load, and the embedded Redis needs no URL

    try:
        pool = ConnectionPool.from_url(value)
        pool.connection_class(**pool.connection_kwargs)  # connects to nothing yet, but knows its options
        parts = urlsplit(value)
        port = parts.port
    except (ValueError, TypeError) as error:
        raise ValueError(_URL_FORMS) from error
    if scheme == "unix":
        if not str(pool.connection_kwargs.get("path", "")).startswith("/"):
            raise ValueError(_URL_FORMS)
    elif not parts.hostname or port == 0 or not re.fullmatch(r"/?\d*", parts.path):
        # redis-py takes a missing host for localhost, and a wrong database for 0, without a word.
        raise ValueError(_URL_FORMS)
    return value


def _http_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"expected http://HOST:PORT or https://HOST:PORT, not {value!r}")
    return value


def _folder(value: str) -> Path:
    return Path(value).expanduser()


def _by(parse: Callable[[str], Any]) -> dict[str, Any]:
    """Say how a field of `Settings` is made from text: `parse` returns its value or raises ValueError."""
    return {"parse": parse}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings. Names ending in `_s` are seconds; their options and variables are written without it.

    Attributes:
        listen: Where gRPC is served: `host:port` (port 0: any free one), `[ipv6]:port` or `unix:path`.
        metrics_listen: Where /metrics is served over HTTP; empty: nowhere.
        metrics_workspaces: Workspaces that get a label of their own in the metrics; the rest is `other`.
        metrics_pools: Pools whose fairness is shown, those with the most contacts first; the rest is `other`.
        metrics_agents: Agents of a pool that get a label of their own; the rest is `other`.
        metrics_window_s: Over how long fairness is judged.
        metrics_interval_s: How often it is looked at.
        log_level: The least urgent events that are logged: `debug` (every decision), `info` (every refused call),
            `warning` or `error`.
        log_format: `console` for eyes, `json` for machines: one object a line.
        traces_endpoint: Where traces are sent, by OTLP over gRPC: `http://host:4317`; empty: nowhere.
        redis_url: The Redis that holds the state; None: an embedded one, whose files are in `data_dir`.
        data_dir: Folder of the embedded Redis. One service at a time.
        workers: Processes that share the port.
        pin_workers: Whether each of several workers keeps to a processor core of its own, where there are enough and
            the system can do that. Threads that share one interpreter cost twice as much on several cores.
        threads: Threads a worker answers calls with. A thread is busy while Redis thinks, so a few are enough to
            keep a core busy; some more let single calls pass while batches of 1000 are at work.
        max_concurrent: Calls a worker lets wait for a thread; a call beyond that is refused as OVERLOADED.
        redis_timeout_s: How long one command may take before Redis counts as away.
        contact_retention_s: How long the record of a closed contact is kept.
        replay_retention_s: How long a superseded decision is kept for repeats of its `request_id`.
        endpoint_wait_s: From SIGTERM, how long calls are still taken with health at NOT_SERVING, so that whoever
            balances load can notice.
        drain_s: How long calls in progress may then take to finish.
        keepalive_s: How often an idle connection is checked for being alive.
        keepalive_timeout_s: How long such a check may take until the connection is dropped.
        min_ping_interval_s: How often clients may do the same; who does it more often is disconnected.
        max_connection_age_s: When clients are asked to connect anew, so that they find new replicas (give or take a
            tenth, so that they don't all do it at once).
        max_connection_age_grace_s: How long calls on such an old connection may take to finish.
        origins: Where each setting comes from, as the user wrote it; see `name_of`.
    """

    listen: str = field(default="127.0.0.1:50051", metadata=_by(_address))
    metrics_listen: str = field(default="", metadata=_by(_tcp_address))
    metrics_workspaces: int = field(default=100, metadata=_by(_whole(0, 10_000)))
    metrics_pools: int = field(default=50, metadata=_by(_whole(0, 10_000)))
    metrics_agents: int = field(default=100, metadata=_by(_whole(0, 10_000)))
    metrics_window_s: float = field(default=900.0, metadata=_by(_seconds(1.0)))
    metrics_interval_s: float = field(default=15.0, metadata=_by(_seconds(0.1)))
    log_level: str = field(default="info", metadata=_by(_one_of("debug", "info", "warning", "error")))
    log_format: str = field(default="console", metadata=_by(_one_of("console", "json")))
    traces_endpoint: str = field(default="", metadata=_by(_http_url))
    redis_url: str | None = field(default=None, metadata=_by(_redis_url))
    data_dir: Path = field(default=Path(".evenhand"), metadata=_by(_folder))
    workers: int = field(default=1, metadata=_by(_whole(1, 256)))
    pin_workers: bool = field(default=True, metadata=_by(_yes_or_no))
    threads: int = field(default=16, metadata=_by(_whole(1, 1024)))
    max_concurrent: int = field(default=1000, metadata=_by(_whole(1, 1_000_000)))
    redis_timeout_s: float = field(default=1.0, metadata=_by(_seconds(0.001)))
    contact_retention_s: float = field(default=30 * _DAY, metadata=_by(_seconds(1.0)))
    replay_retention_s: float = field(default=_DAY, metadata=_by(_seconds(1.0)))
    endpoint_wait_s: float = field(default=0.0, metadata=_by(_seconds()))
    drain_s: float = field(default=20.0, metadata=_by(_seconds()))
    keepalive_s: float = field(default=60.0, metadata=_by(_seconds(1.0)))
    keepalive_timeout_s: float = field(default=20.0, metadata=_by(_seconds(1.0)))
    min_ping_interval_s: float = field(default=10.0, metadata=_by(_seconds()))
    max_connection_age_s: float = field(default=300.0, metadata=_by(_seconds(1.0)))
    max_connection_age_grace_s: float = field(default=30.0, metadata=_by(_seconds()))

    origins: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def read(cls, options: Mapping[str, object | None], environment: Mapping[str, str]) -> Self:
        """Read all settings.

        Args:
            options: What the command line says, by option name in Python's spelling (`redis_url` for `--redis-url`,
                `drain` for `--drain`); None: not given.
            environment: Environment variables; those without the prefix `EVENHAND_` are left alone. So are unknown
                ones with it: Kubernetes adds such for a service called "evenhand".

        Raises:
            SettingsError: The first setting that is wrong.
        """
        values: dict[str, Any] = {}
        origins: dict[str, str] = {}
        for each in fields(cls):
            if "parse" not in each.metadata:
                continue
            name = each.name.removesuffix("_s")
            variable = "EVENHAND_" + name.upper()
            given = options.get(name)
            if given is None and environment.get(variable):
                given = environment[variable]
                origins[each.name] = variable
            if given is None or given == "":
                continue
            try:
                values[each.name] = each.metadata["parse"](str(given))
            except ValueError as error:
                raise SettingsError(origins.get(each.name, _option(each.name)), str(error)) from error
        settings = cls(**values, origins=origins)
        settings._check()
        return settings

    def name_of(self, setting: str) -> str:
        """Return the setting as the user wrote it, or could have: `--data-dir` or `EVENHAND_DATA_DIR`."""
        return self.origins.get(setting, _option(setting))

    def _check(self) -> None:
        """Check what takes more than one setting, or the file system, to see."""
        if self.workers > 1 and self.listen.startswith("unix:"):
            raise SettingsError(
                self.name_of("workers"), "several workers cannot share a unix socket; listen on HOST:PORT"
            )
        if self.workers > 1 and sys.platform == "win32":
            raise SettingsError(self.name_of("workers"), "several workers cannot share a port on this system")
        if self.redis_url is None:
            try:
                self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as error:
                raise SettingsError(
                    self.name_of("data_dir"), f"cannot make {self.data_dir}: {error.strerror}"
                ) from error
            if not os.access(self.data_dir, os.R_OK | os.W_OK | os.X_OK):
                raise SettingsError(self.name_of("data_dir"), f"cannot write to {self.data_dir}")

    def __repr__(self) -> str:
        """Show all settings but the password."""
        shown = {each.name: getattr(self, each.name) for each in fields(self) if each.repr}
        if self.redis_url is not None:
            shown["redis_url"] = redact(self.redis_url)
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in shown.items())})"


def _option(setting: str) -> str:
    return "--" + setting.removesuffix("_s").replace("_", "-")


def split_address(address: str) -> tuple[str, int]:
    """Split `host:port` or `[ipv6]:port` into host (without brackets) and port; port -1 if there is none to see."""
    match = re.fullmatch(r"(?:\[([^\[\]]+)\]|([^:\[\]]*)):(\d{1,5})", address)
    return (match[1] or match[2], int(match[3])) if match else (address, -1)


def redact(url: str) -> str:
    """Return a Redis URL fit for eyes: without password, and without its query, which may hold one."""
    return re.sub(r"(?<=://)([^@:]*):[^@]*@", r"\1:***@", url.split("?", 1)[0])
