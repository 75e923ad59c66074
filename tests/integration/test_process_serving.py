"""gRPC manners of one process: reflection, health, keepalive, limits, and how it ends."""

from __future__ import annotations

import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import grpc
import psutil
import pytest
from evenhand.v1 import assignment_service_pb2 as api
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from tests.support.builders import ASSIGNED, CREATED, NO_RULE_MATCHED, contact, rule
from tests.support.client import Service, Workspace, refused
from tests.support.processes import EvenhandServer, RedisServer, wait_until
from tests.support.scrape import Scrape

if TYPE_CHECKING:
    from collections.abc import Iterator

ASSIGNMENT = "evenhand.v1.AssignmentService"
ROSTER = "evenhand.v1.RosterService"
REFLECTIONS = ("grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection")
INFO = "ServerReflectionInfo"
NAMES = ("", ASSIGNMENT, ROSTER)


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    """One Redis for this file."""
    with RedisServer() as started:
        yield started


@pytest.fixture(scope="module")
def shared(redis: RedisServer) -> Iterator[EvenhandServer]:
    """A service that no test ends, with metrics."""
    with EvenhandServer(redis.url, options=["--metrics-listen", "127.0.0.1:0"]) as started:
        yield started


@pytest.fixture
def server(redis: RedisServer) -> Iterator[EvenhandServer]:
    """A service that a test may end, and that waits long for Redis."""
    with EvenhandServer(redis.url, options=["--redis-timeout", "20s"]) as started:
        yield started


def ask(server: EvenhandServer, **question: str) -> reflection_pb2.ServerReflectionResponse:
    """Ask the reflection service one question."""
    stub = reflection_pb2_grpc.ServerReflectionStub(server.channel())
    return next(iter(stub.ServerReflectionInfo(iter([reflection_pb2.ServerReflectionRequest(**question)]))))


def test_reflection_lists_every_service(shared: EvenhandServer) -> None:
    """Tools such as grpcurl find out what is served, health and reflection included."""
    listed = {service.name for service in ask(shared, list_services="").list_services_response.service}
    assert listed == {ASSIGNMENT, ROSTER, "grpc.health.v1.Health", *REFLECTIONS}


def test_reflection_describes_every_service(shared: EvenhandServer) -> None:
    """Tools get the contract itself, so that they can make requests without our files."""
    for name in (ASSIGNMENT, ROSTER, *REFLECTIONS):
        files = ask(shared, file_containing_symbol=name).file_descriptor_response.file_descriptor_proto
        described = [FileDescriptorProto.FromString(one) for one in files]
        assert name.rpartition(".")[2] in {service.name for one in described for service in one.service}


def test_open_reflection_streams_hold_up_no_call(shared: EvenhandServer) -> None:
    """However many tools keep a reflection stream open, calls are answered, and so is the reflection of others."""
    stop = threading.Event()

    def one_question_and_then_silence() -> Iterator[reflection_pb2.ServerReflectionRequest]:
        yield reflection_pb2.ServerReflectionRequest(list_services="")
        stop.wait(60)

    stub = reflection_pb2_grpc.ServerReflectionStub(shared.channel())
    streams = [stub.ServerReflectionInfo(one_question_and_then_silence()) for _ in range(40)]
    for stream in streams:
        assert next(stream).list_services_response.service
    assert ask(shared, list_services="").list_services_response.service
    assert Workspace("reflected", Service(shared.address)).created("c").outcome == NO_RULE_MATCHED
    assert shared.health() == "SERVING"
    for stream in streams:
        stream.cancel()
    stop.set()


def test_one_reflection_stream_answers_many_questions(shared: EvenhandServer) -> None:
    """A tool asks one after the other in one stream; each answer is to its question, and the stream ends as it says."""
    names = [ASSIGNMENT, "no.Such", ROSTER] * 5
    stub = reflection_pb2_grpc.ServerReflectionStub(shared.channel())
    questions = [reflection_pb2.ServerReflectionRequest(file_containing_symbol=name) for name in names]
    stream = stub.ServerReflectionInfo(iter(questions))
    answers = list(stream)
    assert [answer.original_request for answer in answers] == questions
    assert [answer.HasField("error_response") for answer in answers] == [False, True, False] * 5
    assert stream.code() is grpc.StatusCode.OK


def test_a_tool_that_does_not_read_holds_up_no_other(shared: EvenhandServer) -> None:
    """Thousands of questions whose answers nobody reads cost neither a thread nor memory, and others are answered."""
    memory = shared.peak_memory()
    question = reflection_pb2.ServerReflectionRequest(file_containing_symbol=ASSIGNMENT)
    streams = [
        reflection_pb2_grpc.ServerReflectionStub(shared.channel()).ServerReflectionInfo(iter([question] * 5000))
        for _ in range(4)
    ]
    time.sleep(1.0)
    assert ask(shared, list_services="").list_services_response.service
    assert shared.peak_memory() - memory < 50 * 1024 * 1024
    for stream in streams:
        stream.cancel()


@pytest.mark.parametrize(
    "method",
    [
        *(f"/grpc.health.v1.Health/{name}" for name in ("Check", "List", "Watch")),
        *(f"/{name}/{INFO}" for name in REFLECTIONS),
    ],
)
def test_bytes_that_are_no_message_are_the_callers_fault(shared: EvenhandServer, method: str) -> None:
    """The standard services refuse what is no message as ours do, and it leaves no traceback in the log."""
    with refused("INVALID_ARGUMENT") as said:
        list(shared.channel().stream_stream(method)(iter([b"\xff\xff\xff"]), timeout=5))
    assert said.reason == "INVALID_FIELDS"
    assert "Traceback" not in shared.log()


@pytest.mark.parametrize("name", [*NAMES, "liveness"])
def test_health_by_service_name(shared: EvenhandServer, name: str) -> None:
    """With Redis there, every name that a probe may ask for is SERVING."""
    assert shared.health(name) == "SERVING"


def test_health_of_all_services(shared: EvenhandServer) -> None:
    """A client that does not know the names may ask for the health of all services at once."""
    listed = health_pb2_grpc.HealthStub(shared.channel()).List(health_pb2.HealthListRequest(), timeout=5)
    assert {"", "liveness", "every-workspace", ASSIGNMENT, ROSTER} == set(listed.statuses)
    assert {one.status for one in listed.statuses.values()} == {health_pb2.HealthCheckResponse.SERVING}


def test_health_of_an_unknown_service(shared: EvenhandServer) -> None:
    """Who asks for what is not served here learns so: NOT_FOUND from Check, SERVICE_UNKNOWN from Watch."""
    with pytest.raises(grpc.RpcError) as refused:
        shared.health("no.such.Service")
    assert refused.value.code() is grpc.StatusCode.NOT_FOUND
    with pytest.raises(grpc.RpcError) as refused:
        shared.health("no.such.Service" * 10_000)
    assert len(refused.value.details()) < 200
    watch = health_pb2_grpc.HealthStub(shared.channel()).Watch(health_pb2.HealthCheckRequest(service="no.such.Service"))
    assert next(watch).status == health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
    watch.cancel()


def test_many_watchers_that_come_and_go_hold_up_nothing() -> None:
    """Health watchers who leave while health changes do not bring the server to a standstill (grpc PR 43403)."""
    end = threading.Event()

    def come_and_go(server: EvenhandServer) -> None:
        stub = health_pb2_grpc.HealthStub(server.channel())
        while not end.is_set():
            watch = stub.Watch(health_pb2.HealthCheckRequest(), timeout=10)
            next(watch)
            watch.cancel()

    with RedisServer() as flaky, EvenhandServer(flaky.url) as server, ThreadPoolExecutor(4) as pool:
        watchers = [pool.submit(come_and_go, server) for _ in range(4)]
        for _ in range(5):
            flaky.kill()
            wait_until(lambda: server.health() == "NOT_SERVING", "it noticed")
            flaky.start()
            wait_until(lambda: server.health() == "SERVING", "it is back")
        end.set()
        for watcher in watchers:
            watcher.result(20)


def test_a_watcher_hears_every_change_in_order() -> None:
    """A client that watches its service's health learns when to go elsewhere, and when to come back."""
    with RedisServer() as flaky, EvenhandServer(flaky.url) as server:
        watch = health_pb2_grpc.HealthStub(server.channel()).Watch(health_pb2.HealthCheckRequest(service=ROSTER))
        heard = [next(watch).status]
        flaky.kill()
        heard.append(next(watch).status)
        flaky.start()
        heard.append(next(watch).status)
        server.signal(signal.SIGTERM)
        heard += [answer.status for answer in watch]  # ended by the server, not by a deadline
    names = [health_pb2.HealthCheckResponse.ServingStatus.Name(status) for status in heard]
    assert names == ["SERVING", "NOT_SERVING", "SERVING", "NOT_SERVING"]


def test_calls_in_progress_are_finished(server: EvenhandServer, redis: RedisServer) -> None:
    """After SIGTERM a call that was taken on is answered, even if it takes its time; then the process ends."""
    team = Workspace("drained", Service(server.address))
    team.roster("a")
    team.rules(rule("everyone"))
    redis.pause()
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(team.created, "late")
        time.sleep(0.3)
        server.signal(signal.SIGTERM)
        time.sleep(0.3)
        assert not call.done()
        redis.resume()
        assert call.result(10).outcome == ASSIGNED
    assert server.process.wait(10) == 0


def test_calls_that_do_not_finish_are_given_up(redis: RedisServer) -> None:
    """Draining ends after its time, whatever still runs."""
    with EvenhandServer(redis.url, options=["--redis-timeout", "6s", "--drain", "500ms"]) as server:
        team = Workspace("given up", Service(server.address))
        redis.pause()
        try:
            with ThreadPoolExecutor(1) as pool:
                call = pool.submit(team.created, "stuck")
                time.sleep(0.3)
                server.signal(signal.SIGTERM)
                error = call.exception(3)
        finally:
            redis.resume()
        assert isinstance(error, grpc.RpcError)
        assert server.process.wait(10) == 0


def test_between_sigterm_and_the_end_calls_are_still_taken(redis: RedisServer) -> None:
    """For as long as the setting says, health is NOT_SERVING (but alive), and calls are answered nevertheless."""
    with EvenhandServer(redis.url, options=["--endpoint-wait", "3s"]) as server:
        team = Workspace("noticed", Service(server.address))
        server.signal(signal.SIGTERM)
        wait_until(lambda: server.health() == "NOT_SERVING", "health says so")
        assert {server.health(name) for name in NAMES} == {"NOT_SERVING"}
        assert server.health("liveness") == "SERVING"
        assert team.created("c").outcome == NO_RULE_MATCHED
        assert server.process.wait(20) == 0


def test_a_second_signal_ends_at_once(redis: RedisServer) -> None:
    """Who sends the signal again does not want to wait, and the exit code says which signal it was."""
    with EvenhandServer(redis.url, options=["--endpoint-wait", "60s"]) as server:
        server.signal(signal.SIGINT)
        wait_until(lambda: server.health() == "NOT_SERVING", "the first is heard")
        server.signal(signal.SIGINT)
        assert server.process.wait(5) == 128 + signal.SIGINT


def test_a_second_signal_takes_the_embedded_redis_along(tmp_path) -> None:
    """Nothing is left behind, however the service ends."""
    with EvenhandServer(workdir=tmp_path, options=["--endpoint-wait", "60s"]) as server:
        children = psutil.Process(server.pid).children()
        server.signal(signal.SIGTERM)
        wait_until(lambda: server.health() == "NOT_SERVING", "the first is heard")
        server.signal(signal.SIGTERM)
        server.process.wait(5)
        assert children
        wait_until(
            lambda: all(not one.is_running() or one.status() == psutil.STATUS_ZOMBIE for one in children), "Redis ended"
        )


def test_idle_clients_may_ping(shared: EvenhandServer) -> None:
    """A client that keeps its idle connection alive every ten seconds, as is usual, is not disconnected for it."""
    with EvenhandServer(shared.redis_url, options=["--min-ping-interval", "200ms"]) as server:
        channel = server.channel(
            ("grpc.keepalive_time_ms", 250),
            ("grpc.keepalive_timeout_ms", 5000),
            ("grpc.keepalive_permit_without_calls", 1),
            ("grpc.http2.max_pings_without_data", 0),
        )
        states: list[grpc.ChannelConnectivity] = []
        channel.subscribe(states.append, try_to_connect=True)
        wait_until(lambda: grpc.ChannelConnectivity.READY in states, "connected")
        time.sleep(2.5)
        assert states[-1] is grpc.ChannelConnectivity.READY
        assert states.count(grpc.ChannelConnectivity.READY) == 1


def test_old_connections_are_renewed_without_a_failed_call(redis: RedisServer) -> None:
    """Clients connect anew now and then, so that they find new replicas, and no call fails by that."""
    with EvenhandServer(redis.url, options=["--max-connection-age", "1s"]) as server:
        process = psutil.Process(server.pid)
        service = Service(server.address)
        connections = set()
        end = time.monotonic() + 3.5
        while time.monotonic() < end:
            Workspace("renewed", service).created("c")
            connections |= {one.raddr.port for one in process.net_connections("tcp") if one.raddr}
        assert len(connections) >= 3


def test_large_messages_pass(shared: EvenhandServer) -> None:
    """A batch of 1000 contacts with 10 KiB each, more than gRPC's own 4 MiB, is taken."""
    requests = [
        api.EvaluateContactRequest(
            event_type=CREATED, contact=contact(f"c{number}", traits={f"t{at}": "x" * 2500 for at in range(4)})
        )
        for number in range(1000)
    ]
    decisions = Workspace("large", Service(shared.address)).batch(requests)
    assert len(decisions) == 1000


def test_metrics_are_served(shared: EvenhandServer) -> None:
    """What was called and decided is to be read at the address in the ready line."""
    Workspace("measured", Service(shared.address)).created("c")
    found = Scrape(shared)
    assert found.total("grpc_server_handled_total", grpc_method="EvaluateContact", grpc_code="OK") >= 1
    assert found.total("assignment_decisions_total", workspace="measured") == 1
    assert found.value("assignment_redis_up") == 1


@pytest.mark.parametrize("listen", ["[::1]:0", "localhost:0"])
def test_other_addresses(redis: RedisServer, listen: str) -> None:
    """IPv6 addresses and names are listened on as well."""
    with EvenhandServer(redis.url, listen=listen) as server:
        assert not server.address.endswith(":0")
        assert server.health() == "SERVING"


def test_an_external_redis_is_named_without_its_password() -> None:
    """The ready line and the log say which Redis is used, but not how to get in."""
    with RedisServer(password="hunter2") as locked, EvenhandServer(locked.url) as server:  # noqa: S106 - to look for
        assert f"(redis: unix://:***@{locked.socket})" in server.ready_line
        assert Workspace("w", Service(server.address)).created("c").outcome == NO_RULE_MATCHED
        locked.kill()
        wait_until(lambda: server.health() == "NOT_SERVING", "it noticed")
        assert "hunter2" not in server.log()
