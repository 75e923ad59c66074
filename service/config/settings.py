"""Every setting of the service: one frozen object, read once from command-line options and the environment.

A setting is a field of `Settings`, and nothing else: its option (`--redis-url`), its environment variable
(`EVENHAND_REDIS_URL`) and its line in `evenhand serve --help` follow from that. An option wins over its variable; an
empty text is as good as none.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from service.config import kinds
from service.config.addresses import redact, unix_path
from service.config.declaring import SettingsError, declared, setting
from service.config.durations import DAY

if TYPE_CHECKING:
    from collections.abc import Mapping


_DATA_DIR: Final = Path(".evenhand")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings. Names ending in `_s` are seconds; their options and variables are written without it.

    Attributes:
        origins: where each setting comes from, as the user wrote it; see `name_of`.
    """

    listen: str = setting(
        "127.0.0.1:50051", kinds.ADDRESS, "Where to serve gRPC: HOST:PORT (0: any free one), [IPV6]:PORT or unix:PATH."
    )
    metrics_listen: str = setting(
        "", kinds.TCP_ADDRESS, "Where to serve /metrics for Prometheus, over HTTP.", unset="nowhere"
    )
    tls_cert: str = setting(
        "", kinds.FILE, "Certificate (PEM, with its chain) of gRPC and of /metrics; turns TLS on.", unset="none"
    )
    tls_key: str = setting("", kinds.FILE, "Its private key (PEM, not encrypted).", unset="none")
    tls_client_ca: str = setting(
        "", kinds.FILE, "Authorities (PEM) of the certificates that callers must have.", unset="none"
    )
    access: str = setting(
        "",
        kinds.FILE,
        "Who may do what (YAML), read again when it changes; without it, everybody may do all.",
        unset="none",
    )
    reflection: bool = setting(True, kinds.YES_OR_NO, "Whether callers such as grpcurl may ask what there is to call.")
    metrics_workspaces: int = setting(
        100, kinds.whole(0, 10_000), "Workspaces that have a label of their own there; the rest is other."
    )
    metrics_pools: int = setting(
        50, kinds.whole(0, 10_000), "Pools whose fairness is shown, those with the most contacts; the rest is other."
    )
    metrics_agents: int = setting(
        100, kinds.whole(0, 10_000), "Agents of a pool that are shown by name; the rest is other."
    )
    metrics_window_s: float = setting(900.0, kinds.duration(1.0), "Over how long fairness is judged.")
    metrics_interval_s: float = setting(15.0, kinds.duration(0.1), "How often it is looked at.")
    unassigned_after_s: float = setting(
        600.0, kinds.duration(0.1), "When a contact that no rule takes counts as unassigned, after its first event."
    )
    log_level: str = setting(
        "info",
        kinds.one_of("LEVEL", "debug", "info", "warning", "error"),
        "Events logged on standard error: debug (every decision), info (every refused call), warning or error.",
    )
    log_format: str = setting(
        "console", kinds.one_of("FORMAT", "console", "json"), "How they are written: console or json, a line each."
    )
    traces_endpoint: str = setting(
        "", kinds.HTTP_URL, "Where to send traces by OTLP over gRPC: http://HOST:4317.", unset="nowhere"
    )
    redis_url: str | None = setting(
        None,
        kinds.REDIS_URL,
        "The Redis that keeps the state: redis://, rediss://, unix://, redis+sentinel:// or rediss+sentinel://.",
        unset="one of our own",
    )
    redis_url_file: Path | None = setting(  # noqa: RUF009 - a path never changes
        None, kinds.FILE_PATH, "A file that has this URL, read again when it changes.", unset="nowhere"
    )
    data_dir: Path = setting(  # noqa: RUF009 - a path never changes
        _DATA_DIR, kinds.FOLDER, "Where the Redis of our own keeps its files. One service at a time."
    )
    workers: int = setting(1, kinds.whole(1, 256), "Processes that share the port.")
    # Threads that share one interpreter cost twice as much on several cores.
    pin_workers: bool = setting(
        True, kinds.YES_OR_NO, "Whether each of several keeps to a processor core of its own, if there are enough."
    )
    # A thread is busy while Redis thinks, so a few are enough to keep a core busy; some more let single calls pass
    # while batches of 1000 are at work.
    threads: int = setting(16, kinds.whole(1, 1024), "Calls that a worker answers at once.")
    max_concurrent: int = setting(
        1000, kinds.whole(1, 1_000_000), "Calls that may wait for a worker's threads; more are refused."
    )
    workspace_quota: int = setting(
        0,
        kinds.whole(0, 1_000_000_000),
        "Calls, and contacts of batches, that a workspace may ask a worker for a second; 0: as many as it likes.",
    )
    request_timeout_s: float = setting(
        5.0, kinds.duration(0.1), "How long the request of a call may take to come in whole; a slower call is ended."
    )
    response_timeout_s: float = setting(
        60.0, kinds.duration(0.1), "How long a caller may take to take a response; a slower call is ended."
    )
    rules_cache_mib: int = setting(
        256, kinds.whole(1, 1_000_000), "Memory for the rules that a worker has cached, in MiB, by estimate."
    )
    redis_timeout_s: float = setting(
        1.0, kinds.duration(0.001), "How long a command may take before Redis counts as unavailable."
    )
    allow_eviction: bool = setting(
        False, kinds.YES_OR_NO, "Whether to be ready on a Redis that deletes records when its memory is full."
    )
    durability: str = setting(
        "acknowledged",
        kinds.one_of("MODE", "acknowledged", "replicated", "fsynced"),
        "When a change is acknowledged: once Redis has it, one replica of it too (replicated), or its disk (fsynced).",
    )
    contact_retention_s: float = setting(
        30 * DAY, kinds.duration(1.0), "How long contacts that are not open are remembered after their last event."
    )
    replay_retention_s: float = setting(
        DAY, kinds.duration(1.0), "How long superseded decisions are kept for retries by request_id."
    )
    # So that load balancers can notice.
    endpoint_wait_s: float = setting(
        0.0,
        kinds.duration(),
        "From SIGTERM, how long to go on while health says NOT_SERVING. In Kubernetes: 5s.",
    )
    drain_s: float = setting(20.0, kinds.duration(), "After that, how long calls in progress may take.")
    keepalive_s: float = setting(60.0, kinds.duration(1.0), "How often idle connections are checked.")
    keepalive_timeout_s: float = setting(
        20.0, kinds.duration(1.0), "How long such a check may take until the connection is dropped."
    )
    min_ping_interval_s: float = setting(
        10.0, kinds.duration(), "How often clients may check theirs; more often, and they are disconnected."
    )
    max_connection_idle_s: float = setting(
        120.0, kinds.duration(1.0), "When a connection without a call is closed; clients connect anew by themselves."
    )
    # So that clients find new replicas; gRPC takes a tenth more or less, so that they do not all do it at once.
    max_connection_age_s: float = setting(300.0, kinds.duration(1.0), "When clients are asked to connect anew.")
    max_connection_age_grace_s: float = setting(
        30.0, kinds.duration(), "How long calls on such an old connection may take to finish."
    )

    origins: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def read(cls, options: Mapping[str, object | None], environment: Mapping[str, str]) -> Self:
        """Read all settings.

        Args:
            options: what the command line says, by option name in Python's spelling (`redis_url` for `--redis-url`,
                `drain` for `--drain`); None: not given.
            environment: environment variables; those without the prefix `EVENHAND_` are left alone. So are unknown
                ones with it: Kubernetes adds such for a service called "evenhand".

        Raises:
            SettingsError: the first setting that is wrong.
        """
        values: dict[str, Any] = {}
        origins: dict[str, str] = {}
        for each in SETTINGS:
            given = options.get(each.name)
            if given is None and environment.get(each.variable):
                given = environment[each.variable]
                origins[each.field] = each.variable
            if given is None or given == "":
                continue
            try:
                values[each.field] = each.kind.parse(str(given))
            except ValueError as error:
                raise SettingsError(origins.get(each.field, each.option), str(error)) from error
        settings = cls(**values, origins=origins)
        settings._check()
        return settings

    def name_of(self, setting: str) -> str:
        """Return the setting as the user wrote it, or could have: `--data-dir` or `EVENHAND_DATA_DIR`."""
        return self.origins.get(setting) or next(each.option for each in SETTINGS if each.field == setting)

    def _check(self) -> None:
        """Check what takes more than one setting, or the file system, to see."""
        if self.workers > 1 and unix_path(self.listen) is not None:
            raise SettingsError(
                self.name_of("workers"), "several workers cannot share a unix socket; listen on HOST:PORT"
            )
        if self.workers > 1 and sys.platform == "win32":
            raise SettingsError(self.name_of("workers"), "several workers cannot share a port on this system")
        if self.metrics_listen == self.listen and not self.listen.endswith(":0"):
            raise SettingsError(self.name_of("metrics_listen"), f"{self.listen} is where {self.name_of('listen')} is")
        if bool(self.tls_cert) != bool(self.tls_key):
            given, missing = ("tls_cert", "tls_key") if self.tls_cert else ("tls_key", "tls_cert")
            raise SettingsError(self.name_of(given), f"needs {self.name_of(missing)}, too")
        if self.tls_client_ca and not self.tls_cert:
            raise SettingsError(self.name_of("tls_client_ca"), f"needs {self.name_of('tls_cert')}, too")
        if self.redis_url is None and self.redis_url_file is None:
            self._check_data_dir()
        if self.redis_url is not None and self.redis_url_file is not None:
            raise SettingsError(self.name_of("redis_url_file"), f"not together with {self.name_of('redis_url')}")
        if self.durability == "replicated" and self.redis_url is None and self.redis_url_file is None:
            raise SettingsError(self.name_of("durability"), "a Redis of our own has no replica; name one that has")
        self.external_redis()

    def external_redis(self) -> str | None:
        """Return the URL of the Redis to use, as the file has it now if there is one; None for one of our own.

        Raises:
            SettingsError: the file cannot be read, or has no such URL.
        """
        return self.redis_url if self.redis_url_file is None else self.redis_url_in(self.redis_url_text())

    def redis_url_text(self) -> str:
        """Return what the file of the URL has now; empty where there is no such file.

        Raises:
            SettingsError: it cannot be read.
        """
        if self.redis_url_file is None:
            return ""
        try:
            return self.redis_url_file.read_text("utf-8")
        except OSError as error:
            problem = f"cannot read {self.redis_url_file}: {error.strerror}"
        except UnicodeDecodeError:
            problem = f"{self.redis_url_file} is not UTF-8"
        raise SettingsError(self.name_of("redis_url_file"), problem)

    def redis_url_in(self, text: str) -> str:
        """Return the URL that the file of it has, of its text.

        Raises:
            SettingsError: that is none.
        """
        try:
            return str(kinds.REDIS_URL.parse(text))
        except ValueError as error:
            raise SettingsError(self.name_of("redis_url_file"), f"in {self.redis_url_file}: {error}") from error

    def _check_data_dir(self) -> None:
        """Make the data folder; one that nobody asked for is no use to complain of, but that no Redis is named."""
        problem = ""
        try:
            self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            problem = f"cannot make {self.data_dir}: {error.strerror}"
        if not problem and not os.access(self.data_dir, os.R_OK | os.W_OK | os.X_OK):
            problem = f"cannot write to {self.data_dir}"
        if not problem:
            return
        if self.data_dir == _DATA_DIR:
            url = next(each for each in SETTINGS if each.field == "redis_url")
            raise SettingsError(
                url.variable,
                f"neither it nor {url.option} names a Redis, and one of our own cannot keep its files here ({problem})",
            )
        raise SettingsError(self.name_of("data_dir"), problem)

    def __repr__(self) -> str:
        """Show all settings but the password."""
        shown = {each.field: getattr(self, each.field) for each in SETTINGS}
        if self.redis_url is not None:
            shown["redis_url"] = redact(self.redis_url)
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in shown.items())})"


SETTINGS: Final = tuple(declared(each) for each in fields(Settings) if each.metadata)
"""All of them, in the order in which help shows them."""
