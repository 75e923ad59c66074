"""A Redis that may lose state: one that evicts keys makes the service not ready, one that keeps nothing is named."""

from __future__ import annotations

import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from service.redis_client.client import RedisClient
from service.redis_client.durability import Durability
from service.store.redis_watch import RedisWatch
from tests.support.builders import ASSIGNED, rule
from tests.support.client import Service, Workspace, refused
from tests.support.processes import EvenhandServer, RedisServer, redis_binaries, wait_until
from tests.support.redis_cluster import RedisCluster
from tests.support.replicas import Pair
from tests.support.scrape import Scrape
from tests.support.sentinels import WatchedRedis

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.store.redis_watch import Findings

EVICTING = ("allkeys-lru", "allkeys-random", "volatile-lru", "volatile-ttl")
METRICS = ("--metrics-listen", "127.0.0.1:0")
OFTEN_S = 0.05


def evicting(policy: str) -> tuple[str, ...]:
    """The option of a Redis for this policy."""
    return ("--maxmemory-policy", policy)


def masters(server: EvenhandServer) -> dict[str, float]:
    """How many servers there are by what was found, without those of which none was."""
    scrape = Scrape(server)
    name = "assignment_redis_masters"
    found = {finding: scrape.value(name, finding=finding) for finding in scrape.labels(name, "finding")}
    return {finding: count for finding, count in found.items() if count}


def decides(server: EvenhandServer) -> bool:
    """Whether a contact of a new workspace is assigned."""
    workspace = Workspace(uuid4().hex, Service(server.address))
    workspace.roster("ann")
    workspace.rules(rule("r"))
    return workspace.created("c").outcome == ASSIGNED


@contextmanager
def watched(
    url: str, *, allow_eviction: bool = False, durability: Durability = Durability.ACKNOWLEDGED
) -> Iterator[list[Findings]]:
    """All that a watch on this Redis is told, which looks every 50 ms; the last is the latest."""
    findings: list[Findings] = []
    client = RedisClient(url, 1.0)
    watch = RedisWatch(client, findings.append, allow_eviction=allow_eviction, durability=durability, every_s=OFTEN_S)
    watch.start()
    try:
        yield findings
    finally:
        watch.close()
        client.close()


@pytest.mark.parametrize("policy", EVICTING)
def test_a_redis_that_evicts_makes_the_service_not_ready(policy: str):
    """Every policy but noeviction: NOT_SERVING, and one line says what to do; the process lives, and calls go on."""
    with RedisServer(options=evicting(policy)) as redis, EvenhandServer(redis.url, options=METRICS) as server:
        assert server.health() == "NOT_SERVING"
        assert server.health("evenhand.v1.AssignmentService") == "NOT_SERVING"
        assert server.health("every-workspace") == "NOT_SERVING"
        assert server.health("liveness") == "SERVING"
        assert server.log().count(f"(maxmemory-policy {policy}): not ready until it is set to noeviction") == 1
        assert masters(server) == {"all": 1, "evicting": 1, "not_persistent": 1, "without_replica": 1}
        assert decides(server)
        with redis.client() as operator:
            operator.config_set("maxmemory-policy", "noeviction")
        wait_until(lambda: server.health() == "SERVING", "it is ready by itself", 5)
        assert f"INFO redis at {redis.socket}: no problem any more with eviction" in server.log()
        assert "evicting" not in masters(server)


@pytest.mark.parametrize("workers", [1, 2])
def test_eviction_can_be_allowed(workers: int):
    """With --allow-eviction yes it is ready all the same, and the log still says what may be lost."""
    options = (*METRICS, "--allow-eviction", "yes")
    with (
        RedisServer(options=evicting("allkeys-lru")) as redis,
        EvenhandServer(redis.url, options=options, workers=workers) as server,
    ):
        assert server.health() == "SERVING"
        assert server.log().count("as --allow-eviction has it") == workers
        assert masters(server) == {"all": 1, "eviction_allowed": 1, "not_persistent": 1, "without_replica": 1}
        assert decides(server)


def test_a_policy_that_changes_is_noticed():
    """A policy that an operator sets while the service runs is found by the next look, and said once each time."""
    with RedisServer() as redis, watched(redis.url) as findings, redis.client() as operator:
        assert findings[0].fit
        for _ in range(3):
            operator.config_set("maxmemory-policy", "allkeys-lfu")
            wait_until(lambda: not findings[-1].fit, "it was seen", 2)
            operator.config_set("maxmemory-policy", "noeviction")
            wait_until(lambda: findings[-1].fit, "it was seen", 2)


@pytest.mark.parametrize(
    ("options", "finding", "said"),
    [
        ((), "not_persistent", "keeps nothing on disk"),
        (("--save", "3600 1"), "snapshots_only", "keeps only snapshots on disk"),
        (("--appendonly", "yes"), "", ""),
    ],
)
def test_missing_persistence_is_told(options: tuple[str, ...], finding: str, said: str):
    """A Redis that keeps nothing, or only snapshots, is a warning and a metric; one that appends is neither."""
    with RedisServer(options=options) as redis, EvenhandServer(redis.url, options=METRICS) as server:
        assert server.health() == "SERVING"
        assert masters(server) == {"all": 1, "without_replica": 1} | ({finding: 1} if finding else {})
        assert server.log().count("WARNING redis at") == (1 if finding else 0)
        assert said in server.log()


def test_a_warning_is_said_again_only_when_it_changes(caplog: pytest.LogCaptureFixture):
    """Over many looks a warning is one line; it comes again when it was over meanwhile."""

    def warnings() -> int:
        return sum("keeps nothing on disk" in one.message and one.levelname == "WARNING" for one in caplog.records)

    with RedisServer() as redis, watched(redis.url) as findings, redis.client() as operator:
        wait_until(lambda: len(findings) > 5, "it looked again and again", 5)
        assert warnings() == 1
        operator.config_set("appendonly", "yes")
        wait_until(lambda: not findings[-1].counts["not_persistent"], "it was seen", 5)
        operator.config_set("appendonly", "no")
        wait_until(lambda: findings[-1].counts["not_persistent"], "it was seen", 5)
        assert warnings() == 2


@pytest.mark.skipif("8.2" not in redis_binaries(), reason="no Redis 8.2 here")
def test_each_master_of_a_cluster_counts():
    """One of three masters that evicts makes the service not ready; its replicas are counted, and the log names it."""
    with RedisCluster(3, 1) as cluster, watched(cluster.urls[0]) as findings:
        assert findings[-1].fit
        assert findings[-1].counts["all"] == 3
        assert findings[-1].counts["without_replica"] == 0
        master = cluster.masters()[-1]
        with master.client() as operator:
            operator.config_set("maxmemory-policy", "allkeys-lru")
        wait_until(lambda: findings[-1].counts["evicting"] == 1, "it was seen", 5)
        assert not findings[-1].fit


@pytest.mark.skipif("8.2" not in redis_binaries(), reason="no Redis 8.2 here")
def test_the_master_behind_sentinels_counts():
    """A failover to a replica that evicts, while the master did not, makes the service not ready soon after."""
    with WatchedRedis("of-servers", "of-sentinels") as redis, EvenhandServer(redis.url, options=METRICS) as server:
        assert server.health() == "SERVING"
        assert masters(server) == {"all": 1, "not_persistent": 1}
        before = redis.master()
        assert before is not None
        for other in redis.servers:
            if other is not before:
                with other.client() as operator:
                    operator.config_set("maxmemory-policy", "volatile-lru")
        before.kill()
        wait_until(lambda: redis.master() not in {None, before}, "another one is the master", 30)
        wait_until(lambda: "not ready until it is set to noeviction" in server.log(), "it was seen", 10)
        wait_until(lambda: server.health() == "NOT_SERVING", "it is not ready", 2)


def test_without_a_replica_nothing_is_confirmed():
    """With `--durability replicated` a Redis without a replica is not ready, with one error; with one it soon is.

    A replica that goes is noticed by the first change that it does not confirm.
    """
    said = "has no replica to confirm changes (--durability replicated)"
    options = (*METRICS, "--durability", "replicated")
    with ExitStack() as stack:
        pair = Pair(stack, lag_s=0.0)
        server = stack.enter_context(EvenhandServer(pair.master.url, options=options))
        workspace = Workspace("w", Service(server.address))
        assert server.health() == "NOT_SERVING"
        assert server.health("liveness") == "SERVING"
        assert server.log().count(said) == 1
        pair.attach()
        wait_until(lambda: server.health() == "SERVING", "it is ready by itself", 5)
        assert server.log().count("no problem any more with replicas") == 1
        workspace.roster("ann")
        pair.detach()
        with refused("UNAVAILABLE") as refusal:
            workspace.roster("bob")
        assert refusal.reason == "NOT_DURABLE"
        wait_until(lambda: server.health() == "NOT_SERVING", "it is not ready", 3)
        pair.attach()
        wait_until(lambda: server.health() == "SERVING", "it is ready again", 5)
        assert server.log().count(said) == server.log().count("no problem any more with replicas") == 2


def test_a_replica_that_is_not_online_confirms_nothing():
    """While the only replica waits for the snapshot that it begins with, the service is not ready; then it soon is."""
    with ExitStack() as stack:
        pair = Pair(stack, lag_s=0.0)
        findings = stack.enter_context(watched(pair.master.url, durability=Durability.REPLICATED))
        with pair.master.client() as operator, pair.replica.client() as replica:
            operator.config_set("repl-diskless-sync-delay", 2)
            replica.replicaof("127.0.0.1", pair.proxy.port)
            wait_until(lambda: operator.info("replication")["connected_slaves"] == 1, "it is attached", 5)
            assert operator.info("replication")["slave0"]["state"] == "wait_bgsave"
            looked = len(findings)
            wait_until(lambda: len(findings) > looked + 3, "it was looked at", 5)
            assert operator.info("replication")["slave0"]["state"] == "wait_bgsave"
            assert findings[-1].counts["without_replica"] == 1
            assert not findings[-1].fit
            wait_until(lambda: findings[-1].fit, "it is ready", 10)
            assert operator.info("replication")["slave0"]["state"] == "online"


@pytest.mark.skipif("8.2" not in redis_binaries(), reason="no Redis 8.2 here")
@pytest.mark.parametrize("durability", ["fsynced", "acknowledged"])
def test_a_file_that_is_not_written_to_disk_confirms_nothing(durability: str):
    """With `appendfsync no` the service is not ready where changes have to be on disk; else that is a metric alone."""
    options = ("--appendonly", "yes", "--appendfsync", "no")
    with (
        RedisServer(redis_binaries()["8.2"], options=options) as redis,
        EvenhandServer(redis.url, options=(*METRICS, "--durability", durability)) as server,
    ):
        demands = durability == "fsynced"
        assert server.health() == ("NOT_SERVING" if demands else "SERVING")
        assert server.health("liveness") == "SERVING"
        assert server.log().count("--durability fsynced, but appendfsync no") == demands
        assert masters(server) == {"all": 1, "without_fsync": 1, "without_replica": 1}
        with redis.client() as operator:
            operator.config_set("appendfsync", "everysec")
        wait_until(lambda: server.health() == "SERVING", "it is ready", 5)
        assert server.log().count("no problem any more with appendfsync") == demands


def test_a_replica_that_hangs_is_none():
    """A replica that is connected and says nothing confirms nothing: seconds later the service is not ready."""
    with ExitStack() as stack:
        pair = Pair(stack, lag_s=0.0)
        pair.attach()
        server = stack.enter_context(EvenhandServer(pair.master.url, options=("--durability", "replicated")))
        workspace = Workspace("w", Service(server.address))
        workspace.roster("ann")
        pair.replica.pause()

        def is_told() -> bool:
            with refused("UNAVAILABLE") as refusal:
                workspace.roster("bob")
            assert refusal.reason == "NOT_DURABLE"
            return server.health() == "NOT_SERVING"

        wait_until(is_told, "it is not ready", 12)
        pair.replica.resume()
        wait_until(lambda: server.health() == "SERVING", "it is ready again", 5)
        workspace.roster("bob")


@pytest.mark.skipif("8.2" not in redis_binaries(), reason="no Redis 8.2 here")
def test_a_part_of_a_cluster_that_confirms_is_enough(caplog: pytest.LogCaptureFixture):
    """Where one of three masters has lost its replica, that is an error in the log, and the service stays ready."""
    with RedisCluster(3, 1) as cluster, watched(cluster.urls[0], durability=Durability.REPLICATED) as findings:
        assert findings[-1].fit
        next(node for node in cluster.nodes if cluster.role(node) == "slave").kill()
        wait_until(lambda: findings[-1].counts["without_replica"] == 1, "it was seen", 10)
        assert findings[-1].fit
        assert sum("has no replica to confirm changes" in one.message for one in caplog.records) == 1


def test_a_redis_that_comes_later_is_looked_at_first():
    """A service that was there before its Redis is not ready until it has looked at that."""
    with RedisServer(options=evicting("allkeys-lru")) as redis:
        redis.stop()
        with EvenhandServer(redis.url, options=METRICS) as server:
            assert server.health() == "NOT_SERVING"
            redis.start()
            wait_until(lambda: "redis is up" in server.log(), "it is up", 5)
            for _ in range(20):
                assert server.health() == "NOT_SERVING"
                time.sleep(0.01)
            with redis.client() as operator:
                operator.config_set("maxmemory-policy", "noeviction")
            wait_until(lambda: server.health() == "SERVING", "it is ready", 5)
