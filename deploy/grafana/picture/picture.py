"""`make picture`: both dashboards, drawn anew by Grafana's own components from a run of two minutes.

A real Prometheus scrapes a real service with a real Redis while the story of story.py is played in a shop of 3 agents,
one of 8 and one of 60; a fourth is configured and has no customers. Then page.jsx asks what the panels ask, in
Chromium.

This starts the same processes as the tests do, with the same support.
"""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, NamedTuple

from PIL import Image
from PIL.PngImagePlugin import PngInfo
from story import PRELUDE_S, SHOWN_S, SIZES, Shop

from tests.support import grafana
from tests.support.client import Service, Workspace
from tests.support.processes import EvenhandServer, RedisServer, free_port
from tests.support.prometheus import PrometheusServer

_HERE: Final = Path(__file__).parent
_BUILD: Final = _HERE.parents[2] / ".picture"
"""Where Grafana's components are installed, and the pictures that are not kept are written."""

_PAGE: Final = """<!doctype html><meta charset="utf-8">
<link rel="stylesheet" href="node_modules/uplot/dist/uPlot.min.css">
<link rel="stylesheet" href="node_modules/@fontsource/inter/400.css">
<link rel="stylesheet" href="node_modules/@fontsource/inter/500.css">
<div id="root"></div>
<script>
window.process = {env: {NODE_ENV: "production"}};
window.grafanaBootData = {settings: {featureToggles: {}, buildInfo: {}}, user: {}, navTree: []};
window.dashboard = %s; window.shown = %s;
</script>
<script src="page.js"></script>
"""
_WIDTH, _ROW, _HEAD = 1600, 38, 48
_SCRAPE_S: Final = 0.5
_FOLD: Final = 60
"""A minute of the story stands for an hour: by so much all that takes minutes is shortened."""

_WINDOW_S: Final = 15 * 60 / _FOLD
"""Fairness is judged over so long."""

_REPLACED_S, _BROKEN_S = 52.0, 106.0
"""Seconds of the story."""

_RATE: Final = "10s"
"""Grafana takes four scrapes or more; with eight events a second so short a time would show little but chance."""


class Shown(NamedTuple):
    """What a picture shows.

    Attributes:
        name: of the file.
        dashboard: by its file's name.
        says: beside its title.
        workspace: the one that is chosen.
        start: in seconds since 1970.
        end: in seconds since 1970.
    """

    name: str
    dashboard: str
    says: str
    workspace: str
    start: float
    end: float


def main() -> None:
    """Play the story, and draw what it looked like."""
    for stop in (signal.SIGTERM, signal.SIGINT):
        signal.signal(stop, lambda number, _: sys.exit(128 + number))
    bundle()
    sys.stderr.write(f"The story takes {PRELUDE_S + SHOWN_S:.0f} s ...\n")
    rules = re.sub(r"for: (\d+)m", r"for: \1s", (grafana.FOLDER.parent / "prometheus" / "rules.yaml").read_text())
    metrics = [f"127.0.0.1:{free_port()}" for _ in range(2)]
    options = ("--metrics-interval", f"{_SCRAPE_S}s", "--metrics-window", f"{_WINDOW_S}s", "--metrics-listen")
    with (
        RedisServer() as redis,
        EvenhandServer(redis.url, options=(*options, metrics[0])) as server,
        EvenhandServer(redis.url, options=(*options, metrics[1])) as second,
        PrometheusServer(metrics, rules, f"{1000 * _SCRAPE_S:.0f}ms") as prometheus,
    ):
        for shown in told(Service(server.address), second):
            for mode in ("dark", "light"):
                draw(shown, mode, prometheus.address)
    for kept, drawn in grafana.PICTURES.items():
        keep(_BUILD / f"{drawn}.png", kept)


def bundle() -> None:
    """Install Grafana's components as package.json pins them, and make one script of them and of what is here."""
    _BUILD.mkdir(exist_ok=True)
    for source in (*_HERE.glob("*.js"), *_HERE.glob("*.jsx"), _HERE / "package.json"):
        shutil.copy(source, _BUILD)
    # Their own tools need scripts at installation; what is drawn needs none. A data grid that they take from a fork is
    # overridden in package.json by its release: no panel here has one.
    install = "npm install --no-audit --no-fund --no-package-lock --legacy-peer-deps --ignore-scripts --loglevel=error"
    subprocess.run(install.split(), cwd=_BUILD, check=True)
    modules = "./node_modules/@grafana"
    pack = [
        *("node", "node_modules/esbuild/bin/esbuild", "page.jsx", "--bundle", "--outfile=page.js", "--jsx=automatic"),
        *('--define:process.env.NODE_ENV="production"', "--define:global=window", "--log-level=error"),
        *("--loader:.svg=dataurl", "--loader:.png=dataurl", "--loader:.css=empty", "--main-fields=browser,main,module"),
        *(f"--alias:@grafana/{one}={modules}/{one}/dist/cjs/index.cjs" for one in ("ui", "data")),
    ]
    subprocess.run(pack, cwd=_BUILD, check=True)


def told(service: Service, second: EvenhandServer) -> list[Shown]:
    """Play the story in every shop at once; return what is worth a picture.

    Args:
        service: the replica that all call.
        second: another one: it is replaced after a while, and then breaks down.
    """
    shops = {f"shop-of-{agents}": agents for agents in SIZES}
    shops = {name: Shop(Workspace(name, service), agents) for name, agents in shops.items()}
    empty = Shop(Workspace("new-shop", service), 8)
    configured = time.time()
    for shop in (*shops.values(), empty):
        shop.open()

    def play(shop: Shop) -> None:
        shop.play(PRELUDE_S)
        shop.tell(configured + PRELUDE_S)

    with ThreadPoolExecutor(len(shops)) as pool:
        playing = [pool.submit(play, shop) for shop in shops.values()]
        time.sleep(max(0.0, configured + PRELUDE_S + _REPLACED_S - time.time()))
        second.terminate()
        second.start()
        time.sleep(max(0.0, configured + PRELUDE_S + _BROKEN_S - time.time()))
        second.kill()
        for one in playing:
            one.result()
    service.close()
    # At whole steps, as Grafana asks: so lines and what is the worst of them rest on the same moments.
    start = (configured + PRELUDE_S) // _SCRAPE_S * _SCRAPE_S
    end = start + SHOWN_S
    fairness = [
        Shown(f"fairness-{name}", "distribution-fairness", name, name, start, end) for name in (*shops, "new-shop")
    ]
    return [
        *fairness,
        Shown("service", "service", "", "", start, end),
        Shown("service-empty", "service", "before the first call", "", configured - SHOWN_S, configured),
    ]


def draw(shown: Shown, mode: str, prometheus: str) -> None:
    """Draw a dashboard in a theme, as a file of _BUILD.

    Raises:
        RuntimeError: Chromium wrote no picture, or a panel cannot be drawn.
    """
    dashboard = grafana.DASHBOARDS[shown.dashboard]
    variables = {one["name"]: ".*" for one in dashboard["templating"]["list"]}
    variables |= {"workspace": shown.workspace, "method": "EvaluateContact"}
    says: dict[str, Any] = {"prometheus": f"http://{prometheus}", "mode": mode, "variables": variables, "rate": _RATE}
    says |= {"from": shown.start, "to": shown.end, "scrape": _SCRAPE_S, "fold": _FOLD, "says": shown.says}
    page, file = _BUILD / "page.html", _BUILD / f"{shown.name}-{mode}.png"
    # What ends a script would end it within a text, too.
    page.write_text(_PAGE % tuple(json.dumps(one).replace("</", "<\\/") for one in (dashboard, says)))
    height = _HEAD + _ROW * max(one["gridPos"]["y"] + one["gridPos"]["h"] for one in dashboard["panels"])
    chromium = shutil.which("chromium") or "chromium"
    # No sandbox, as root cannot have it: nothing is opened but this page.
    quiet = "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-sync"
    file.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as profile:
        command = [
            *(
                chromium,
                *quiet.split(),
                "--disable-component-update",
                "--hide-scrollbars",
                "--disable-quic",
                "--enable-logging=stderr",
            ),
            *(f"--user-data-dir={profile}", f"--window-size={_WIDTH},{height}", "--virtual-time-budget=20000"),
            *(f"--screenshot={file}", page.as_uri()),
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if not file.exists() or "cannot be drawn: " in done.stderr:
        raise RuntimeError(f"{shown.name} is no picture: {done.stderr}")
    sys.stderr.write(f"{file.relative_to(_BUILD.parent)}\n")


def keep(drawn: Path, kept: Path) -> None:
    """Write a picture to be committed: with a palette, a third of the size, and with what it was drawn from."""
    carried = PngInfo()
    carried.add_text(grafana.DRAWN_FROM, json.dumps(grafana.fingerprints(grafana.DASHBOARDS[kept.stem])))
    with Image.open(drawn) as image:
        # One round of k-means keeps those colours right that are rare, as in legends.
        image.convert("RGB").quantize(80, kmeans=1, dither=Image.Dither.NONE).save(kept, optimize=True, pnginfo=carried)
    sys.stderr.write(f"{kept.relative_to(_BUILD.parent)}: {kept.stat().st_size / 1000:.0f} kB\n")


if __name__ == "__main__":
    main()
