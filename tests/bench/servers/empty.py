"""An EvaluateContact that does nothing: the least that any service on grpcio's synchronous server can cost.

Same messages, threads, server options and way to register as the real service. Says where it serves when it does.
With the argument `ours` it uses the service's own thread pool instead of the standard library's.
"""

from __future__ import annotations

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from evenhand.v1 import assignment_service_pb2 as api
from evenhand.v1 import decision_pb2, rules_pb2
from google.protobuf.timestamp_pb2 import Timestamp

from service.config import Settings
from service.rpc.receiving import Receiver, ReceivingExecutor
from service.runtime import server as real
from service.runtime.call_threads import CallThreads

SERVICE = "evenhand.v1.AssignmentService"
ANSWER = api.EvaluateContactResponse(
    decision=decision_pb2.Decision(
        outcome=decision_pb2.OUTCOME_ASSIGNED,
        agent_id="agent-07",
        rule_id="rule-07",
        team_id="support",
        strategy=rules_pb2.STRATEGY_ROUND_ROBIN,
        rules_revision=1,
        sequence=123_456,
        decide_time=Timestamp(seconds=1_700_000_000, nanos=123_000_000),
    )
)


def answer(_request: api.EvaluateContactRequest, _context: grpc.ServicerContext) -> api.EvaluateContactResponse:
    """Give every contact to the same agent."""
    return ANSWER


def serve() -> None:
    """Serve on a free port until the process is ended."""
    settings = Settings()
    ours = sys.argv[1:] == ["ours"]
    pool: Any = ThreadPoolExecutor(settings.threads)
    if ours:
        threads = CallThreads(settings.threads, settings.max_concurrent)
        pool = ReceivingExecutor(Receiver(settings.request_timeout_s, settings.response_timeout_s), threads)
    server = grpc.server(pool, options=real._options(settings, share=False))
    handlers = {
        "EvaluateContact": grpc.unary_unary_rpc_method_handler(
            answer,
            request_deserializer=api.EvaluateContactRequest.FromString,
            response_serializer=api.EvaluateContactResponse.SerializeToString,
        )
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    server.add_registered_method_handlers(SERVICE, handlers)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"serving on 127.0.0.1:{port}\n")
    sys.stdout.flush()
    threading.Event().wait()


if __name__ == "__main__":
    serve()
