"""One worker of `service.runtime.supervisor`: `python -m service.runtime.worker`, with its order on standard input."""

from __future__ import annotations

import os
import sys
import threading

from service.config import SettingsError
from service.runtime.orders import read_order
from service.runtime.server import Server
from service.runtime.signals import StopSignals
from service.telemetry import logs

_CANNOT_START = 2


def main() -> int:
    """Serve until standard input ends or a signal says to stop; return the exit code."""
    order = read_order(sys.stdin.buffer.readline())
    logs.configure(order.settings)
    if order.core is not None:
        os.sched_setaffinity(0, {order.core})  # before there are threads, so that all have it
    signals = StopSignals()
    threading.Thread(target=_follow_supervisor, args=(signals,), name="supervisor", daemon=True).start()
    try:
        server = Server(order.settings, order.redis_url, order.listen, share=True)
        address = server.start()
    except SettingsError as error:
        logs.say_cannot_start(error, order.settings.log_format)
        return _CANNOT_START
    sys.stdout.write(f"{address}\n")
    sys.stdout.flush()
    signals.wait()
    server.stop()
    return 0


def _follow_supervisor(signals: StopSignals) -> None:
    # By number: Python could not end while a thread waits inside sys.stdin.
    while os.read(0, 1):
        pass
    signals.ask()


if __name__ == "__main__":
    sys.exit(main())
