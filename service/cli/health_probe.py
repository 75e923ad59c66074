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
    no_answer,
    not_evenhand,
    not_reached,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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


def plain_arguments(arguments: Sequence[str], environment: Mapping[str, str]) -> tuple[str, str, float] | None:
    """Read what typer would: `[SERVICE] [--server HOST:PORT] [--timeout DURATION]`, or the variables of these options.

    Returns:
        service, server and timeout in seconds. None if there is anything else, such as `--help` or a mistake.
    """
    given = {name: environment.get(f"EVENHAND_{name.upper()}", "") for name in ("server", "timeout")}
    services: list[str] = []
    rest = iter(arguments)
    for argument in rest:
        option, equals, value = argument.partition("=")
        name = {"--server": "server", "--timeout": "timeout", "-s": "" if equals else "server"}.get(option, "")
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
    if ":" not in server or len(services) > 1:
        return None
    return "".join(services), server, timeout


def probe(service: str, server: str, timeout: float) -> int:
    """Ask, print the answer, and return the exit code: 0 for SERVING, 1 for anything else, 3 if nobody answers.

    Args:
        service: whose health: "" for whether to send calls here, "liveness", or a gRPC service by its full name.
        server: `HOST:PORT`, `[IPV6]:PORT` or `unix:PATH`.
        timeout: deadline in seconds.
    """
    address = next((server.removeprefix(each) for each in _SCHEMES if server.startswith(each)), server)
    try:
        answer = unary_call.call(address, "/grpc.health.v1.Health/Check", _request(service), timeout)
    except TimeoutError:
        return _fail(no_answer(server, timeout), EXIT_UNREACHABLE)
    except unary_call.NotGrpcError:
        return _fail(not_evenhand(server), EXIT_UNREACHABLE)
    except OSError as error:
        return _fail(not_reached(server, error.strerror or str(error)), EXIT_UNREACHABLE)
    except ValueError:
        return _fail(not_reached(server, "that is no HOST:PORT"), EXIT_UNREACHABLE)
    if answer.message is None or answer.headers.get(b"grpc-status", _OK) != _OK:
        return _explain(server, answer)
    status = answer.message[-1] if answer.message else 0  # the one field, a small number; 0 is not written
    sys.stdout.write(f"{service or 'evenhand'} at {server}: {_STATUSES.get(status, status)}\n")
    return 0 if status == _SERVING else EXIT_PROBLEMS


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
