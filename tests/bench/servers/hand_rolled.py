"""What one writes in an afternoon: round robin by INCR modulo the number of agents online. The argument is Redis's URL.

It has no rules, no limits, no protection from retries and races: a contact may get two owners. It uses its libraries
the way their documentation shows.
"""

from __future__ import annotations

import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
import redis
from evenhand.v1 import assignment_service_pb2 as api
from evenhand.v1 import assignment_service_pb2_grpc, decision_pb2

from service.config import Settings


class Assignment(assignment_service_pb2_grpc.AssignmentServiceServicer):
    """The one call that it has."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client

    def EvaluateContact(  # noqa: N802
        self, request: api.EvaluateContactRequest, _context: grpc.ServicerContext
    ) -> api.EvaluateContactResponse:
        """Give the contact to the next agent who is online."""
        workspace, contact = request.workspace_id, request.contact.id
        agents = list(self._redis.hgetall(f"online:{workspace}"))
        if not agents:
            return api.EvaluateContactResponse(
                decision=decision_pb2.Decision(outcome=decision_pb2.OUTCOME_NO_AGENT_AVAILABLE)
            )
        turn = self._redis.incr(f"turn:{workspace}")
        agent = agents[turn % len(agents)]
        self._redis.set(f"owner:{workspace}:{contact}", agent)
        return api.EvaluateContactResponse(
            decision=decision_pb2.Decision(outcome=decision_pb2.OUTCOME_ASSIGNED, agent_id=agent, sequence=turn)
        )


def serve() -> None:
    """Serve on a free port until the process is ended."""
    client = redis.Redis.from_url(sys.argv[1], decode_responses=True)
    server = grpc.server(ThreadPoolExecutor(max_workers=Settings().threads))
    assignment_service_pb2_grpc.add_AssignmentServiceServicer_to_server(Assignment(client), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"serving on 127.0.0.1:{port}\n")
    sys.stdout.flush()
    threading.Event().wait()


if __name__ == "__main__":
    serve()
