"""A server that turns everybody away says why, and so does our log: not only that a connection broke."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING

import pytest
from redis import ConnectionError as RedisConnectionError

from service.redis_client.endpoint import Endpoint, connection_settings
from tests.support import wants
from tests.support.processes import EvenhandServer, RedisServer, free_port, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

ATTEMPTS = 20


def own_address() -> str:
    """An address of this machine that is not a loopback one; skips where there is none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # for documentation: nothing is sent, but the way there is looked up
        except OSError:
            pytest.skip(wants.reason("only loopback here, which protected mode lets in", wants.NETWORK))
        return str(probe.getsockname()[0])


def test_a_redis_in_protected_mode_is_named():
    """Who forgot the password of a Redis that listens for others reads so in the log."""
    address, port = own_address(), free_port()
    with (
        RedisServer(port=port, options=["--bind", f"127.0.0.1 {address}"]),
        EvenhandServer(f"redis://{address}:{port}/0") as server,
    ):
        wait_until(lambda: "redis is unavailable" in server.log(), "it noticed")
        log = server.log()
    assert "DENIED Redis is running in protected mode because protected mode is enabled and no password is set" in log
    assert "Broken pipe" not in log
    assert "reset by peer" not in log


def test_a_redis_with_too_many_clients_is_named():
    """A Redis that takes no more clients is told from one that is down."""
    port = free_port()
    with RedisServer(port=port) as redis:
        redis.client().config_set("maxclients", 1)
        with contextlib.closing(socket.create_connection(("127.0.0.1", port))) as only:
            only.sendall(b"PING\r\n")
            assert only.recv(7) == b"+PONG\r\n"
            for _ in range(ATTEMPTS):
                assert reason(f"redis://127.0.0.1:{port}/0") == "ERR max number of clients reached"


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a server that closes each connection and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def close_each() -> None:
            with contextlib.suppress(OSError):
                while True:
                    listener.accept()[0].close()

        thread = threading.Thread(target=close_each)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_a_server_that_says_nothing_is_a_broken_connection(silent: int):
    """Where there is no reason to read, the error is the connection's own."""
    assert reason(f"redis://127.0.0.1:{silent}/0").startswith(("Error ", "Connection closed"))


def reason(url: str) -> str:
    """What the error of a first command says."""
    endpoint = Endpoint(connection_settings(url, 2.0))
    with pytest.raises(RedisConnectionError) as raised:
        endpoint.call((b"PING",))
    endpoint.close()
    return str(raised.value)
