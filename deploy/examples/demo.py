"""`make demo`: both products' stories, played through the real service.

Starts `evenhand serve` with its embedded Redis in a temporary folder, configures a workspace for each story from the
files beside this one, reports the story's events over gRPC, and prints who got what and why. Exit code 1 if a story
did not come out as it says.
"""

from __future__ import annotations

import signal
import sys
import time
from typing import TYPE_CHECKING

import grpc
from demo_stories import STORIES
from demo_tables import print_story
from demo_workspace import Workspace
from evenhand.testing import ServiceDidNotStartError, running_service
from rich.console import Console

if TYPE_CHECKING:
    from types import FrameType

WIDTH = 100  # characters; fixed, so that it reads the same in a terminal, in a log and in the README


def main() -> int:
    """Play every story and return the exit code."""
    signal.signal(signal.SIGTERM, _leave)
    console = Console(width=WIDTH, highlight=False)
    started = time.monotonic()
    wrong = []
    with running_service() as address, grpc.insecure_channel(address, [("grpc.enable_http_proxy", 0)]) as channel:
        console.print(f"[bold]Evenhand[/bold] serves on {address}, with a Redis of its own.\n")
        for story in STORIES:
            workspace = Workspace(channel, story.name)
            story.play(workspace)
            if not print_story(console, story, workspace):
                wrong.append(story.title)
    seconds = time.monotonic() - started
    if wrong:
        console.print(f"[bold red]Not as expected:[/bold red] {', '.join(wrong)}")
        return 1
    console.print(f"[bold green]All {len(STORIES)} stories came out as they say[/bold green] in {seconds:.1f} s.")
    return 0


def _leave(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)  # not a silent death: the service must be ended first


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ServiceDidNotStartError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(130)
