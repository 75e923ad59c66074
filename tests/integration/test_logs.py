"""What the service writes to standard error."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import grpc
import pytest
from evenhand.v1 import assignment_service_pb2 as api
from evenhand.v1.assignment_service_pb2_grpc import AssignmentServiceStub

from tests.support import builders as b
from tests.support.processes import EvenhandServer, RedisServer, wait_until

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SECRET = "unspeakable"  # noqa: S105 - what must not be said


@pytest.fixture(scope="module")
def redis():
    """One Redis for all services here."""
    with RedisServer() as started:
        yield started


def request(**fields):
    """A request about a contact that holds a secret wherever it can."""
    contact = b.contact("c-1", source="whatsapp_dm", tags=[SECRET], traits={SECRET: SECRET})
    return api.EvaluateContactRequest(**({"workspace_id": "w", "event_type": b.CREATED, "contact": contact} | fields))


def call(server, message):
    """Make one call with a trace, and return the status code it ended with."""
    stub = AssignmentServiceStub(server.channel())
    try:
        stub.EvaluateContact(message, timeout=5, metadata=[("traceparent", f"00-{TRACE}-00f067aa0ba902b7-01")])
    except grpc.RpcError as error:
        return error.code().name
    return "OK"


def lines(server, text):
    """Return the log's lines with this text, once there is one."""
    wait_until(lambda: text in server.log(), f"{text!r} is logged")
    return [line for line in server.log().splitlines() if text in line]


def test_a_refused_call_is_one_json_object(redis):
    """It says which call, why, and by which ids to find it elsewhere, and nothing that the contact holds."""
    with EvenhandServer(redis.url, options=["--log-format", "json"]) as server:
        message = request(request_id="r-1")
        message.contact.tags.append(SECRET + "x" * 500)
        assert call(server, message) == "INVALID_ARGUMENT"
        (line,) = lines(server, "call refused")
        assert SECRET not in server.log()
    event = json.loads(line)
    assert event.pop("milliseconds") > 0
    assert event.pop("caller").startswith("ipv4:127.0.0.1:")
    assert event.keys() >= {"time", "process"}
    assert {name: event[name] for name in event.keys() - {"time", "process"}} == {
        "level": "INFO",
        "logger": "service.rpc.calls",
        "message": "call refused",
        "method": "EvaluateContact",
        "code": "INVALID_ARGUMENT",
        "reason": "INVALID_FIELDS",
        "workspace": "w",
        "request_id": "r-1",
        "trace_id": TRACE,
    }


@pytest.mark.parametrize("workers", [1, 2])
def test_each_line_is_json_from_the_first_to_the_last(redis, workers):
    """Where JSON is asked for, the line that says where it serves is an object too, and times have milliseconds."""
    options = ["--log-format", "json", "--metrics-listen", "127.0.0.1:0"]
    with EvenhandServer(redis.url, options=options, workers=workers) as server:
        assert server.terminate() == 0
        first, *rest = map(json.loads, [server.ready_line, *server.log().splitlines()])
    assert first["message"] == "serving"
    assert (first["address"], first["redis"], first["level"]) == (server.address, redis.url, "INFO")
    assert first["metrics"].startswith("127.0.0.1:")
    assert {"stopping", "stopped"} <= {line["message"] for line in rest}
    for line in (first, *rest):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d", line["time"]), line
        assert time.time() - 300 < datetime.fromisoformat(line["time"]).timestamp() < time.time()


@pytest.mark.parametrize("workers", [1, 2])
def test_why_it_cannot_start_is_json_as_well(redis, workers, tmp_path):
    """A service whose port is taken says so in the form that was asked for, and in no other."""
    with EvenhandServer(redis.url) as other:
        options = ["--log-format", "json"]
        late = EvenhandServer(redis.url, options=options, workers=workers, listen=other.address, workdir=tmp_path)
        with pytest.raises(AssertionError, match="did not start"), late:
            pass
        said = [json.loads(line)["message"] for line in late.log().splitlines()]
    assert [line for line in said if line.startswith("cannot start: --listen")], said


def test_a_wrong_setting_is_json_as_well(tmp_path):
    """Where JSON is asked for, by option or variable, so is the line about a setting that is wrong."""
    for asked in (["--log-format", "json"], []):
        environment = os.environ | ({} if asked else {"EVENHAND_LOG_FORMAT": "json"})
        command = [Path(sys.executable).with_name("evenhand"), "serve", "--workers", "0", *asked]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        said = json.loads(done.stderr)
        assert (done.returncode, said["level"]) == (2, "CRITICAL")
        assert said["message"].startswith("cannot start: --workers: expected a whole number")


def test_a_variable_that_is_no_setting_is_named(tmp_path):
    """A misspelt variable does not stop the service, whose log then says what may have been meant."""
    with EvenhandServer(workdir=tmp_path, env={"EVENHAND_DRIAN": "1s"}) as server:
        assert "EVENHAND_DRIAN is no setting, and ignored; did you mean EVENHAND_DRAIN?" in server.log()


def test_for_eyes_it_is_one_line_that_cannot_be_forged(redis):
    """A line break in an id of the caller's does not begin a line of its own."""
    with EvenhandServer(redis.url) as server:
        assert call(server, request(request_id="r\n2026 forged", event_type=0)) == "INVALID_ARGUMENT"
        (line,) = lines(server, "call refused")
    assert 'request_id="r\\n2026 forged"' in line
    assert "method=EvaluateContact code=INVALID_ARGUMENT reason=INVALID_FIELDS workspace=w" in line
    assert f"trace_id={TRACE}" in line


@pytest.mark.parametrize("form", ["console", "json"])
def test_no_control_character_reaches_a_terminal(redis, form):
    """Characters of an id that a terminal would obey (C0, C1, reversed writing) are written as JSON writes them."""
    hostile = "\x1b[2J\x9b31m\x85\u202eevil\x7f"
    with EvenhandServer(redis.url, options=["--log-format", form]) as server:
        assert call(server, request(request_id=hostile, event_type=0)) == "INVALID_ARGUMENT"
        (line,) = lines(server, "call refused")
    assert not set(hostile) & set(line) - set("[2J31mevil")
    assert r"\u001b[2J\u009b31m\u0085\u202eevil\u007f" in line


def test_a_flood_of_refused_calls_is_sampled(redis):
    """Of 400 calls that are refused, few have a line, and the next line a second later says how many had none."""
    with EvenhandServer(redis.url) as server:
        stub = AssignmentServiceStub(server.channel())
        for _ in range(400):
            with pytest.raises(grpc.RpcError):
                stub.EvaluateContact(request(event_type=0), timeout=5)
        time.sleep(1.1)
        assert call(server, request(request_id="last", event_type=0)) == "INVALID_ARGUMENT"
        lines(server, "request_id=last")
        logged = lines(server, "call refused")
    assert len(logged) < 40
    left_out = [int(found[1]) for line in logged if (found := re.search(r"left_out=(\d+)", line))]
    assert len(logged) + sum(left_out) == 401


def test_calls_that_fail_while_redis_is_away_are_logged():
    """Who is paged sees each call that failed, and its code."""
    with RedisServer() as own, EvenhandServer(own.url) as server:
        own.kill()
        assert call(server, request()) == "UNAVAILABLE"
        (line,) = lines(server, "call failed")
    assert "code=UNAVAILABLE reason=REDIS_UNAVAILABLE" in line


@pytest.mark.parametrize(("level", "said"), [("debug", 1), ("info", 0)])
def test_decisions_are_logged_at_debug_only(redis, level, said):
    """Each decision is an event for who looks for it, and none for others; never with what the contact holds."""
    with EvenhandServer(redis.url, options=["--log-level", level, "--log-format", "json"]) as server:
        assert call(server, request(workspace_id=level, request_id="r-2")) == "OK"
        assert call(server, request(workspace_id="")) == "INVALID_ARGUMENT"
        lines(server, "call refused")
        decided = [json.loads(line) for line in server.log().splitlines() if '"decided"' in line]
        assert SECRET not in server.log()
    assert [(one["contact"], one["outcome"], one["request_id"]) for one in decided] == [
        ("c-1", "OUTCOME_NO_RULE_MATCHED", "r-2")
    ] * said


def test_a_stop_is_logged_from_its_beginning_to_its_end(redis):
    """Who reads the log sees that the service was asked to stop, and that it came to its end by itself."""
    with EvenhandServer(redis.url, options=["--drain", "7s"]) as server:
        assert server.terminate() == 0
        begun, ended = (line for line in server.log().splitlines() if " stop" in line)
    assert begun.endswith("INFO stopping endpoint_wait_s=0.0 drain_s=7.0")
    assert ended.endswith("INFO stopped")
