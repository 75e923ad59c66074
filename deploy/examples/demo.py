"""`make demo`: both products' stories, played through the real service.

Starts `evenhand serve` with its embedded Redis in a temporary folder, configures a workspace for each story from the
files beside this one, reports the story's events over gRPC, and prints who got what and why. Exit code 1 if a story
did not come out as it says. With `--tls` (`make demo DEMO=--tls`) all of that goes over TLS, and the service answers
only who has a certificate, as the demo has.
"""

from __future__ import annotations

import signal
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
from demo_stories import STORIES
from demo_tables import print_story
from demo_workspace import Workspace
from evenhand.testing import ServiceDidNotStartError, running_service
from rich.console import Console

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

OPTIONS = [("grpc.enable_http_proxy", 0)]
WIDTH = 100  # characters; fixed, so that it reads the same in a terminal, in a log and in the README


def main() -> int:
    """Play every story and return the exit code."""
    signal.signal(signal.SIGTERM, _leave)
    encrypted = sys.argv[1:] == ["--tls"]
    if sys.argv[1:] and not encrypted:
        sys.exit("usage: demo.py [--tls]")
    console = Console(width=WIDTH, highlight=False)
    started = time.monotonic()
    wrong = []
    with (_encrypted_service if encrypted else _service)() as (address, channel):
        over = " over TLS, to those with a certificate" if encrypted else ""
        console.print(f"[bold]Evenhand[/bold] serves on {address}{over}, with a Redis of its own.\n")
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


@contextmanager
def _service() -> Iterator[tuple[str, grpc.Channel]]:
    """Run the service; give its address and a connection."""
    with running_service() as address, grpc.insecure_channel(address, OPTIONS) as channel:
        yield address, channel


@contextmanager
def _encrypted_service() -> Iterator[tuple[str, grpc.Channel]]:
    """Run the service with certificates of an authority made for it; give its address and a connection."""
    import trustme  # noqa: PLC0415 - takes longer to load than all the rest

    authority = trustme.CA()
    own, demo = authority.issue_cert("127.0.0.1"), authority.issue_cert("demo@example.com")
    with tempfile.TemporaryDirectory(prefix="evenhand-tls-") as name:
        folder = Path(name)
        cert, key, client_ca = folder / "cert.pem", folder / "key.pem", folder / "client-ca.pem"
        own.cert_chain_pems[0].write_to_path(cert)
        own.private_key_pem.write_to_path(key)
        authority.cert_pem.write_to_path(client_ca)
        files = ["--tls-cert", str(cert), "--tls-key", str(key), "--tls-client-ca", str(client_ca)]
        credentials = grpc.ssl_channel_credentials(
            root_certificates=authority.cert_pem.bytes(),
            private_key=demo.private_key_pem.bytes(),
            certificate_chain=demo.cert_chain_pems[0].bytes(),
        )
        with running_service(*files) as address, grpc.secure_channel(address, credentials, OPTIONS) as channel:
            yield address, channel


def _leave(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)  # not a silent death: the service must be ended first


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ServiceDidNotStartError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(130)
