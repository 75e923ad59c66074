"""Options that several commands share."""

from __future__ import annotations

from functools import wraps
from inspect import Parameter, Signature, signature
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from service.cli.reaching import DEFAULT_SERVER, DEFAULT_TIMEOUT, Target
from service.config import durations

if TYPE_CHECKING:
    from collections.abc import Callable

GROUP: Final[dict[str, Any]] = {
    "no_args_is_help": True,
    "add_completion": False,
    "pretty_exceptions_enable": False,
    "context_settings": {"help_option_names": ["-h", "--help"]},
}
"""What all groups of commands have in common."""


def parse_duration(text: str | float) -> float:
    """Read a duration, or take seconds as they are; see `service.config.durations`.

    Raises:
        typer.BadParameter: the text is not a duration.
    """
    try:
        return durations.parse_duration(str(text))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def count(number: int, noun: str) -> str:
    """Write a number of things: "1 rule", "2 rules"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def bare_id(text: str) -> str:
    """Take white space off a contact's id, as the service does, so that what it answers is about the same id."""
    return text.strip() or text


def parse_server(text: str) -> str:
    """Read a gRPC address; a bare host would silently mean port 443.

    Raises:
        typer.BadParameter: the port is missing.
    """
    if ":" not in text:
        raise typer.BadParameter(f'"{text}" has no port; write HOST:PORT, such as {text or "127.0.0.1"}:50051')
    return text


Server = Annotated[
    str,
    typer.Option(
        "--server",
        "-s",
        envvar="EVENHAND_SERVER",
        metavar="HOST:PORT",
        callback=parse_server,
        help="Where the service listens.",
    ),
]

Workspace = Annotated[
    str,
    typer.Option("--workspace", "-w", envvar="EVENHAND_WORKSPACE", metavar="ID", help="The workspace (tenant)."),
]

Timeout = Annotated[
    float,
    typer.Option(
        "--timeout",
        envvar="EVENHAND_TIMEOUT",
        metavar="DURATION",
        parser=parse_duration,
        show_default="15s",
        help="The deadline of each call.",
    ),
]

_TlsCa = Annotated[
    str,
    typer.Option(
        "--tls-ca",
        envvar="EVENHAND_TLS_CA",
        metavar="FILE",
        show_default=False,
        help="Speak TLS, and trust these authorities (PEM). None: plain text.",
    ),
]

_TlsCert = Annotated[
    str,
    typer.Option(
        "--tls-cert",
        envvar="EVENHAND_TLS_CERT",
        metavar="FILE",
        show_default=False,
        help="A certificate of your own (PEM), if the service asks for one.",
    ),
]

_TlsKey = Annotated[
    str,
    typer.Option(
        "--tls-key", envvar="EVENHAND_TLS_KEY", metavar="FILE", show_default=False, help="Its private key (PEM)."
    ),
]


_TokenFile = Annotated[
    str,
    typer.Option(
        "--token-file",
        envvar="EVENHAND_TOKEN_FILE",
        metavar="FILE",
        show_default=False,
        help="A file with your bearer token, if the service asks who calls. Or the token itself in EVENHAND_TOKEN.",
    ),
]


def _target(
    *,
    server: Server = DEFAULT_SERVER,
    timeout: Timeout = DEFAULT_TIMEOUT,
    tls_ca: _TlsCa = "",
    tls_cert: _TlsCert = "",
    tls_key: _TlsKey = "",
    token_file: _TokenFile = "",
) -> Target:
    target = Target(server, timeout, tls_ca, tls_cert, tls_key, token_file)
    if problem := target.incomplete():
        raise typer.BadParameter(problem)
    return target


def calls_service(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command, in the place of its parameter `target`, the options that say how to reach the service."""
    of_target = signature(_target, eval_str=True).parameters

    @wraps(command)
    def run(**given: Any) -> None:
        target = _target(**{name: given.pop(name) for name in of_target})
        command(**given, target=target)

    of_command = signature(command, eval_str=True).parameters.values()
    own = [each.replace(kind=Parameter.KEYWORD_ONLY) for each in of_command if each.name != "target"]
    shown = [*own, *of_target.values()]
    run.__signature__ = Signature(shown)  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in shown}
    return run


DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would change, and let the server check it only.")]


def files_argument(help_text: str) -> Any:
    """Declare the files of a command."""
    return typer.Argument(metavar="FILE", exists=True, dir_okay=False, readable=True, help=help_text)
