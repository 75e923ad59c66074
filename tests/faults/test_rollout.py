"""Replicas that come and go under load: no call is lost, no decision is made twice, and all shares stay exact.

The callers are those of deploy/examples/cluster_client.py. Run with `-s` to see what came of their calls.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING

import grpc
import pytest
from evenhand.v1 import assignment_service_pb2 as api

from deploy.examples import cluster_client
from deploy.examples.cluster_client import DEADLINE, SERVICE_CONFIG, first_message
from service.redis_client.client import RedisClient
from service.store.audit import audit_workspace
from tests.support.builders import ASSIGNED, CREATED, contact, rule
from tests.support.client import Service, Workspace
from tests.support.cluster import Call, Callers, Cluster

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from evenhand.v1.decision_pb2 import Decision

AGENTS = [f"agent-{number}" for number in range(7)]
CALLERS, PACE = 24, 12.5  # 300 calls a second
SLACK = 1.0  # seconds that a caller on a busy machine may need to notice that its deadline is over
BATCH = 1000


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Three replicas, which go on for half a second after SIGTERM, so that callers can notice."""
    with Cluster(3, ["--endpoint-wait", "500ms", "--drain", "5s"]) as started:
        yield started


@pytest.fixture
def new_team(cluster: Cluster) -> Iterator[Callable[[str], Workspace]]:
    """Makes a workspace of seven agents who take everyone in turn."""
    open_services: list[Service] = []

    def make(name: str) -> Workspace:
        open_services.append(Service(cluster.target))
        team = Workspace(name, open_services[-1])
        team.roster(*AGENTS)
        team.rules(rule("everyone"))
        return team

    yield make
    for service in open_services:
        service.close()


def test_a_rollout_loses_nothing(cluster: Cluster, new_team: Callable[[str], Workspace]) -> None:
    """While every replica is replaced, one after another, each call of a client with our configuration is answered."""
    team = new_team("rollout")
    with Callers(cluster.target, team.id, CALLERS, PACE) as callers:
        time.sleep(0.5)
        roll_out(cluster)
    report("rollout", callers)
    assert [call for call in callers.calls if call.error] == []
    check_books(cluster, team, callers.calls)


def test_clients_that_do_not_watch_health_lose_nothing_if_they_retry_what_was_cancelled(
    cluster: Cluster, new_team: Callable[[str], Workspace]
) -> None:
    """Where calls come in until the end, gRPC's server cancels some; tried again, each of them is answered too."""
    config = json.loads(SERVICE_CONFIG)
    del config["healthCheckConfig"]
    config["methodConfig"][0]["retryPolicy"]["retryableStatusCodes"].append("CANCELLED")
    team = new_team("unwatched")
    with Callers(cluster.target, team.id, CALLERS, PACE, service_config=json.dumps(config)) as callers:
        time.sleep(0.5)
        roll_out(cluster)
    report("rollout, health not watched", callers)
    assert [call for call in callers.calls if call.error] == []
    check_books(cluster, team, callers.calls)


@pytest.mark.parametrize("retries", [True, False], ids=["retries", "no retries"])
def test_a_killed_replica_loses_nothing(
    cluster: Cluster, new_team: Callable[[str], Workspace], *, retries: bool
) -> None:
    """What a replica decided but could not say any more, as it was killed, is what its callers hear from another.

    Redis stands still before, so that all callers wait for it; what the replica has sent it does after the kill.
    """
    team = new_team(f"killed {retries}")
    with Callers(cluster.target, team.id, CALLERS, PACE, enable_retries=int(retries)) as callers:
        time.sleep(0.5)
        cluster.redis.pause()
        # Where a caller's next call goes is its channel's affair; that somebody waits for this replica is ours.
        with ThreadPoolExecutor(1) as threads, closing(Service(cluster.replicas[1].address)) as doomed:
            waiting = threads.submit(first_message, doomed.assignment, team.id, "doomed")
            time.sleep(0.2)
            cluster.replicas[1].kill()
            cluster.redis.resume()
            assert waiting.exception() is not None
        time.sleep(0.5)
        cluster.bring_back(cluster.replicas[1])
        time.sleep(1.0)
    report("kill -9" if retries else "kill -9, no retries", callers)
    failed = {call.error for call in callers.calls if call.error}
    assert failed <= {grpc.StatusCode.UNAVAILABLE}
    assert failed or retries
    doomed_call = Call("doomed", time.monotonic(), 0.0, None, grpc.StatusCode.UNAVAILABLE)
    answers = check_books(cluster, team, [*callers.calls, doomed_call])
    assert any(answer.replayed for answer in answers), "the killed replica has decided nothing"


def test_the_example_runs_by_itself(cluster: Cluster, new_team: Callable[[str], Workspace]) -> None:
    """The client says who got the contact, and the second time that this was decided before."""
    new_team("example")
    port = cluster.replicas[0].address.rpartition(":")[2]
    command = [sys.executable, cluster_client.__file__, f"dns:///localhost:{port}", "example", "ravi"]
    said = [subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout for _ in range(2)]
    assert said == ["ravi: ASSIGNED agent-0\n", "ravi: ASSIGNED agent-0 (as decided before)\n"]


def roll_out(cluster: Cluster) -> None:
    """Replace every replica; each must end in order, and is given half a second to be found again."""
    for replica in cluster.replicas:
        assert replica.terminate() == 0
        cluster.bring_back(replica)
        time.sleep(0.5)


def report(what: str, callers: Callers) -> None:
    """Print what came of all calls."""
    sys.stdout.write(f"\n{what}: {callers.figures()}\n")


def check_books(cluster: Cluster, team: Workspace, calls: Sequence[Call]) -> list[Decision]:
    """Check that every call kept its deadline, and that answers, records, counts and shares are the same thing.

    Returns:
        The answer to each call; if it failed, to the same request sent again.
    """
    assert len(calls) > 500
    assert max(call.seconds for call in calls) <= DEADLINE + SLACK
    answers = {call.contact_id: call.decision or decide_again(cluster, team, call) for call in calls}
    assert len(answers) == len(calls)
    assert {answer.outcome for answer in answers.values()} == {ASSIGNED}

    repeats = [
        api.EvaluateContactRequest(
            event_type=CREATED, contact=contact(contact_id), request_id=f"{contact_id}/first-message"
        )
        for contact_id in answers
    ]
    said_again = [one for at in range(0, len(repeats), BATCH) for one in team.batch(repeats[at : at + BATCH])]
    for first, second in zip(answers.values(), said_again, strict=True):
        assert second.replayed
        assert (second.agent_id, second.sequence) == (first.agent_id, first.sequence)
    assert len({answer.sequence for answer in answers.values()}) == len(calls)

    owned = {contact_id: team.owner(contact_id) for contact_id in answers}
    assert owned == {contact_id: answer.agent_id for contact_id, answer in answers.items()}
    held = Counter(owned.values())
    assert team.open_counts() == dict(held)
    assert max(held.values()) - min(held.values()) <= 1
    redis = RedisClient(cluster.redis.url, 5.0)
    found = audit_workspace(redis, team.id)
    redis.close()
    # Whatever was decided that nobody heard would be another contact, or counted twice.
    assert (found.contacts, found.agents, found.drifts, found.quiet) == (len(calls), len(AGENTS), (), True)
    return list(answers.values())


def decide_again(cluster: Cluster, team: Workspace, call: Call) -> Decision:
    """Report a contact again whose report failed; now there must be a decision."""
    service = Service(cluster.target)
    decision = first_message(service.assignment, team.id, call.contact_id)
    service.close()
    return decision
