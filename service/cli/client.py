"""Talking to a running service: a channel, deadlines, and failures in words a person can act on."""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import grpc
import typer
from evenhand.v1.assignment_service_pb2_grpc import AssignmentServiceStub
from evenhand.v1.roster_service_pb2_grpc import RosterServiceStub
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from service.access.rights import Right
from service.cli import tls
from service.cli.bearer import bearer_token
from service.cli.reaching import (
    EXIT_PROBLEMS,
    EXIT_UNREACHABLE,
    EXIT_USAGE,
    NOT_TLS,
    closed,
    no_answer,
    not_evenhand,
    not_reached,
    not_tls,
    not_trusted,
)
from service.cli.saying import say

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from service.cli.reaching import Target

STATE_LOST: Final = "STATE_LOST"
NOT_DURABLE: Final = "NOT_DURABLE"
"""Reasons that commands act upon."""

_CHANNEL_OPTIONS: Final = [("grpc.enable_http_proxy", 0)]  # a proxy for the web is never the way to the service
_UNTRUSTED: Final = re.compile(r"CERTIFICATE_VERIFY_FAILED: ([^:]+)|(Hostname Verification Check failed)")
_HINTS: Final = {
    "NO_CREDENTIALS": "; say who you are by --token-file, EVENHAND_TOKEN or --tls-cert",
    "INVALID_CREDENTIALS": "; why, the log of the service says (at info)",
    "EXPIRED_CREDENTIALS": "; get a new one",
    STATE_LOST: " (`evenhand apply` configures them, `evenhand accept-loss` accepts it)",
}
"""What helps, by the reason of a failure."""
_ALSO_READS: Final = "; this command also reads: the principal needs read, too"
_FROM_THE_CLIENT: Final = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)


@dataclass(frozen=True, slots=True)
class Service:
    """A running service as the commands see it."""

    assignment: AssignmentServiceStub
    roster: RosterServiceStub
    timeout: float  # seconds, of each call


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a call failed.

    Attributes:
        exit_code: what the command leaves with.
        summary: one line for people.
        violations: (field path, description) of each wrong field of the request.
        lost_race: whether what the call was based on has changed meanwhile.
        reason: the service's word for it; empty if it is gRPC that failed.
        missing_right: the right that the caller has not; empty if that is not the reason.
    """

    exit_code: int
    summary: str
    violations: tuple[tuple[str, str], ...] = ()
    lost_race: bool = False
    reason: str = ""
    missing_right: str = ""


@contextmanager
def connected(target: Target, *, also_reads: bool = False) -> Iterator[Service]:
    """Connect to the service; a failed call ends the command with its reason and exit code.

    Args:
        target: where it is.
        also_reads: whether the command reads what it is going to change, for which there is a right of its own.
    """
    token = bearer_token(target)
    with _channel(target) as plain:
        channel = grpc.intercept_channel(plain, _WithToken(token)) if token else plain
        try:
            yield Service(AssignmentServiceStub(channel), RosterServiceStub(channel), target.timeout)
        except grpc.RpcError as error:
            failure = explain(error, target)
            hint = _ALSO_READS if also_reads and failure.missing_right == Right.READ else ""
            say(f"evenhand: {failure.summary}{hint}", err=True)
            for field, description in failure.violations:
                say(f"{field}: {description}", err=True)
            raise typer.Exit(failure.exit_code) from None


class _WithToken(grpc.UnaryUnaryClientInterceptor):
    """Has each call say who makes it.

    Args:
        token: the caller's bearer token.
    """

    def __init__(self, token: str) -> None:
        self._header = ("authorization", f"Bearer {token}")

    def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        """Make the call, with the token in its metadata."""
        return continuation(client_call_details._replace(metadata=[self._header]), request)


def _channel(target: Target) -> grpc.Channel:
    """Return a channel, over TLS where it is asked for; files that are wrong end the command."""
    if not target.tls_ca:
        return grpc.insecure_channel(target.server, options=_CHANNEL_OPTIONS)
    try:
        tls.context(target)  # gRPC would say of a wrong file only that nobody could be reached
        files = [tls.read(each) if each else None for each in (target.tls_ca, target.tls_key, target.tls_cert)]
    except tls.TlsFileError as error:
        say(f"evenhand: {error}", err=True)
        raise typer.Exit(EXIT_USAGE) from None
    return grpc.secure_channel(target.server, grpc.ssl_channel_credentials(*files), options=_CHANNEL_OPTIONS)


def explain(error: grpc.RpcError, target: Target) -> Failure:
    """Put a failed call into words.

    Args:
        error: what a stub raised.
        target: what was called.
    """
    server = target.server
    code = error.code()
    status = rpc_status.from_call(error)
    if status is None:  # the service always says more, so this comes from gRPC itself
        if code in _FROM_THE_CLIENT:
            return Failure(EXIT_UNREACHABLE, _unreachable(code, error.details() or "", target))
        if code == grpc.StatusCode.UNIMPLEMENTED:
            return Failure(EXIT_UNREACHABLE, not_evenhand(server))
        return Failure(EXIT_PROBLEMS, f"{server} answered {code.name}: {error.details()}")
    said = _details(status.details)
    if said.missing:
        return Failure(EXIT_PROBLEMS, f"there is no {', no '.join(said.missing)} in this workspace")
    if said.violations:
        return Failure(EXIT_PROBLEMS, "the service refuses this request", tuple(said.violations))
    lost_race = code == grpc.StatusCode.ABORTED
    hint = _HINTS.get(said.reason, "")
    summary = f"{status.message}{said.wait}{hint}"
    missing_right = _missing_right(status.details)
    return Failure(EXIT_PROBLEMS, summary, lost_race=lost_race, reason=said.reason, missing_right=missing_right)


@dataclass(slots=True)
class _Details:
    """What the details of a Status say, in words.

    Attributes:
        reason: the service's word for what happened.
        violations: (field path, description) of each wrong field.
        missing: what is not there.
        wait: how long to wait before the next attempt; empty if nobody knows.
    """

    reason: str = ""
    violations: list[tuple[str, str]] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    wait: str = ""


def _details(details: Iterable[Any]) -> _Details:
    said = _Details()
    for detail in details:
        if detail.Is(error_details_pb2.BadRequest.DESCRIPTOR):
            request = _unpack(detail, error_details_pb2.BadRequest())
            said.violations += [(found.field, found.description) for found in request.field_violations]
        elif detail.Is(error_details_pb2.ResourceInfo.DESCRIPTOR):
            resource = _unpack(detail, error_details_pb2.ResourceInfo())
            said.missing.append(f'{resource.resource_type} "{resource.resource_name}"')
        elif detail.Is(error_details_pb2.ErrorInfo.DESCRIPTOR):
            said.reason = _unpack(detail, error_details_pb2.ErrorInfo()).reason
        elif detail.Is(error_details_pb2.RetryInfo.DESCRIPTOR):
            delay = _unpack(detail, error_details_pb2.RetryInfo()).retry_delay.ToTimedelta().total_seconds()
            said.wait = f"; try again in {delay:g} s"
    return said


def _unreachable(code: grpc.StatusCode, details: str, target: Target) -> str:
    if code == grpc.StatusCode.DEADLINE_EXCEEDED:
        return no_answer(target.server, target.timeout)
    if untrusted := _UNTRUSTED.search(details):
        return not_trusted(target.server, untrusted[1] or untrusted[2])
    if NOT_TLS in details:
        return not_tls(target.server)
    if "Socket closed" in details:
        return closed(target)
    known = ("Connection refused", "Name or service not known", "DNS resolution failed", "No such file or directory")
    reason = next((text for text in known if text.casefold() in details.casefold()), details.splitlines()[0])
    return not_reached(target.server, reason)


def _missing_right(details: Iterable[Any]) -> str:
    """Return the right that the caller has not; empty if an error has another reason."""
    infos = (each for each in details if each.Is(error_details_pb2.ErrorInfo.DESCRIPTOR))
    return next((str(_unpack(each, error_details_pb2.ErrorInfo()).metadata.get("right", "")) for each in infos), "")


def _unpack(detail: Any, message: Any) -> Any:
    detail.Unpack(message)
    return message
