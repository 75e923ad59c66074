"""`evenhand health`: ask a running service whether it serves, for whoever sees health by a command, as Docker does."""

from __future__ import annotations

from typing import Annotated

import typer
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from service.cli.client import connected
from service.cli.options import DEFAULT_SERVER, DEFAULT_TIMEOUT, EXIT_PROBLEMS, Server, Timeout

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
    with connected(server, timeout) as running:
        answer = running.health.Check(HealthCheckRequest(service=service), timeout=running.timeout)
    typer.echo(f"{service or 'evenhand'} at {server}: {HealthCheckResponse.ServingStatus.Name(answer.status)}")
    if answer.status != HealthCheckResponse.SERVING:
        raise typer.Exit(EXIT_PROBLEMS)
