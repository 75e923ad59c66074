"""Redis Functions that come and go: whatever a server has loaded or allows, each call is answered, and once."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from hashlib import sha1
from threading import Barrier, Event
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
import redis as redis_py

from service.redis_client.client import RedisClient, RedisUnavailableError, Run
from service.redis_client.script import Library, Script
from service.store import scripts
from service.store.values import NO_VERSION, Case, Opens
from tests.support import plans
from tests.support.builders import ASSIGNED, rule
from tests.support.client import Workspace
from tests.support.processes import RedisServer, redis_binaries, wait_until
from tests.support.stores import decide, open_store
from tests.support.twin import Look, Pool, pool, view_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.support.backends import Backend

LIBRARY = scripts.library().name
LOOK: Look = (1, False, 0)
THREADS = 16
PATIENCE_S = 5.0
WITH_FUNCTIONS = [one for one in ("7.0", "8.2") if one in redis_binaries()]
ANOTHER_VERSION = b"0" * 12


@pytest.fixture(params=WITH_FUNCTIONS)
def server(request: pytest.FixtureRequest) -> Iterator[RedisServer]:
    """A Redis that has functions, of this test alone."""
    with RedisServer(redis_binaries()[request.param]) as started:
        yield started


@contextmanager
def connected(url: str, client_class: type[RedisClient] = RedisClient) -> Iterator[RedisClient]:
    """A client as the service makes it."""
    client = client_class(url, PATIENCE_S)
    try:
        yield client
    finally:
        client.close()


def new_pool(client: RedisClient) -> Pool:
    """Three agents alike, who take turns in a workspace of their own."""
    return pool(open_store(client), [(1, 0)] * 3, [LOOK])


def libraries(server: RedisServer) -> set[bytes]:
    """The libraries that a server has loaded."""
    with server.client() as client:
        return {dict(zip(one[::2], one[1::2], strict=True))["library_name"].encode() for one in client.function_list()}


def asked(server: RedisServer, command: str) -> int:
    """How often a server was asked for a command, refusals included."""
    with server.client() as client:
        counts = client.info("commandstats").get(f"cmdstat_{command}", {})
    return counts.get("calls", 0) + counts.get("rejected_calls", 0)


def first_calls_at_once(client: RedisClient) -> None:
    """Have all threads begin with their first call at the same moment, and check that each is answered."""
    store, barrier = open_store(client), Barrier(THREADS)

    def first(_: int) -> str:
        barrier.wait()
        return store.rules([uuid4().hex])[0].version

    with ThreadPoolExecutor(THREADS) as threads:
        assert list(threads.map(first, range(THREADS))) == [NO_VERSION] * THREADS


class AnotherVersion(RedisClient):
    """A client of a version of the service whose library has another name."""

    def run_each(self, script: Script, runs: Sequence[Run], **how: Any) -> list[Any]:
        """Run the script as that version calls it."""
        library = Library(*map(of_another_version, script.library))
        return super().run_each(
            script._replace(function=of_another_version(script.function), library=library), runs, **how
        )


def of_another_version(text: bytes) -> bytes:
    """The text with the other version's digest in the place of ours."""
    return text.replace(LIBRARY.removeprefix(b"evenhand_"), ANOTHER_VERSION)


class Forgotten(RedisClient):
    """A client whose server never has a function, however often the library is loaded."""

    def run_each(self, script: Script, runs: Sequence[Run], **how: Any) -> list[Any]:
        """Run the script with a library that has other functions."""
        return super().run_each(script._replace(function=b"gone"), runs, **how)


def test_functions_flushed_between_calls_are_loaded_again(server: RedisServer):
    """A server that lost its functions since the last call decides the next contact as if nothing had happened."""
    with connected(server.url) as client, server.client() as operator:
        team = new_pool(client)
        for _ in range(9):
            operator.function_flush()
            team.decide(LOOK)
            assert libraries(server) == {LIBRARY}


def test_functions_flushed_during_calls_lose_no_call(server: RedisServer):
    """While functions are flushed all the time, every call of sixteen threads is answered, and counts are exact."""
    with connected(server.url) as client, server.client() as operator:
        team, over = new_pool(client), Event()
        ref = plans.choice(view_of(LOOK)).ref

        def call(thread: int) -> list[tuple[int, bytes, int]]:
            answers = []
            while not over.is_set():
                case = Case(f"{thread}-{len(answers)}", "", Opens.NONE, "", ref, "")
                (answer,) = decide(team.store, team.name, team.version, [case])
                answers.append((answer.outcome, answer.agent, answer.sequence))
            return answers

        with ThreadPoolExecutor(THREADS) as threads:
            running = [threads.submit(call, number) for number in range(THREADS)]
            end = time.monotonic() + 2.0
            while time.monotonic() < end:
                operator.function_flush()
            over.set()
            answers = [answer for one in running for answer in one.result()]
        held = Counter(agent.decode() for _, agent, _ in answers)
        standings = team.store.workspace(team.name).standings(sorted(held))
        counted = {agent: standing.open_contacts for agent, standing in standings if standing}
    assert {outcome for outcome, _, _ in answers} == {ASSIGNED}
    assert len({sequence for _, _, sequence in answers}) == len(answers)
    assert counted == held, "something was decided twice"
    assert max(held.values()) - min(held.values()) <= 1


def test_functions_that_do_not_stay_keep_nobody_from_an_answer(server: RedisServer):
    """Where functions are gone again as soon as they are loaded, every call is answered all the same, and once."""
    with connected(server.url, Forgotten) as client:
        team = new_pool(client)
        for _ in range(6):
            team.decide(LOOK)


def test_a_redis_that_forgot_everything_gets_the_library_again(server: RedisServer):
    """After a restart that kept nothing, a workspace that is configured anew is decided by functions."""
    with connected(server.url) as client:
        new_pool(client).decide(LOOK)
        server.kill()
        wait_until(lambda: not client.up, "the client noticed")
        server.start()
        wait_until(lambda: client.up, "Redis is up")
        assert libraries(server) == set()
        new_pool(client).decide(LOOK)
        assert libraries(server) == {LIBRARY}
        assert asked(server, "evalsha") == 0


@pytest.mark.parametrize("denied", ["-fcall", "-function|load", "-fcall -function"])
def test_a_user_without_functions_decides_by_scripts(server: RedisServer, denied: str):
    """Where the user may not load functions, or not call them, the very first calls are answered, by EVALSHA."""
    with server.client() as operator:
        operator.execute_command("ACL", "SETUSER", "limited", "on", ">secret", "~*", "&*", "+@all", *denied.split())
    with connected(f"unix://limited:secret@{server.socket}") as client:
        first_calls_at_once(client)
        team = new_pool(client)
        for _ in range(6):
            team.decide(LOOK)
        assert client.up
    assert libraries(server) == set()
    assert asked(server, "evalsha") > 6


def test_keys_that_are_denied_are_no_reason_to_leave_functions(server: RedisServer):
    """A user who may not touch the keys finds Redis unavailable, asks for no other way, and goes on by functions."""

    def allow(pattern: str) -> None:
        operator.execute_command("ACL", "SETUSER", "limited", "on", ">secret", "resetkeys", pattern, "&*", "+@all")

    with server.client() as operator:
        allow("~*")
        with connected(f"unix://limited:secret@{server.socket}") as client:
            team = new_pool(client)
            team.decide(LOOK)
            allow("~others:*")
            with pytest.raises(RedisUnavailableError):
                team.store.rules([team.name])
            assert asked(server, "evalsha") == 0
            allow("~*")
            wait_until(lambda: client.up, "Redis is up")
            team.decide(LOOK)
        assert asked(server, "evalsha") == 0


def test_a_library_of_the_same_name_has_the_same_text():
    """Whatever differs between two versions' libraries, their names differ, so a server never keeps a stale one."""
    version = LIBRARY.removeprefix(b"evenhand_")
    _, text = scripts.library().text.split(b"\n", 1)
    digest = sha1(text.replace(version, b""), usedforsecurity=False).hexdigest()
    assert digest.startswith(version.decode())


def test_two_versions_decide_side_by_side(server: RedisServer):
    """Two versions on one Redis have a library each; deleting one takes nothing from the other, nor from its owner."""
    theirs = b"evenhand_" + ANOTHER_VERSION
    with connected(server.url) as client, connected(server.url, AnotherVersion) as another, server.client() as operator:
        team = new_pool(client)
        stores = team.store, open_store(another)
        for _ in range(6):
            for team.store in stores:
                team.decide(LOOK)
        assert libraries(server) == {LIBRARY, theirs}
        operator.function_delete(theirs.decode())
        team.store = stores[0]
        team.decide(LOOK)
        assert libraries(server) == {LIBRARY}
        team.store = stores[1]
        team.decide(LOOK)
        assert libraries(server) == {LIBRARY, theirs}


@pytest.mark.skipif("6.2" not in redis_binaries(), reason="no Redis without functions here")
@pytest.mark.parametrize("newer", WITH_FUNCTIONS)
def test_an_upgrade_to_a_redis_with_functions_is_noticed(newer: str):
    """The first calls to a Redis without functions are answered; upgraded, it is given them, and no turn is lost."""
    with RedisServer(redis_binaries()["6.2"], persistent=True) as server, connected(server.url) as client:
        first_calls_at_once(client)
        team = new_pool(client)
        for _ in range(4):
            team.decide(LOOK)
        server.stop()
        wait_until(lambda: not client.up, "the client noticed")
        server.binary = redis_binaries()[newer]
        server.start()
        wait_until(lambda: client.up, "Redis is up")
        for _ in range(5):
            team.decide(LOOK)
        assert libraries(server) == {LIBRARY}
        assert asked(server, "evalsha") == 0


@pytest.mark.parametrize("backend", ["cluster"], indirect=True)
def test_each_master_of_a_cluster_gets_the_library(backend: Backend):
    """Masters that have no functions are each given them when first asked for a workspace of theirs."""
    nodes = [redis_py.Redis.from_url(url) for url in backend.node_urls]
    for node in nodes:
        node.function_flush()
    for _ in range(30):  # that one of three masters gets none is then a matter of one run in 60,000
        workspace = Workspace(uuid4().hex, backend.service())
        workspace.roster("ann")
        workspace.rules(rule("r"))
        assert workspace.created("c").outcome == ASSIGNED
    for node in nodes:
        assert [one[1] for one in node.function_list()] == [LIBRARY]
        node.close()
