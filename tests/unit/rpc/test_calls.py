"""What every call has in common, on a real gRPC server with a service made up for it."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.message_factory import GetMessageClass
from grpc_status import rpc_status

from service.decisions.errors import InvalidError
from service.rpc import calls, statuses
from service.rpc.admission import Admission
from service.rpc.calls import register
from service.rpc.receiving import Receiver, ReceivingExecutor
from service.rules import Violation
from service.runtime.call_threads import CallThreads
from service.runtime.quotas import Quotas
from service.telemetry.metrics import MethodMetrics
from tests.support.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from service.call import Call

_FILE = descriptor_pb2.FileDescriptorProto(name="made_up.proto", package="made.up", syntax="proto3")
for _name, _field in (("AskRequest", "workspace_id"), ("AskResponse", "text")):
    _message = _FILE.message_type.add(name=_name)
    _message.field.add(name=_field, number=1, type="TYPE_STRING", label="LABEL_OPTIONAL", json_name=_field)
_service = _FILE.service.add(name="MadeUp")
_service.method.add(name="Ask", input_type=".made.up.AskRequest", output_type=".made.up.AskResponse")
_service.method.add(
    name="Watch", input_type=".made.up.AskRequest", output_type=".made.up.AskResponse", server_streaming=True
)
_POOL = descriptor_pool.DescriptorPool()
_POOL.Add(_FILE)
SERVICE = _POOL.FindServiceByName("made.up.MadeUp")
Request = GetMessageClass(_POOL.FindMessageTypeByName("made.up.AskRequest"))
Response = GetMessageClass(_POOL.FindMessageTypeByName("made.up.AskResponse"))


class MadeUp:
    """Says the workspace's name back; as a stream, whatever `send` is given while it is open."""

    def __init__(self) -> None:
        self.streams: list[Callable[[Any], None]] = []
        self.seen: list[Call] = []
        self.methods: dict[str, Any] = {"Ask": self.ask, "Watch": self.watch}

    def ask(self, request: Any, call: Call) -> Any:
        """Answer with the name, or fail as the name says."""
        self.seen.append(call)
        if request.workspace_id == "wrong":
            raise InvalidError([Violation("workspace_id", "is wrong")])
        if request.workspace_id == "broken":
            raise ZeroDivisionError("a secret")
        return Response(text=request.workspace_id)

    def watch(self, request: Any, call: Call, send: Callable[[Any], None]) -> None:
        """Begin a stream with the name."""
        send(self.ask(request, call))
        self.streams.append(send)


class Setting:
    """A server with that service, and a channel to it."""

    def __init__(self, *, overloaded: bool = False, quota: float | None = None) -> None:
        self.made_up = MadeUp()
        threads, bound = (0, 0) if overloaded else (4, 100)
        self.threads = CallThreads(threads, bound, quotas=Quotas(quota) if quota is not None else None)
        self.receiver = Receiver(timeout_s=5, response_timeout_s=60)
        executor: Any = ReceivingExecutor(self.receiver, self.threads)
        self.server = grpc.server(executor, options=[("grpc.so_reuseport", 0)])
        register(self.server, SERVICE, self.made_up.methods, Admission(None))
        port = self.server.add_insecure_port("127.0.0.1:0")
        self.server.start()
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}", [("grpc.use_local_subchannel_pool", 1)])

    def ask(self, name: str, timeout: float | None = None) -> Any:
        """Call Ask."""
        codec = {"request_serializer": Request.SerializeToString, "response_deserializer": Response.FromString}
        return self.channel.unary_unary("/made.up.MadeUp/Ask", **codec)(Request(workspace_id=name), timeout=timeout)

    def watch(self, name: str) -> Any:
        """Call Watch."""
        codec = {"request_serializer": Request.SerializeToString, "response_deserializer": Response.FromString}
        return self.channel.unary_stream("/made.up.MadeUp/Watch", **codec)(Request(workspace_id=name))

    def close(self) -> None:
        """End both."""
        self.channel.close()
        self.server.stop(0).wait()
        self.threads.close()
        self.receiver.close()


@pytest.fixture
def setting() -> Iterator[Setting]:
    """A server of one test."""
    made = Setting()
    yield made
    made.close()


def reason(error: grpc.RpcError) -> str:
    """The reason that a failed call carries."""
    status = rpc_status.from_call(error)
    assert status is not None
    return statuses.reason_of(status)


def test_a_call_has_its_workspace_and_deadline(setting: Setting):
    """A handler is given the workspace, and when its caller stops waiting, which is somewhat before that."""
    assert setting.ask("w", timeout=60).text == "w"
    (call,) = setting.made_up.seen
    assert call.workspace_id == "w"
    assert 30 < call.deadline - monotonic() < 61
    assert call.caller.startswith("ipv4:127.0.0.1:")


@pytest.mark.parametrize(("name", "expected"), [("wrong", "INVALID_FIELDS"), ("broken", "INTERNAL")])
@pytest.mark.parametrize("kind", ["ask", "watch"])
def test_a_failure_is_a_status(setting: Setting, name: str, expected: str, kind: str):
    """Whatever a handler raises, also one of a stream, reaches the caller as a Status with a reason and no secret."""
    with pytest.raises(grpc.RpcError) as caught:
        list(setting.watch(name)) if kind == "watch" else setting.ask(name)
    assert reason(caught.value) == expected
    assert "secret" not in caught.value.details()


def test_a_stream_holds_no_thread(setting: Setting):
    """Many more streams than threads are open at once; each gets what is sent to it, until it is ended."""
    streams = [setting.watch(f"w-{number}") for number in range(40)]
    assert [next(stream).text for stream in streams] == [f"w-{number}" for number in range(40)]
    assert setting.ask("meanwhile").text == "meanwhile"
    wait_until(lambda: len(setting.made_up.streams) == 40, "all have sent their first")
    for number, send in enumerate(setting.made_up.streams):
        send(Response(text=f"more-{number}"))
        send(None)
    assert {each.text for stream in streams for each in stream} == {f"more-{number}" for number in range(40)}


@pytest.mark.parametrize("seam", ["begin", "end"])
def test_metrics_that_fail_fail_no_call(seam, monkeypatch):
    """A call is answered as it would be, whatever becomes of counting it."""

    def broken(*_arguments: object) -> None:
        raise ZeroDivisionError

    if seam == "end":
        monkeypatch.setattr(MethodMetrics, "end", broken)
    else:
        monkeypatch.setattr(MethodMetrics, "__init__", lambda *_: None)
        monkeypatch.setattr(MethodMetrics, "begin", broken, raising=False)
        monkeypatch.setattr(MethodMetrics, "end", broken)
    setting = Setting()
    try:
        assert setting.ask("w").text == "w"
        with pytest.raises(grpc.RpcError) as caught:
            setting.ask("wrong")
        assert reason(caught.value) == "INVALID_FIELDS"
    finally:
        setting.close()


def test_overload_is_shed():
    """A call beyond what the service takes is told so, whichever kind its method is."""
    setting = Setting(overloaded=True)
    try:
        for call in (lambda: setting.ask("w"), lambda: list(setting.watch("w"))):
            with pytest.raises(grpc.RpcError) as caught:
                call()
            assert reason(caught.value) == "OVERLOADED"
        assert setting.made_up.seen == []
    finally:
        setting.close()


def test_what_will_be_refused_takes_no_room_of_large_requests():
    """Of 50 requests of 1 MiB that wait to be refused for the quota, 10 more than there is room for, all are so."""
    setting = Setting(quota=0.001)
    try:
        name = "x" * 1024 * 1024
        setting.ask(name)
        setting.threads.hold()
        with ThreadPoolExecutor(50) as pool:
            asked = [pool.submit(setting.ask, name) for _ in range(50)]
            wait_until(lambda: setting.threads._refused.waiting == 50, "all of them wait")
            setting.threads.release()
        assert {reason(call.exception()) for call in asked} == {"QUOTA_EXCEEDED"}
    finally:
        setting.close()


def test_streams_are_counted_when_they_end(monkeypatch):
    """A stream counts as handled once it is over, with the code it ended with."""
    ended: list[int] = []
    done = threading.Event()

    def end(_self: object, code: int, _seconds: float) -> None:
        ended.append(code)
        done.set()

    monkeypatch.setattr(MethodMetrics, "end", end)
    setting = Setting()
    try:
        stream = setting.watch("w")
        next(stream)
        assert ended == []
        stream.cancel()
        wait_until(done.is_set, "the stream is counted", 5)
    finally:
        setting.close()
    assert ended == [grpc.StatusCode.CANCELLED.value[0]]
    assert calls._STREAM == "server_stream"
