"""`evenhand health`: ask a running service whether it serves, for whoever sees health by a command, as Docker does."""

from __future__ import annotations

from typing import Annotated

import typer

from service.cli.health_probe import probe
from service.cli.options import calls_service
from service.cli.reaching import Target  # noqa: TC001 (typer reads it)

Asked = Annotated[
    str,
    typer.Argument(
        metavar="SERVICE",
        show_default=False,
        help='Whether to send calls here; or "liveness" for the process alone, or a gRPC service by its full name.',
    ),
]


@calls_service
def health(*, service: Asked = "", target: Target) -> None:
    """Ask a running service whether it serves.

    Exit code 0: it does; 1: it does not, as when Redis is unavailable; 3: nobody answers.
    """
    raise typer.Exit(probe(service, target))
