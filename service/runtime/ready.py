"""The line that says where the service is to be found."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

from service.telemetry import logs

if TYPE_CHECKING:
    from service.config import Settings
    from service.telemetry.listener import MetricsListener


_log = logging.getLogger(__name__)


def say_ready(settings: Settings, address: str, redis_text: str, listener: MetricsListener | None) -> None:
    """Print the line on standard output; nothing else is ever written there. Where it cannot be, the log has it.

    Args:
        settings: whether it is for eyes or JSON.
        address: where gRPC is served.
        redis_text: what to call the Redis that is used.
        listener: serves the metrics; None: nobody does.
    """
    metrics = listener.address if listener else ""
    if settings.log_format == "json":
        line = logs.as_json("serving", address=address, redis=redis_text, metrics=metrics)
    else:
        metrics_text = f", metrics on {metrics}" if metrics else ""
        line = f"evenhand: serving on {address} (redis: {redis_text}{metrics_text})"
    try:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    except OSError as error:  # who cannot be told is no reason not to serve
        logs.event(
            _log,
            logging.WARNING,
            "the ready line could not be written to standard output",
            why=error.strerror or str(error),
            address=address,
            redis=redis_text,
            metrics=metrics,
        )
