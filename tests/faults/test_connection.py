"""Many threads that share one connection to Redis: each gets its own reply, whatever happens to the connection."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import TYPE_CHECKING

import pytest
import redis as redis_py
from redis import ConnectionError as RedisConnectionError
from redis import ResponseError
from redis import TimeoutError as RedisTimeoutError

from service.redis_client.endpoint import Endpoint, connection_settings
from tests.support.processes import RedisServer

if TYPE_CHECKING:
    from collections.abc import Iterator

THREADS = 24
CALLS_A_THREAD = 400
TIMEOUT_S = 2.0


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    """A Redis of these tests."""
    with RedisServer() as server:
        yield server


@pytest.fixture
def endpoint(server: RedisServer) -> Iterator[Endpoint]:
    """A way to it."""
    endpoint = Endpoint(connection_settings(server.url, TIMEOUT_S))
    yield endpoint
    endpoint.close()


def echo(endpoint: Endpoint, thread: int, at: int) -> bool:
    """Whether what comes back is what was sent; some commands are wrong ones, some replies are long."""
    text = f"{thread}:{at}".encode() * (4000 if at % 97 == 0 else 1)
    if at % 13 == 0:
        with pytest.raises(ResponseError, match="unknown command"):
            endpoint.call((b"NONSENSE", text))
        return True
    return endpoint.call((b"ECHO", text)) == text


def test_each_thread_gets_the_replies_to_its_own_commands(endpoint: Endpoint):
    """However many threads ask at once, none ever sees a reply or an error that is another's."""
    with ThreadPoolExecutor(THREADS) as threads:
        right = threads.map(lambda n: all(echo(endpoint, n, at) for at in range(CALLS_A_THREAD)), range(THREADS))
        assert all(right)


def test_a_connection_that_breaks_mixes_nothing_up(endpoint: Endpoint, server: RedisServer):
    """While connections are cut all the time, each call ends with its own reply or with a ConnectionError."""
    broken = []

    def ask(thread: int) -> bool:
        right = True
        for at in range(1, CALLS_A_THREAD):
            try:
                right &= echo(endpoint, thread, at)
            except RedisConnectionError:
                broken.append(at)
                endpoint._availability.up = True  # as the monitor finds out
        return right

    done = threading.Event()

    def cut() -> None:
        with redis_py.Redis.from_url(server.url) as client:
            while not done.wait(0.005):
                client.client_kill_filter(_type="normal", skipme=True)

    cutter = threading.Thread(target=cut)
    cutter.start()
    try:
        with ThreadPoolExecutor(THREADS) as threads:
            assert all(threads.map(ask, range(THREADS)))
    finally:
        done.set()
        cutter.join()
    assert broken
    endpoint.ping()  # by a new connection, if the last one was cut since the last call
    assert endpoint.call((b"ECHO", b"afterwards")) == b"afterwards"


def test_a_reply_that_comes_too_late_reaches_nobody(endpoint: Endpoint, server: RedisServer):
    """A thread that waited in vain gets a TimeoutError, and the next call its own reply, not the late one."""
    endpoint.ping()
    with redis_py.Redis.from_url(server.url) as client:
        client.client_pause(400, all=True)
    with pytest.raises(RedisTimeoutError):
        endpoint.call((b"ECHO", b"late"), 0.05)
    assert endpoint.up
    assert endpoint.call((b"ECHO", b"mine")) == b"mine"


def test_slow_commands_do_not_hold_quick_ones(endpoint: Endpoint):
    """A slow command that waits in Redis keeps other slow ones waiting, and no quick one."""
    with ThreadPoolExecutor(2) as threads:
        began = monotonic()
        slow = [threads.submit(endpoint.call, (b"BLPOP", b"nothing", b"0.5"), slow=True) for _ in range(2)]
        assert all(endpoint.call((b"ECHO", str(at))) == str(at).encode() for at in range(200))
        assert not any(each.done() for each in slow)
        assert [each.result() for each in slow] == [None, None]
        assert monotonic() - began >= 2 * 0.5


def test_a_failure_reaches_all_who_waited(server: RedisServer):
    """When Redis does not answer, all threads learn it within one timeout, and the endpoint counts as unavailable."""
    endpoint = Endpoint(connection_settings(server.url, 0.3))
    endpoint.ping()
    with redis_py.Redis.from_url(server.url) as client:
        client.client_pause(1000, all=True)
        began = monotonic()
        with ThreadPoolExecutor(THREADS) as threads:
            failures = [threads.submit(endpoint.call, (b"PING",)).exception() for _ in range(THREADS)]
        assert monotonic() - began < 1.0
        assert all(isinstance(failure, (RedisTimeoutError, RedisConnectionError)) for failure in failures)
        assert not endpoint.up
        client.client_unpause()
    endpoint.close()
