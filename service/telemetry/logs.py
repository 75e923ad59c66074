"""Logs: one line an event on standard error, for eyes or as JSON.

A call that is refused or fails is an event; a decision is one at level `debug` only. Contact traits and tags never
appear, nor does what a wrong field held: only which call it was, what became of it, and by which ids to find it.

What a service says on standard output (that it is ready) or as it fails to start has a form of its own for eyes, and
is an object as all others where JSON is asked for: whoever collects the lines can read each of them.
"""

from __future__ import annotations

import atexit
import json
import logging
import re
import sys
from dataclasses import dataclass
from datetime import datetime
from threading import Lock, Timer
from time import monotonic
from typing import TYPE_CHECKING, Any, ClassVar
from weakref import WeakSet

if TYPE_CHECKING:
    from service.config import Settings

_TRACE = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
_PLAIN = re.compile(r"[\w.:@/+-]+")
_LONGEST = 200
_SECOND = 1.0
# What a terminal could take for a command, or shows in another place than where it stands. Line breaks are json's, or a
# traceback's own.
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def configure(settings: Settings) -> None:
    """Log as the settings say, from now on and in this whole process."""
    handler = logging.StreamHandler()
    handler.setFormatter(_json_formatter() if settings.log_format == "json" else _ConsoleFormatter())
    logging.basicConfig(level=settings.log_level.upper(), handlers=[handler], force=True)


def event(
    log: logging.Logger,
    level: int,
    message: str,
    problem: BaseException | None = None,
    *,
    whole: bool = False,
    **fields: str | float,
) -> None:
    """Log an event.

    Args:
        log: whose event it is.
        level: how urgent.
        message: what happened; the same for all events of a kind.
        problem: the internal error behind it, whose traceback is to follow.
        whole: whether fields stay whole, however long; else what a caller sent could make lines of any length.
        fields: what tells it from others of its kind; empty ones are left out.
    """
    if log.isEnabledFor(level):
        told = {name: value for name, value in fields.items() if value != ""}
        shown = told if whole else {name: _shortened(value) for name, value in told.items()}
        log.log(level, message, exc_info=problem, extra={"fields": shown})


class Sample:
    """Chooses which of many like events are logged: some a second, so that no caller can fill a disk.

    Args:
        most: how many a second, of each kind.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = Lock()
        self._kinds: dict[str, _Second] = {}

    def take(self, kind: str) -> int | None:
        """Return how many events of this kind were left out since the last one logged; None: leave this out, too."""
        now = monotonic()
        with self._lock:
            second = self._kinds.setdefault(kind, _Second(now))
            if now - second.began >= _SECOND:
                second.began, second.logged = now, 0
            if second.logged >= self._most:
                second.left_out += 1
                return None
            second.logged += 1
            left_out, second.left_out = second.left_out, 0
        return left_out


@dataclass(slots=True)
class _Second:
    """What became of the events of one kind since some time, by `monotonic`."""

    began: float
    logged: int = 0
    left_out: int = 0


class Tally:
    """Logs how often something happened: a line a second, since a line for each would make a flood worse.

    Args:
        log: whose event it is.
        message: what happened.
    """

    _counting: ClassVar[WeakSet[Tally]] = WeakSet()

    def __init__(self, log: logging.Logger, message: str) -> None:
        self._log = log
        self._message = message
        self._lock = Lock()
        self._calls = 0
        self._latest: dict[str, str] = {}

    def add(self, calls: int, **latest: str) -> None:
        """Count so many calls to which it happened; within a second they are logged, with those that follow.

        Args:
            calls: how many.
            latest: what to say of the latest of them; what is empty is left out.
        """
        if not calls:
            return
        with self._lock:
            first = not self._calls
            self._calls += calls
            self._latest = latest
        if first:
            self._counting.add(self)
            timer = Timer(_SECOND, self.write)
            timer.daemon = True
            timer.start()

    def write(self) -> None:
        """Log what is counted, if anything is."""
        with self._lock:
            calls, self._calls = self._calls, 0
            latest = self._latest
        if calls:
            event(self._log, logging.WARNING, self._message, None, whole=False, calls=calls, **latest)

    @classmethod
    def write_all(cls) -> None:
        """Log what any of them has counted: what a process counted in its last second is told, too."""
        for tally in list(cls._counting):
            tally.write()


atexit.register(Tally.write_all)


def as_json(message: str, level: int = logging.INFO, **fields: str) -> str:
    """Return an event as the line that a log in JSON has of it, for another place than the log.

    Args:
        message: what happened.
        level: how urgent.
        fields: what more is said of it; empty ones are left out.
    """
    shown = {name: value for name, value in fields.items() if value}
    record = logging.makeLogRecord(
        {
            "name": "evenhand",
            "levelname": logging.getLevelName(level),
            "levelno": level,
            "msg": message,
            "fields": shown,
        }
    )
    return _json_formatter().format(record)


def say_cannot_start(why: Exception, log_format: str) -> None:
    """Say on standard error, in this form, why this process cannot serve."""
    line = as_json(f"cannot start: {why}", logging.CRITICAL) if log_format == "json" else f"evenhand: {why}"
    sys.stderr.write(f"{line}\n")


def trace_id_of(traceparent: str) -> str:
    """Return the trace id of a W3C `traceparent` header; empty if it is none."""
    match = _TRACE.fullmatch(traceparent)
    return match[1] if match else ""


def _shortened(value: str | float) -> str | float:
    return value[:_LONGEST] if isinstance(value, str) else value


class _ConsoleFormatter(logging.Formatter):
    """For eyes: time, process, level, message, then `name=value`."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(process)d %(levelname)s %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's own name
        fields: dict[str, Any] = getattr(record, "fields", {})
        return " ".join([super().formatMessage(record), *(f"{name}={_text(value)}" for name, value in fields.items())])

    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record))


def printable(line: str) -> str:
    """Return a line with its control characters written as JSON writes them."""
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", line)


def _text(value: str | float) -> str:
    """Return a value on one line that cannot be mistaken for another field."""
    text = str(value)
    return text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)


def _json_formatter() -> logging.Formatter:
    from pythonjsonlogger.json import JsonFormatter  # noqa: PLC0415 - takes 35 ms to load, and few want it

    class Formatter(JsonFormatter):
        def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: ARG002, N802
            return datetime.fromtimestamp(record.created).astimezone().isoformat(timespec="milliseconds")

        def format(self, record: logging.LogRecord) -> str:
            return printable(super().format(record))

        def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
            return super().process_log_record(log_data | log_data.pop("fields", {}))

    return Formatter(
        "%(asctime)s %(process)d %(levelname)s %(name)s %(message)s",
        rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
        json_ensure_ascii=False,
    )
