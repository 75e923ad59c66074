"""`make picture`: the README's picture of the dashboard "Distribution fairness", drawn anew from a run of two minutes.

There is no Grafana in it: matplotlib draws the panels that the dashboard's file describes, from what a real Prometheus
answers to their own queries. It scraped a real service with a real Redis, while the story of story.py was played.
The list of what happened, and the numbers that mark it over time, are added here: a dashboard cannot know.

This is beside the tests since it starts the same processes as they do, with the same support.
"""

from __future__ import annotations

import signal
import sys
import time
from typing import Final

from tests.picture.asking import Panel, Range, asked
from tests.picture.page import draw
from tests.picture.story import PRELUDE_S, SHOWN_S, WORKSPACE, Moment, Shop

from tests.support.client import Service, Workspace
from tests.support.grafana import DASHBOARDS, PICTURE, PICTURED
from tests.support.processes import EvenhandServer, RedisServer
from tests.support.prometheus import PrometheusServer

_DASHBOARD: Final = DASHBOARDS[PICTURED]
_WINDOW: Final = "15s"
"""Fairness is judged over so long: as much of this story as the default, 15 minutes, is of two hours."""

_STEP_S: Final = 0.5
"""Between two points of a line, a pixel and a half of the page."""

_GRAFANA_FILLS_IN: Final = {
    # Grafana takes four scrapes or more; with eight events a second so short a time would show little but chance.
    "$__rate_interval": "10s",
    "$__range": f"{SHOWN_S:.0f}s",
    "$__interval": f"{1000 * _STEP_S:.0f}ms",
    "$namespace": ".*",
    "$workspace": WORKSPACE,
    "$pool": ".*",
}


def main() -> None:
    """Play the story, and draw what it looked like."""
    for stop in (signal.SIGTERM, signal.SIGINT):
        signal.signal(stop, lambda number, _: sys.exit(128 + number))
    sys.stderr.write(f"The story takes {PRELUDE_S + SHOWN_S:.0f} s ...\n")
    panels, shown, moments = watch()
    chosen = {"Workspace": WORKSPACE, "Pool": "All"}
    draw(PICTURE, dashboard=_DASHBOARD, panels=panels, shown=shown, moments=moments, chosen=chosen)
    sys.stderr.write(f"{PICTURE.relative_to(PICTURE.parents[2])}: {PICTURE.stat().st_size / 1000:.0f} kB\n")


def watch() -> tuple[list[Panel], Range, list[Moment]]:
    """Play the story; return what Prometheus then answers to each panel, for which time, and what happened then."""
    options = ("--metrics-listen", "127.0.0.1:0", "--metrics-interval", "500ms", "--metrics-window", _WINDOW)
    with (
        RedisServer() as redis,
        EvenhandServer(redis.url, options=options) as server,
        PrometheusServer([server.ready_line.rpartition("metrics on ")[2].rstrip(")")]) as prometheus,
    ):
        service = Service(server.address)
        shop = Shop(Workspace(WORKSPACE, service))
        shop.open()
        shop.play(PRELUDE_S)
        begun = time.time()
        moments = shop.tell(begun)
        service.close()
        # At whole steps, as Grafana asks: so lines and what is the worst of them rest on the same moments.
        start = begun // _STEP_S * _STEP_S
        shown = Range(start, start + SHOWN_S, _STEP_S)
        return asked(_DASHBOARD, prometheus, shown, _GRAFANA_FILLS_IN), shown, moments


if __name__ == "__main__":
    main()
