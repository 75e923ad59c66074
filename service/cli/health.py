"""`evenhand health`: ask a running service whether it serves, for whoever sees health by a command, as Docker does."""

from __future__ import annotations

from typing import Annotated

import typer

from service.cli.health_probe import probe
from service.cli.options import Server, Timeout  # noqa: TC001 (typer reads them)
from service.cli.reaching import DEFAULT_SERVER, DEFAULT_TIMEOUT

Asked = Annotated[
    str,
    typer.Argument(
        metavar="SERVICE",
        show_default=False,
        help='Whether to send calls here; or "liveness" for the process alone, or a gRPC service by its full name.',
    ),
]


def health(service: Asked = "", server: Server = DEFAULT_SERVER, timeout: Timeout = DEFAULT_TIMEOUT) -> None:
    """Ask a running service whether it serves.

    Exit code 0: it does; 1: it does not, as when Redis is unavailable; 3: nobody answers.
    """
    raise typer.Exit(probe(service, server, timeout))
