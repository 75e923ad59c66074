"""Asks a running service whether it serves, with next to nothing loaded: probes do so every few seconds.

gRPC and typer take 0.4 s of processor time to load, all of this takes less than a twentieth of that.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

from service.cli import unary_call
from service.cli.reaching import (
    DEFAULT_SERVER,
    DEFAULT_TIMEOUT,
    EXIT_PROBLEMS,
    EXIT_UNREACHABLE,
    EXIT_USAGE,
    NOT_TLS,
    Target,
    closed,
    no_answer,
    not_evenhand,
    not_reached,
    not_tls,
    not_trusted,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from ssl import SSLContext

_STATUSES: Final = {0: "UNKNOWN", 1: "SERVING", 2: "NOT_SERVING", 3: "SERVICE_UNKNOWN"}  # of grpc.health.v1
_SERVING: Final = 1
_OK: Final = b"0"
_UNIMPLEMENTED: Final = "UNIMPLEMENTED"
_CODES: Final = (  # of gRPC, by their number
    *("OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS"),
    *("PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", _UNIMPLEMENTED),
    *("INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED"),
)
_SCHEMES: Final = ("dns:///", "dns:", "ipv4:", "ipv6:")  # as gRPC writes an address; it is the same without


def quick(arguments: Sequence[str]) -> int | None:
    """Run `evenhand health` if its arguments are plain; return the exit code, None where typer has to read them."""
    asked = plain_arguments(arguments, os.environ)
    return None if asked is None else probe(*asked)


def plain_arguments(arguments: Sequence[str], environment: Mapping[str, str]) -> tuple[str, Target] | None:
    """Read what typer would: `[SERVICE]` and the options of `Target`, `--server HOST:PORT` or their variables.

    Returns:
        the service and where to ask. None if there is anything else, such as `--help` or a mistake.
    """
    given = {name: environment.get(f"EVENHAND_{name.upper()}", "") for name in Target._fields}
    options = {f"--{name.replace('_', '-')}": name for name in Target._fields}
    services: list[str] = []
    rest = iter(arguments)
    for argument in rest:
        option, equals, value = argument.partition("=")
        name = "server" if argument == "-s" else options.get(option, "")
        if name:
            given[name] = value if equals else next(rest, "")
            if not given[name]:
                return None
        elif argument.startswith("-"):
            return None
        else:
            services.append(argument)
    timeout = DEFAULT_TIMEOUT
    if given["timeout"]:
        from service.config.durations import parse_duration  # noqa: PLC0415 (as long to load as all the rest)

        try:
            timeout = parse_duration(given["timeout"])
        except ValueError:
            return None
    server = given["server"] or DEFAULT_SERVER
    target = Target(server, timeout, given["tls_ca"], given["tls_cert"], given["tls_key"], given["token_file"])
    if ":" not in server or len(services) > 1 or target.incomplete():
        return None
    return "".join(services), target


def probe(service: str, target: Target) -> int:
    """Ask, print the answer, and return the exit code: 0 for SERVING, 1 for anything else, 3 if nobody answers.

    Args:
        service: whose health: "" for whether to send calls here, "liveness", or a gRPC service by its full name.
        target: where to ask.
    """
    try:
        answer = _ask(service, target)
    except _UnansweredError as error:
        return _fail(error.summary, error.code)
    if answer.message is None or answer.headers.get(b"grpc-status", _OK) != _OK:
        return _explain(target.server, answer)
    status = answer.message[-1] if answer.message else 0  # the one field, a small number; 0 is not written
    sys.stdout.write(f"{service or 'evenhand'} at {target.server}: {_STATUSES.get(status, status)}\n")
    return 0 if status == _SERVING else EXIT_PROBLEMS


class _UnansweredError(Exception):
    """Nobody answered.

    Attributes:
        summary: why, in one line for people.
        code: what to leave with.
    """

    def __init__(self, summary: str, code: int = EXIT_UNREACHABLE) -> None:
        super().__init__(summary)
        self.summary = summary
        self.code = code


def _ask(service: str, target: Target) -> unary_call.Answer:
    server = target.server
    address = next((server.removeprefix(each) for each in _SCHEMES if server.startswith(each)), server)
    context = _tls(target) if target.tls_ca else None
    try:
        return unary_call.call(address, "/grpc.health.v1.Health/Check", _request(service), target.timeout, context)
    except TimeoutError as error:
        raise _UnansweredError(no_answer(server, target.timeout)) from error
    except unary_call.NotGrpcError as error:
        raise _UnansweredError(not_evenhand(server)) from error
    except ConnectionResetError as error:
        raise _UnansweredError(closed(target)) from error
    except OSError as error:
        raise _UnansweredError(_failed(server, error)) from error
    except ValueError as error:
        raise _UnansweredError(not_reached(server, "that is no HOST:PORT")) from error


def _failed(server: str, error: OSError) -> str:
    """Say why nobody could be asked; TLS has words of its own for it."""
    if refused := getattr(error, "verify_message", ""):
        return not_trusted(server, refused)
    if getattr(error, "reason", "") == NOT_TLS:
        return not_tls(server)
    return not_reached(server, error.strerror or str(error))


def _tls(target: Target) -> SSLContext:
    from service.cli import tls  # noqa: PLC0415 (takes as long to load as all the rest)

    try:
        return tls.context(target)
    except tls.TlsFileError as error:
        raise _UnansweredError(str(error), EXIT_USAGE) from error


def _request(service: str) -> bytes:
    """Serialize a HealthCheckRequest: the service's name is field 1."""
    name = service.encode()
    length = bytearray()
    left = len(name)
    while left > 0x7F:  # noqa: PLR2004 (seven bits a byte)
        length.append(left & 0x7F | 0x80)
        left >>= 7
    return b"\x0a" + bytes([*length, left]) + name if name else b""


def _explain(server: str, answer: unary_call.Answer) -> int:
    """Say why there is no health in an answer."""
    code = answer.headers.get(b"grpc-status", b"").decode(errors="replace")
    name = _CODES[int(code)] if code.isdecimal() and int(code) < len(_CODES) else "UNKNOWN"
    if name == _UNIMPLEMENTED:
        return _fail(not_evenhand(server), EXIT_UNREACHABLE)
    from urllib.parse import unquote_to_bytes  # noqa: PLC0415 (seldom asked for)

    message = unquote_to_bytes(answer.headers.get(b"grpc-message", b"")).decode(errors="replace")
    return _fail(f"{server} answered {name}: {message}", EXIT_PROBLEMS)


def _fail(summary: str, code: int) -> int:
    sys.stderr.write(f"evenhand: {summary}\n")
    return code
