"""A caller of several replicas: uses all of them, asks again when one goes away, and never waits for ever.

    python deploy/examples/cluster_client.py dns:///evenhand.my-namespace:50051 my-shop contact-1

reports that contact-1 has written for the first time, and prints who got it. `connect` is how every caller should
connect; what it takes besides the channel's options is in client_service_config.json beside this file.
tests/faults/test_rollout.py runs this code while replicas are restarted and killed, test_drain.py while they are
replaced and DNS says so late.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import grpc
from evenhand.v1.assignment_service_pb2 import EvaluateContactRequest
from evenhand.v1.assignment_service_pb2_grpc import AssignmentServiceStub
from evenhand.v1.contact_pb2 import Contact, EventType
from evenhand.v1.decision_pb2 import Outcome

if TYPE_CHECKING:
    from evenhand.v1.decision_pb2 import Decision

DEADLINE: Final = 2.0
"""Seconds that a caller waits for a decision, all attempts together."""

SERVICE_CONFIG: Final = Path(__file__).with_name("client_service_config.json").read_text(encoding="utf-8")

OPTIONS: Final[dict[str, int | str]] = {
    "grpc.service_config": SERVICE_CONFIG,
    # By default a name is looked up at most every 30 s. Draining nodes may replace every address in less.
    "grpc.dns_min_time_between_resolutions_ms": 2_000,
    # A replica that is back gets its share soon. The defaults are 1 s at first, and up to 2 minutes.
    "grpc.initial_reconnect_backoff_ms": 200,
    "grpc.max_reconnect_backoff_ms": 5_000,
    # A machine that vanished says no goodbye. The service allows a ping every 10 s.
    "grpc.keepalive_time_ms": 20_000,
    "grpc.keepalive_timeout_ms": 5_000,
}


def connect(target: str, credentials: grpc.ChannelCredentials | None = None, **options: int | str) -> grpc.Channel:
    """Return a channel to all replicas behind `target`; one is enough for all threads of a process.

    Args:
        target: `dns:///NAME:PORT`, where the name has every replica's address, or `ipv4:IP:PORT,IP:PORT`.
        credentials: For TLS, of `grpc.ssl_channel_credentials`. None: plain text.
        options: More of gRPC's options, or others than OPTIONS; each name without its `grpc.`.
    """
    chosen = OPTIONS | {f"grpc.{name}": value for name, value in options.items()}
    if credentials is None:
        return grpc.insecure_channel(target, list(chosen.items()))
    return grpc.secure_channel(target, credentials, list(chosen.items()))


def first_message(stub: AssignmentServiceStub, workspace_id: str, contact_id: str) -> Decision:
    """Report that somebody has written for the first time, and return the decision.

    The request_id comes from the event itself, so whoever reports this event again, now or tomorrow, after a lost
    answer or a crash of its own, gets the same decision.

    Raises:
        grpc.RpcError: UNAVAILABLE after all attempts, or DEADLINE_EXCEEDED: report it again later. RESOURCE_EXHAUSTED:
            the same, after the time that its RetryInfo says. Anything else is a mistake in the request.
    """
    request = EvaluateContactRequest(
        workspace_id=workspace_id,
        event_type=EventType.EVENT_TYPE_CONTACT_CREATED,
        contact=Contact(id=contact_id, source="whatsapp_dm", channel="whatsapp"),
        request_id=f"{contact_id}/first-message",
    )
    return stub.EvaluateContact(request, timeout=DEADLINE).decision


def main(target: str, workspace_id: str, contact_id: str) -> int:
    """Report one contact's first message; return the exit code."""
    with connect(target) as channel:
        try:
            decision = first_message(AssignmentServiceStub(channel), workspace_id, contact_id)
        except grpc.RpcError as error:
            print(f"{error.code().name}: {error.details()}", file=sys.stderr)
            return 1
    outcome = Outcome.Name(decision.outcome).removeprefix("OUTCOME_")
    print(f"{contact_id}: {outcome} {decision.agent_id}{' (as decided before)' if decision.replayed else ''}")
    return 0


if __name__ == "__main__":
    if len(sys.argv) != len(("program", "target", "workspace", "contact")):
        sys.exit("usage: cluster_client.py TARGET WORKSPACE CONTACT")
    sys.exit(main(*sys.argv[1:]))
