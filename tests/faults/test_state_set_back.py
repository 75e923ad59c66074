"""State that is lost, set back or exchanged behind the service's back: no decision by rules that are not in force."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.support.builders import ASSIGNED, rule
from tests.support.client import Service, Workspace, refused
from tests.support.processes import EvenhandServer, RedisServer, free_port, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from evenhand.v1.decision_pb2 import Decision

DECISIONS, LOST, CONTACTS_A_BATCH = 10_000, 1000, 100
ROOT = "evenhand:{w}"


class Lab:
    """A Redis that keeps everything, a replica of it, and two replicas of the service."""

    def __init__(self, redis: RedisServer, replica: RedisServer) -> None:
        self.redis = redis
        self.replica = replica
        self.replicas: list[EvenhandServer] = []
        self.services: list[Service] = []
        self.etags: list[str] = []

    def configure(self, rule_id: str) -> None:
        """Put roster and rules in force, by the first replica; note their etags."""
        workspace = self.workspace(0)
        self.etags += [workspace.roster("ann", "bob").etag, workspace.rules(rule(rule_id)).etag]

    def copy_to_replica(self) -> None:
        """Have the replica take on everything, and cut it off."""
        with self.replica.client() as client:
            client.replicaof("127.0.0.1", self.redis.port)
            wait_until(lambda: client.hget(ROOT, "revision") == "1", "the replica has the rules")
            client.replicaof("127.0.0.1", free_port())

    def workspace(self, *replicas: int) -> Workspace:
        """The workspace, as these replicas serve it."""
        return Workspace("w", *(self.services[at] for at in replicas))

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Start the replicas."""
        with EvenhandServer(self.redis.url) as one, EvenhandServer(self.redis.url) as other:
            self.replicas = [one, other]
            self.services = [Service(each.address) for each in self.replicas]
            yield
            for service in self.services:
                service.close()

    def wait(self) -> None:
        """Wait until all replicas serve."""
        for each in self.replicas:
            wait_until(lambda each=each: each.health() == "SERVING", "the replica serves")


def flush_all(lab: Lab) -> None:
    """FLUSHALL."""
    with lab.redis.client() as client:
        client.flushall()


def flush_db(lab: Lab) -> None:
    """FLUSHDB."""
    with lab.redis.client() as client:
        client.flushdb()


def delete_keys(lab: Lab) -> None:
    """DEL of every key of the workspace."""
    with lab.redis.client() as client:
        client.delete(*client.scan_iter(f"{ROOT}*"))


def delete_root(lab: Lab) -> None:
    """DEL of the hash that has the revisions."""
    with lab.redis.client() as client:
        client.delete(ROOT)


def expire_keys(lab: Lab) -> None:
    """Every key of the workspace expires."""
    with lab.redis.client() as client:
        for key in client.scan_iter(f"{ROOT}*"):
            client.pexpire(key, 1)
        wait_until(lambda: not list(client.scan_iter(f"{ROOT}*")), "the keys are gone")


def swap_db(lab: Lab) -> None:
    """SWAPDB with a database that has nothing."""
    with lab.redis.client() as client:
        client.swapdb(0, 1)


def restart_without_files(lab: Lab) -> None:
    """A restart that finds nothing on disk."""
    lab.redis.kill()
    shutil.rmtree(lab.redis.workdir / "appendonlydir")
    lab.redis.start()


def restore_older_file(lab: Lab) -> None:
    """A restart with an append-only file from before the last rules."""
    lab.redis.kill()
    shutil.rmtree(lab.redis.workdir / "appendonlydir")
    shutil.copytree(lab.redis.workdir / "older", lab.redis.workdir / "appendonlydir")
    lab.redis.start()


def restore_older_dump(lab: Lab) -> None:
    """A workspace whose keys are put back, with DUMP and RESTORE, as they were before the last rules."""
    with lab.redis.client() as client, RedisServer(workdir=lab.redis.workdir / "copy", persistent=True) as copy:
        shutil.rmtree(copy.workdir / "appendonlydir")
        copy.kill()
        shutil.copytree(lab.redis.workdir / "older", copy.workdir / "appendonlydir")
        copy.start()
        client.flushall()
        host, port = "127.0.0.1", lab.redis.port
        with copy.client() as source:
            source.migrate(host, port, list(source.scan_iter("*")), 0, 5000, copy=True, replace=True)


def promote_lagging_replica(lab: Lab) -> None:
    """A replica that was cut off before the last rules takes the master's place, at its address."""
    lab.redis.kill()
    with lab.replica.client() as client:
        client.execute_command("REPLICAOF", "NO", "ONE")
        client.config_set("port", str(lab.redis.port))


def decide(workspace: Workspace, prefix: str, count: int) -> list[Decision]:
    """Decide about so many new contacts, in batches."""
    return [
        decision
        for batch in range(count // CONTACTS_A_BATCH)
        for decision in workspace.created_in_batch(f"{prefix}-{batch}-{at}" for at in range(CONTACTS_A_BATCH))
    ]


LOSSES: list[Callable[[Lab], None]] = [
    flush_all,
    flush_db,
    delete_keys,
    delete_root,
    expire_keys,
    swap_db,
    restart_without_files,
    restore_older_file,
    restore_older_dump,
    promote_lagging_replica,
]


@pytest.mark.parametrize("lose", LOSSES, ids=lambda lose: lose.__name__)
def test_rules_of_a_lost_revision_are_never_used(lose: Callable[[Lab], None]):
    """10,000 decisions after a loss, by replicas that knew a revision which was then given again: none by its rules.

    No etag comes twice, and one from before the loss is refused. No sequence number that was given is given again.
    """
    with RedisServer(port=free_port(), persistent=True) as redis, RedisServer(port=free_port()) as replica:
        lab = Lab(redis, replica)
        with lab.serving():
            lab.configure("kept")
            lab.copy_to_replica()
            redis.kill()
            shutil.copytree(redis.workdir / "appendonlydir", redis.workdir / "older")
            redis.start()
            lab.wait()
            lab.configure("lost")
            before = decide(lab.workspace(0, 1), "before", LOST)
            assert {one.rule_id for one in before} == {"lost"}
            lose(lab)
            lab.wait()
            lab.configure("new")
            if lab.workspace(0).get_rules().revision == 1:
                lab.configure("new")  # so that it has the revision of those that were lost
            assert lab.workspace(0).get_rules().revision == 2
            assert len(set(lab.etags)) == len(lab.etags)
            for etag in lab.etags[:4]:
                with refused("ABORTED"):
                    lab.workspace(0).rules(rule("late"), etag=etag)
            after = decide(lab.workspace(1, 0), "after", DECISIONS)
            assert {(one.outcome, one.rule_id) for one in after} == {(ASSIGNED, "new")}
            assert min(one.sequence for one in after) > max(one.sequence for one in before)
            assert len({one.sequence for one in after}) == DECISIONS


def test_state_of_a_version_that_kept_it_otherwise_is_refused_and_not_misread():
    """Every call of a workspace whose rules have no incarnation is FAILED_PRECONDITION, and changes nothing of it."""
    with RedisServer() as redis, EvenhandServer(redis.url) as server, redis.client() as client:
        service = Service(server.address)
        workspace = Workspace("w", service)
        workspace.roster("ann")
        workspace.rules(rule("r"))
        assert workspace.created("c").outcome == ASSIGNED
        client.hdel(ROOT, "incarnation")
        before = client.hgetall(ROOT)
        calls: list[Callable[[], object]] = [
            lambda: workspace.created("c"),
            lambda: workspace.created_in_batch(["d", "e"]),
            lambda: workspace.contact("c"),
            lambda: workspace.close("c"),
            lambda: workspace.roster("bob"),
            lambda: workspace.rules(rule("s")),
            workspace.get_roster,
        ]
        for call in calls:
            with refused("FAILED_PRECONDITION") as said:
                call()
            assert said.reason == "STATE_OF_OLDER_VERSION"
        assert client.hgetall(ROOT) == before
        client.flushall()
        workspace.roster("ann")
        workspace.rules(rule("r"))
        assert workspace.created("c").outcome == ASSIGNED
        service.close()
