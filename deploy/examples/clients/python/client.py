"""A caller in Python. Reports that a contact has written for the first time, and prints who got it.

    pip install ./protos grpcio-status grpcio-health-checking    (at the top of the repository)
    python client.py dns:///evenhand.my-namespace:50051 my-shop contact-1

How to connect stands in cluster_client.py, two folders up, which callers copy.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
from evenhand.v1.assignment_service_pb2_grpc import AssignmentServiceStub
from evenhand.v1.decision_pb2 import Outcome
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub
from grpc_status import rpc_status

sys.path.append(str(Path(__file__).parents[2]))
from cluster_client import DEADLINE, connect, first_message

if TYPE_CHECKING:
    from collections.abc import Iterator

_GIVEN_TO = (Outcome.OUTCOME_ASSIGNED, Outcome.OUTCOME_ALREADY_ASSIGNED)


def main(target: str, workspace_id: str, contact_id: str) -> int:
    """Report one contact's first message; return the exit code."""
    with connect(target) as channel:
        try:
            health = HealthStub(channel).Check(
                HealthCheckRequest(service="evenhand.v1.AssignmentService"), timeout=DEADLINE
            )
            print(f"health: {HealthCheckResponse.ServingStatus.Name(health.status)}")
            decision = first_message(AssignmentServiceStub(channel), workspace_id, contact_id)
        except grpc.RpcError as error:
            print(f"{error.code().name} ", end="", file=sys.stderr)
            print(*describe(error), sep="\n  ", file=sys.stderr)
            return 1
    # An outcome without an owner (nobody was there, or no rule wanted the contact) is not an error.
    owner = f" {decision.agent_id}" if decision.outcome in _GIVEN_TO else ", stays unassigned"
    again = " (as decided before)" if decision.replayed else ""
    print(f"{contact_id}: {Outcome.Name(decision.outcome)}{owner}{again}")
    return 0


def describe(error: grpc.RpcError) -> Iterator[str]:
    """Give the reason of an error, and a line for each wrong field; what gRPC says if the service was not reached."""
    status = rpc_status.from_call(error)
    if status is None:
        yield error.details()
        return
    info, bad = ErrorInfo(), BadRequest()
    for detail in status.details:
        if detail.Unpack(info):
            yield info.reason
        elif detail.Unpack(bad):
            yield from (f"{wrong.field}: {wrong.description}" for wrong in bad.field_violations)


if __name__ == "__main__":
    if len(sys.argv) != 4:  # noqa: PLR2004 - the command's name, and the three of `main`
        sys.exit("usage: python client.py TARGET WORKSPACE CONTACT")
    sys.exit(main(*sys.argv[1:]))
