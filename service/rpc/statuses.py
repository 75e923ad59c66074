"""Every way in which a call can fail, and the google.rpc.Status it becomes. The only such place.

| code               | reason            | details     | when                                                        |
| ------------------ | ----------------- | ----------- | ----------------------------------------------------------- |
| INVALID_ARGUMENT   | INVALID_FIELDS    | BadRequest  | a field is wrong; every wrong one is named by its path      |
| NOT_FOUND          | NOT_FOUND         | ResourceInfo| a contact or agent that does not exist is named             |
| ABORTED            | ETAG_MISMATCH     |             | what was to be replaced is no longer what the caller saw    |
| FAILED_PRECONDITION| MERGE_CIRCLE      |             | the contact that is to hold was merged into the other one   |
| FAILED_PRECONDITION| TOO_MANY_IDS      |             | too many ids would stand for one contact                    |
| RESOURCE_EXHAUSTED | OVERLOADED        | RetryInfo   | more calls wait than the service takes                      |
| RESOURCE_EXHAUSTED | QUOTA_EXCEEDED    | RetryInfo   | the workspace asks for more than `--workspace-quota`        |
| DEADLINE_EXCEEDED  | DEADLINE_TOO_SHORT|             | the deadline is over, or too near to go on                  |
| DEADLINE_EXCEEDED  | REQUEST_TOO_SLOW  |             | the request did not come whole within `--request-timeout`   |
| UNIMPLEMENTED      | NO_REQUEST        |             | the caller ended its side of the call without a request     |
| UNAVAILABLE        | REDIS_UNAVAILABLE | RetryInfo   | Redis is unavailable                                        |
| UNAVAILABLE        | STOPPING          | RetryInfo   | this replica ends before the call's turn: try another       |
| UNAVAILABLE        | NOT_DURABLE       | RetryInfo   | no replica, or no disk, confirmed the change: `--durability`|
| UNAVAILABLE        | STATE_LOST        | RetryInfo   | the workspace's rules are gone from Redis                   |
| FAILED_PRECONDITION| STATE_OF_OLDER_VERSION |        | Redis holds the workspace as this version cannot read it    |
| UNAUTHENTICATED    | NO_CREDENTIALS    |             | the caller shows neither a token nor a certificate that the |
|                    |                   |             | access file names                                           |
| UNAUTHENTICATED    | INVALID_CREDENTIALS |           | a token is of nobody, or not valid                          |
| UNAUTHENTICATED    | EXPIRED_CREDENTIALS |           | a JWT was valid, and is not any more                        |
| UNAVAILABLE        | KEYS_UNAVAILABLE  | RetryInfo   | the keys for a JWT have not been fetched yet                |
| PERMISSION_DENIED  | PERMISSION_DENIED |             | the caller has not the right, or not in this workspace,     |
|                    |                   |             | which may be there or not; `right` in the metadata names it |
| INTERNAL           | INTERNAL          |             | an internal error; what it was stands in the log only       |

Each carries exactly one ErrorInfo with that reason. BadRequest names fields as the contract does (`contact.owner_id`).
For callers that write JSON, `jsonFields` in the metadata of its ErrorInfo is a JSON array of the same fields
in the same order, by the names that they have there (`contact.ownerId`); where room is short, of the first ones.
"""

from __future__ import annotations

from datetime import timedelta
from math import ceil
from typing import TYPE_CHECKING

from google.protobuf.any_pb2 import Any
from google.rpc import code_pb2
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status

from service.access.errors import KeysUnavailableError, NotBearerError, PermissionDeniedError, UnauthenticatedError
from service.call import DeadlineError
from service.config.durations import format_duration
from service.decisions.errors import (
    InvalidError,
    MergeRefusedError,
    NotFoundError,
    StaleEtagError,
)
from service.redis_client.durability import NotDurableError
from service.rpc import trailers
from service.rules import Violation, listed
from service.store.values import OldStateError, StateLostError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from google.protobuf.message import Message


DOMAIN = "evenhand.v1"

# When a refused caller may try again.
_RETRY_REDIS = timedelta(milliseconds=500)
_RETRY_LOST = timedelta(seconds=5)
_RETRY_OVERLOAD = timedelta(milliseconds=100)
_RETRY_KEYS = timedelta(seconds=2)
_UNKNOWN_CALLERS = {
    "NO_CREDENTIALS": "the call has neither a bearer token nor a client certificate of anybody known",
    "INVALID_CREDENTIALS": "the call's bearer token is of nobody known, or not valid",
    "EXPIRED_CREDENTIALS": "the call's bearer token has expired",
}
_NOT_BEARER = "the call's authorization is not once `Bearer TOKEN`, with a token of at most 8 KiB"
_RETRY_QUOTA = timedelta(seconds=1)
_LONGEST_RETRY_QUOTA = timedelta(seconds=60)


def status_of(error: Exception) -> Status:
    """Return the status that a call is answered with which failed so; of an internal error it says nothing."""
    match error:
        case InvalidError():
            status = invalid(error.violations)
        case NotFoundError() | StaleEtagError() | MergeRefusedError():
            status = _of_state(error)
        case DeadlineError():
            status = deadline_too_short()
        case ConnectionError():
            status = _of_redis(error)
        case NotBearerError():
            status = unauthenticated(error.reason, _NOT_BEARER)
        case UnauthenticatedError():
            status = unauthenticated(error.reason)
        case PermissionDeniedError():
            status = permission_denied(error.right)
        case KeysUnavailableError():
            status = keys_unavailable()
        case _:
            status = internal()
    return status


def _of_state(error: NotFoundError | StaleEtagError | MergeRefusedError) -> Status:
    match error:
        case NotFoundError():
            return not_found(error.kind, error.names)
        case StaleEtagError():
            return etag_mismatch(error.what)
        case MergeRefusedError():
            return merge_refused(is_circle=error.is_circle)


def _of_redis(error: ConnectionError) -> Status:
    match error:
        case StateLostError():
            return state_lost()
        case OldStateError():
            return old_state()
        case NotDurableError():
            return not_durable()
        case _:
            return redis_unavailable()


def _status(
    code: code_pb2.Code,
    reason: str,
    message: str,
    details: Iterable[Message] = (),
    metadata: Mapping[str, str] | None = None,
) -> Status:
    status = Status(code=code, message=trailers.cut(message))
    for detail in (ErrorInfo(reason=reason, domain=DOMAIN, metadata=metadata), *details):
        packed = Any()
        packed.Pack(detail)
        status.details.append(packed)
    return status


def reason_of(status: Status) -> str:
    """Return the reason that a status of ours carries."""
    info = ErrorInfo()
    status.details[0].Unpack(info)
    return str(info.reason)


def invalid(violations: Sequence[Violation]) -> Status:
    """Return the error for a request with wrong fields."""
    clauses = [f"{violation.field}: {violation.description}".lstrip(": ") for violation in violations]
    message = listed(clauses, clauses=True)
    named, in_json = trailers.fields(violations, message)
    return _status(code_pb2.INVALID_ARGUMENT, "INVALID_FIELDS", message, [named], {"jsonFields": in_json})


def without_fields(status: Status) -> Status:
    """Return the same error, but with no wrong field named except in its message."""
    if status.code != code_pb2.INVALID_ARGUMENT:
        return status
    return _status(code_pb2.INVALID_ARGUMENT, reason_of(status), status.message)


UNREADABLE = [
    Violation(
        "", "the request is not a valid message: damaged, not UTF-8, or nested too deep (traits may nest 32 deep)"
    )
]
"""What is wrong with a request that protobuf cannot read."""


def not_found(resource_type: str, names: Sequence[str]) -> Status:
    """Return the error for contacts or agents that do not exist."""
    details = trailers.resources(resource_type, names)
    message = trailers.not_found(resource_type, names, len(details))
    return _status(code_pb2.NOT_FOUND, "NOT_FOUND", message, details)


def etag_mismatch(what: str) -> Status:
    """Return the error for a replacement that was prepared on something else than what is in force."""
    return _status(
        code_pb2.ABORTED, "ETAG_MISMATCH", f"the {what} changed since that etag was read; read it and try again"
    )


def merge_refused(*, is_circle: bool) -> Status:
    """Return the error for two ids that cannot become one contact."""
    if is_circle:
        message = "they are one contact already: into_contact_id is an old id of from_contact_id, which holds"
        return _status(code_pb2.FAILED_PRECONDITION, "MERGE_CIRCLE", message)
    message = "more than 1000 old ids would stand for the contact"
    return _status(code_pb2.FAILED_PRECONDITION, "TOO_MANY_IDS", message)


def overloaded(retry_after: timedelta = _RETRY_OVERLOAD) -> Status:
    """Return the error for a call that finds too many others waiting."""
    return _status(code_pb2.RESOURCE_EXHAUSTED, "OVERLOADED", "too many calls are waiting", [_retry_info(retry_after)])


def quota_exceeded(wait_s: float) -> Status:
    """Return the error for a call of a workspace that has had as much as it may for so many seconds."""
    retry_after = min(max(_RETRY_QUOTA, timedelta(seconds=ceil(wait_s))), _LONGEST_RETRY_QUOTA)
    return _status(
        code_pb2.RESOURCE_EXHAUSTED,
        "QUOTA_EXCEEDED",
        "the workspace asks for more than its quota",
        [_retry_info(retry_after)],
    )


def stopping() -> Status:
    """Return the error for a call whose turn does not come before the service ends."""
    return _status(code_pb2.UNAVAILABLE, "STOPPING", "this replica is going down", [_retry_info(_RETRY_OVERLOAD)])


def deadline_too_short() -> Status:
    """Return the error for a call whose deadline cannot be met."""
    return _status(
        code_pb2.DEADLINE_EXCEEDED,
        "DEADLINE_TOO_SHORT",
        "the deadline is over, or too near to start or go on with the work",
    )


def request_too_slow(timeout_s: float) -> Status:
    """Return the error for a call whose request takes longer than it may, in seconds."""
    message = f"the request did not arrive whole within {format_duration(timeout_s)}"
    return _status(code_pb2.DEADLINE_EXCEEDED, "REQUEST_TOO_SLOW", message)


def no_request() -> Status:
    """Return the error for a call that has no request; gRPC itself answers such by the same code."""
    return _status(code_pb2.UNIMPLEMENTED, "NO_REQUEST", "the method requires exactly one request message")


def redis_unavailable(retry_after: timedelta = _RETRY_REDIS) -> Status:
    """Return the error for a call that needs Redis while it is unavailable."""
    return _status(
        code_pb2.UNAVAILABLE, "REDIS_UNAVAILABLE", "the service's storage is unavailable", [_retry_info(retry_after)]
    )


def not_durable() -> Status:
    """Return the error for a call that did what it was asked, but not as durably as it has to be told."""
    return _status(
        code_pb2.UNAVAILABLE,
        "NOT_DURABLE",
        "what the call asks for is done, but no replica or disk of the service's storage has confirmed it in time: it"
        " may stand or be lost; it is safe to repeat the call, one with an etag after reading that again",
        [_retry_info(_RETRY_REDIS)],
    )


def state_lost() -> Status:
    """Return the error for a call about a workspace whose rules were in force and are gone."""
    return _status(
        code_pb2.UNAVAILABLE,
        "STATE_LOST",
        "the workspace's rules are gone from the service's storage; configure them again, or have the loss accepted",
        [_retry_info(_RETRY_LOST)],
    )


def old_state() -> Status:
    """Return the error for a call about a workspace that an older version of the service has left as it kept it."""
    return _status(
        code_pb2.FAILED_PRECONDITION,
        "STATE_OF_OLDER_VERSION",
        "the service's storage holds this workspace as an older version of the service kept it, which this one cannot"
        " read; whoever runs the service has to remove that, and to configure the workspace again",
    )


def unauthenticated(reason: str, message: str = "") -> Status:
    """Return the error for a caller whom nobody knows; `message` says it otherwise than `_UNKNOWN_CALLERS` does."""
    return _status(code_pb2.UNAUTHENTICATED, reason, message or _UNKNOWN_CALLERS[reason])


def permission_denied(right: str) -> Status:
    """Return the error for a caller who has not the right, or not in this workspace, be that there or not."""
    message = f"the caller may not {right} in this workspace"
    return _status(code_pb2.PERMISSION_DENIED, "PERMISSION_DENIED", message, metadata={"right": right})


def keys_unavailable(retry_after: timedelta = _RETRY_KEYS) -> Status:
    """Return the error for a token that cannot be verified yet."""
    message = "the keys of the token's issuer are not there yet"
    return _status(code_pb2.UNAVAILABLE, "KEYS_UNAVAILABLE", message, [_retry_info(retry_after)])


def internal() -> Status:
    """Return the error for an internal error, without a word about it."""
    return _status(code_pb2.INTERNAL, "INTERNAL", "internal error")


def _retry_info(retry_after: timedelta) -> RetryInfo:
    info = RetryInfo()
    info.retry_delay.FromTimedelta(retry_after)
    return info
