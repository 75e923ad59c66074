"""`evenhand health` without gRPC and typer: its arguments, and the frames of HTTP/2."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
import typer

from service.cli.commands import app
from service.cli.health_probe import plain_arguments, probe
from service.cli.reaching import Target

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SETTINGS, ACKNOWLEDGED = b"\0\0\0\4\0\0\0\0\0", b"\0\0\0\4\1\0\0\0\0"
SERVING, NOT_SERVING = b"\0\0\0\0\2\x08\1", b"\0\0\0\0\2\x08\2"
FINE = b"\x88"  # `:status: 200`, from the static table


def read_by_typer(*arguments: str) -> tuple[str, Target]:
    """Return what typer reads."""
    group: Any = typer.main.get_command(app)
    command = group.get_command(typer.Context(group), "health")
    params = command.make_context("health", list(arguments)).params
    return params.pop("service"), Target(**params)


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"EVENHAND_SERVER": "host:1", "EVENHAND_TIMEOUT": "2s"},
        {"EVENHAND_TLS_CA": "ca.pem", "EVENHAND_TLS_CERT": "c.pem", "EVENHAND_TLS_KEY": "k.pem"},
    ],
)
@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["liveness"],
        ["--server", "[::1]:50051", "evenhand.v1.AssignmentService"],
        ["-s", "unix:/run/e.sock"],
        ["--server=a:1", "--server=b:2", "--timeout=250ms"],
        ["--timeout", "1.5", "liveness"],
        ["--tls-ca", "ca.pem", "--tls-cert=c.pem", "--tls-key", "k.pem"],
    ],
)
def test_plain_arguments_are_read_as_typer_does(arguments, environment, monkeypatch):
    """Arguments and variables mean the same, whoever reads them."""
    for name in Target._fields:
        monkeypatch.delenv(f"EVENHAND_{name.upper()}", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert plain_arguments(arguments, environment) == read_by_typer(*arguments)


@pytest.mark.parametrize(
    "odd",
    [
        ["--help"],
        ["-sx:1"],
        ["a", "b"],
        ["--server"],
        ["--server", "host"],
        ["--timeout", "soon"],
        ["--"],
        ["--tls-cert", "c.pem"],
        ["--tls-ca", "ca.pem", "--tls-key", "k.pem"],
    ],
)
def test_all_else_is_left_to_typer(odd):
    """Help, and every mistake, gets typer's answer."""
    assert plain_arguments(odd, {}) is None


def frame(kind: int, payload: bytes, flags: int = 0, stream: int = 1) -> bytes:
    """A frame of HTTP/2."""
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def field(name: bytes, value: bytes) -> bytes:
    """A header field that is written out."""
    return b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value


@contextmanager
def saying(answer: bytes, folder: Path) -> Iterator[tuple[str, bytearray]]:
    """Listen once, say the answer to whatever comes, and keep what came until the caller closes; give the address."""
    heard = bytearray()

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            heard.extend(connection.recv(1000))
            connection.sendall(answer)
            while more := connection.recv(1000):
                heard.extend(more)

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "s"))
        listener.listen()
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"unix:{folder / 's'}", heard
        thread.join()


@pytest.mark.parametrize(
    ("answer", "code", "said"),
    [
        (frame(1, FINE, 4) + frame(0, SERVING) + frame(1, field(b"grpc-status", b"0"), 5), 0, "SERVING"),
        (frame(1, FINE, 4) + frame(0, NOT_SERVING, 1), 1, "NOT_SERVING"),
        (frame(1, FINE, 4) + frame(0, b"\0\0\0\0\0", 1), 1, "UNKNOWN"),
        (frame(1, FINE, 4) + frame(0, b"\3" + SERVING + b"\0\0\0", 8 | 1), 0, "SERVING"),
        (frame(1, FINE, 4) + frame(0, SERVING[:3]) + frame(0, SERVING[3:], 1), 0, "SERVING"),
        (frame(1, b"\2\0\0\0\0\0" + FINE + b"\0\0", 0x2C) + frame(0, SERVING, 1), 0, "SERVING"),
        (frame(1, FINE, 4) + frame(8, b"\0\0\0\1", stream=0) + frame(0, SERVING, 1), 0, "SERVING"),
        (frame(1, b"\x3f\xe1\x1f" + FINE, 4) + frame(0, SERVING, 1), 0, "SERVING"),
        (frame(1, FINE + field(b"grpc-status", b"5")[:8]) + frame(9, field(b"grpc-status", b"5")[8:], 4)
         + frame(0, b"", 1), 1, "NOT_FOUND: "),
        (frame(1, b"\x40" + field(b"grpc-status", b"5")[1:] + field(b"grpc-message", b"no%20%F0%9F%91%8B"), 5), 1,
         "NOT_FOUND: no \N{WAVING HAND SIGN}"),
        (frame(1, field(b"x" * 120, b"y" * 9) + field(b"grpc-status", b"13"), 5), 1, "INTERNAL: "),
        (frame(1, b"\0\x88" + b"h" * 8 + b"\x81h", 5), 1, "UNKNOWN: "),
        (frame(1, field(b"grpc-status", b"12"), 5), 3, "is not Evenhand"),
        (frame(1, b"\0\x7f", 5), 3, "is not Evenhand"),
        (frame(3, b"\0\0\0\7"), 3, "the call was reset"),
    ],
    ids=[
        "a whole answer", "no trailers", "a message without a field", "padding", "a message in two frames",
        "padding and priority of headers", "a window", "a new size of the table", "headers in two frames",
        "a message in per cent", "long headers", "headers by Huffman's code", "no such service", "broken headers",
        "a reset",
    ],
)  # fmt: skip
def test_answers_are_read(answer, code, said, tmp_path, capsys):
    """Whatever a server may write by the rules of HTTP/2, its health is read, or why there is none."""
    with saying(SETTINGS + answer, tmp_path) as (address, heard):
        assert probe("liveness", Target(address, 10)) == code
    shown = capsys.readouterr()
    assert said in shown.out + shown.err
    assert len((shown.out + shown.err).splitlines()) == 1
    assert b"\x0a\x08liveness" in heard
    assert heard.endswith(ACKNOWLEDGED)


def test_a_ping_is_answered(tmp_path, capsys):
    """A server that looks whether the probe is alive hears that it is."""
    ping = frame(6, b"12345678", stream=0)
    with saying(SETTINGS + ping + frame(0, SERVING, 1), tmp_path) as (address, heard):
        assert probe("", Target(address, 10)) == 0
    assert capsys.readouterr().out.endswith(": SERVING\n")
    assert heard.endswith(frame(6, b"12345678", 1, 0))


def test_a_long_name_is_asked_for_whole(tmp_path, capsys):
    """A name longer than one byte can count is sent with its whole length."""
    with saying(SETTINGS + frame(0, NOT_SERVING, 1), tmp_path) as (address, heard):
        assert probe("n" * 300, Target(address, 10)) == 1
    assert capsys.readouterr().out.startswith("nnn")
    assert b"\0\0\0\x01\x2f\x0a\xac\x02" + b"n" * 300 in heard


def test_a_connection_that_ends_early(tmp_path, capsys):
    """A service that goes away in the middle of its answer was not reached."""

    def hang_up() -> None:
        connection, _ = listener.accept()
        connection.close()

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()
        thread = threading.Thread(target=hang_up)
        thread.start()
        assert probe("", Target(f"unix:{tmp_path / 's'}", 10)) == 3
        thread.join()
    assert "cannot reach a service at unix:" in capsys.readouterr().err


def test_an_address_that_is_none(capsys):
    """What is no address is said to be none, in one line."""
    assert probe("", Target("host:port", 10)) == 3
    assert capsys.readouterr().err.startswith("evenhand: cannot reach a service at host:port: that is no HOST:PORT.")
