"""What a worker is told to do: one line on its standard input, which the supervisor writes and the worker reads.

By standard input and not as arguments: everybody may read those, and the URL of Redis may hold a password.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from service.config import Settings

_PATHS = ("data_dir", "redis_url_file")
"""Settings that JSON has no form of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a worker is told to do.

    Attributes:
        settings: all settings.
        redis_url: where the state is.
        listen: where to serve, with the port that the supervisor holds.
        core: the processor core to keep to; None: whichever the system picks from moment to moment.
    """

    settings: Settings
    redis_url: str
    listen: str
    core: int | None


def write_order(order: Order) -> bytes:
    """Write an order as a line."""
    values = asdict(order)
    return json.dumps(values, default=str).encode() + b"\n"


def read_order(line: bytes) -> Order:
    """Read an order from its line."""
    values: dict[str, Any] = json.loads(line)
    settings = values.pop("settings")
    paths = {name: Path(settings[name]) for name in _PATHS if settings[name] is not None}
    return Order(settings=Settings(**settings | paths), **values)
