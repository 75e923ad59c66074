"""What the service tells a collector of traces."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from evenhand.v1 import assignment_service_pb2 as api
from evenhand.v1.assignment_service_pb2_grpc import AssignmentServiceStub

from tests.support import builders as b
from tests.support.client import Service, Workspace
from tests.support.collector import TraceCollector
from tests.support.processes import EvenhandServer, RedisServer

CALL = "evenhand.v1.AssignmentService/EvaluateContact"
PARENT = "00f067aa0ba902b7"
SECRET = "unspeakable"  # noqa: S105 - what must not be said
CALLS = 64


@pytest.fixture(scope="module")
def redis():
    """One Redis for all services here."""
    with RedisServer() as started:
        yield started


def traced(collector, redis, *options):
    """A service that sends traces to the collector; when it ends, all have been sent."""
    return EvenhandServer(redis.url, options=["--traces-endpoint", collector.endpoint, *options])


def evaluate(stub, trace, **fields):
    """Make a call that belongs to a trace of its caller's; return the status code it ended with."""
    contact = b.contact(f"c-{trace}", source="whatsapp_dm", tags=[SECRET], traits={SECRET: SECRET})
    request = {"workspace_id": "w", "event_type": b.CREATED, "contact": contact, "request_id": f"r-{trace}"} | fields
    try:
        stub.EvaluateContact(
            api.EvaluateContactRequest(**request), timeout=10, metadata=[("traceparent", f"00-{trace}-{PARENT}-01")]
        )
    except grpc.RpcError as error:
        return error.code().name
    return "OK"


def trace_id(number):
    """A trace id that is not zero."""
    return f"{number + 1:032x}"


def test_each_call_is_a_span_with_its_rules_and_script(redis):
    """Also where calls are decided together, each caller's trace has the call, and in it its rules and its script."""
    with TraceCollector() as collector:
        with traced(collector, redis) as server:
            Workspace("w", Service(server.address)).roster("ann")
            stub = AssignmentServiceStub(server.channel())
            with ThreadPoolExecutor(16) as callers:
                codes = list(callers.map(lambda number: evaluate(stub, trace_id(number)), range(CALLS)))
            server.terminate()
        assert codes == ["OK"] * CALLS
        for number in range(CALLS):
            found = collector.of_trace(trace_id(number))
            assert {CALL, "rules", "script decide"} <= found.keys() <= {CALL, "rules", "script decide", "script rules"}
            (call,) = found[CALL]
            assert call.parent_id == PARENT
            assert not call.is_error
            assert call.attributes["rpc.grpc.status_code"] == 0
            assert call.attributes["evenhand.workspace_id"] == "w"
            assert call.attributes["evenhand.request_id"] == f"r-{trace_id(number)}"
            for inner in (*found["rules"], *found["script decide"]):
                assert inner.parent_id == call.span_id
                assert inner.end <= call.end
        assert SECRET.encode() not in collector.sent


def test_a_refused_call_is_an_error_with_its_code(redis):
    """Who looks at a trace sees which call was refused, why, and that nothing was decided about it."""
    with TraceCollector() as collector:
        with traced(collector, redis) as server:
            stub = AssignmentServiceStub(server.channel())
            assert evaluate(stub, trace_id(0), event_type=0) == "INVALID_ARGUMENT"
            server.terminate()
        found = collector.of_trace(trace_id(0))
        assert "script decide" not in found
        (call,) = found[CALL]
        assert call.is_error
        assert call.attributes["rpc.grpc.status_code"] == grpc.StatusCode.INVALID_ARGUMENT.value[0]


def test_a_collector_that_is_away_costs_no_call(redis):
    """Traces are lost where nobody takes them, calls are not."""
    collector = TraceCollector()
    with collector:
        pass
    with traced(collector, redis) as server:
        stub = AssignmentServiceStub(server.channel())
        assert [evaluate(stub, trace_id(number)) for number in range(20)] == ["OK"] * 20
