"""Responses that a client with default settings takes: none is larger than 4 MiB, whatever the request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evenhand.v1.assignment_service_pb2 import Warning as ConfigurationWarning

from service.rpc.statuses import without_fields
from service.rules.fields.limits import MAX_RESPONSE_BYTES

if TYPE_CHECKING:
    from evenhand.v1.assignment_service_pb2 import BatchEvaluateContactsResponse

RESPONSE_TOO_LARGE = "RESPONSE_TOO_LARGE"
"""A response without what was configured, since it would have been too large with it."""


def leave_out_if_too_large(response: Any, field: str) -> None:
    """Take out of a response what was configured if it does not fit, and warn of that.

    Args:
        response: one with warnings.
        field: where it holds what was configured.
    """
    if response.ByteSize() > MAX_RESPONSE_BYTES:
        response.ClearField(field)
        message = "It would make this response larger than 4 MiB, so it is left out here; it can be read in pages."
        response.warnings.append(ConfigurationWarning(field=field, reason=RESPONSE_TOO_LARGE, message=message))


def fit_batch(response: BatchEvaluateContactsResponse) -> None:
    """Leave out what does not fit, of the last results first.

    A reply can be had again, and a list of wrong fields by sending the request alone. Without them, no thousand
    results take more than 4 MiB: of a decision the longest are three ids, of an error the message.
    """
    excess = response.ByteSize() - MAX_RESPONSE_BYTES
    if excess <= 0:
        return
    for result in reversed(response.results):
        before = result.ByteSize()
        if result.WhichOneof("result") == "error":
            result.error.CopyFrom(without_fields(result.error))
        elif result.decision.reply:
            result.decision.reply = ""
            result.decision.reply_left_out = True
        excess -= before - result.ByteSize()
        if excess <= 0:
            return
