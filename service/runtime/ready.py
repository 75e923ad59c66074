"""The line that says where the service is to be found."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from service.telemetry.listener import MetricsListener


def say_ready(address: str, redis_text: str, listener: MetricsListener | None) -> None:
    """Print the line on standard output; nothing else is ever written there.

    Args:
        address: where gRPC is served.
        redis_text: what to call the Redis that is used.
        listener: serves the metrics; None: nobody does.
    """
    metrics_text = f", metrics on {listener.address}" if listener else ""
    sys.stdout.write(f"evenhand: serving on {address} (redis: {redis_text}{metrics_text})\n")
    sys.stdout.flush()
