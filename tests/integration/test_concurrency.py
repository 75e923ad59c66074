"""Eight client processes and three service processes on one Redis: counts are exact, whatever the interleaving."""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections import Counter, defaultdict
from itertools import chain
from typing import TYPE_CHECKING, Self

import pytest

from tests.support.builders import (
    ALREADY_ASSIGNED,
    ASSIGNED,
    CREATED,
    LEAST_OPEN_CONTACTS,
    NO_AGENT_AVAILABLE,
    agent,
    agents,
    contact,
    rule,
)
from tests.support.client import Service, Workspace
from tests.support.model import Model
from tests.support.processes import EvenhandServer
from tests.support.racer import Seen, Step, race

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.support.backends import Backend

CLIENTS = 8
REPLICAS = 3
LIMIT = 12

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def addresses(backend: Backend) -> Iterator[list[str]]:
    """Three services of their own on one Redis."""
    servers = [EvenhandServer(redis_url=backend.url) for _ in range(REPLICAS)]
    try:
        for server in servers:
            server.start()
        yield [server.address for server in servers]
    finally:
        for server in servers:
            server.close()


@pytest.fixture
def replicas(addresses: list[str]) -> Iterator[list[Service]]:
    """Connections of this process to each."""
    services = [Service(address) for address in addresses]
    yield services
    for service in services:
        service.close()


def of(seen: Iterable[Seen], workspace: Workspace, operation: str = "evaluate") -> list[Seen]:
    """What was seen of one kind in one workspace; decisions in their order, replays left out."""
    some = [one for one in seen if (one.workspace, one.operation) == (workspace.id, operation) and not one.replayed]
    return sorted(some, key=lambda one: one.sequence)


def assert_sequences_are_unique(decisions: list[Seen]) -> None:
    """Each decision has a place of its own."""
    places = [one.sequence for one in decisions]
    assert len(set(places)) == len(places)


def assert_replays_repeat(seen: list[Seen]) -> None:
    """A replay is the answer that the same request id of the same contact got."""
    answers: dict[tuple[str, str, str], set[tuple[int, str, int]]] = defaultdict(set)
    for one in seen:
        if one.request_id:
            answers[one.workspace, one.contact, one.request_id].add((one.outcome, one.agent, one.sequence))
    assert all(len(different) == 1 for different in answers.values())
    assert any(one.replayed for one in seen)


def assert_counts_follow_records(workspace: Workspace, contact_ids: Iterable[str]) -> None:
    """Open counts are a recount of the records."""
    records = [workspace.contact(one) for one in contact_ids]
    recount = Counter(record.owner_id for record in records if record and record.open)
    assert workspace.open_counts() == {one: recount[one] for one in workspace.open_counts()}


def assert_limit_was_kept(decisions: list[Seen], closes: list[Seen], limit: int) -> None:
    """Never were more contacts surely open (assigned and answered, no close sent yet) with one agent."""
    moments: list[tuple[float, int, str]] = []
    closes_of = defaultdict(list)
    for close in closes:
        closes_of[close.contact].append(close)
    for one in decisions:
        if one.outcome == ASSIGNED:
            ends = [close.sent for close in closes_of[one.contact] if close.answered > one.sent]
            if not ends or min(ends) > one.answered:
                moments.append((one.answered, 1, one.agent))
                moments += [(min(ends), -1, one.agent)] if ends else []
    held: Counter[str] = Counter()
    for _, change, who in sorted(moments):
        held[who] += change
        assert held[who] <= limit


class Watch:
    """Looks at open counts all the time while others race, and remembers the highest of each agent."""

    def __init__(self, workspace: Workspace) -> None:
        self.highest: Counter[str] = Counter()
        self._workspace = workspace
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(0.03):
            for who, count in self._workspace.open_counts().items():
                self.highest[who] = max(self.highest[who], count)


def test_twenty_thousand_evaluations_are_exact(addresses: list[str], replicas: list[Service]):
    """One owner each, an exact rotation, no limit passed, counts equal to a recount, over 20,000 evaluations."""
    chance = random.Random(2)
    turns, keep, release = (Workspace(f"{name}-{uuid.uuid4().hex}", *replicas) for name in ("turns", "keep", "release"))
    weights = {"ann": 3, "bob": 2, "cy": 1, "di": 1}
    people = [agent(one, weight=weight) for one, weight in weights.items()]
    turns.roster(*people)
    turns.rules(rule("r"))
    limited = [agent(one, max_open_contacts=LIMIT) for one in weights]
    keep.roster(*limited)
    keep.rules(rule("r", strategy=LEAST_OPEN_CONTACTS))
    release.roster(*weights)
    release.rules(rule("r", max_open_contacts=LIMIT), unassign_on_close=True)

    plans: list[list[Step]] = []
    for _ in range(CLIENTS):
        plan = [
            Step(turns.id, "evaluate", f"c{chance.randrange(4000)}", chance.choice(["", "", "one", "two"]))
            for _ in range(1000)
        ]
        for workspace, contacts in ((keep, 400), (release, 120)):
            for _ in range(750):
                plan.append(Step(workspace.id, "evaluate", f"c{chance.randrange(contacts)}"))
                if chance.random() < 0.4:
                    plan.append(Step(workspace.id, "close", f"c{chance.randrange(contacts)}"))
        chance.shuffle(plan)
        plans.append(plan)
    with Watch(keep) as kept, Watch(release) as released:
        seen = race(plans, addresses)
    assert sum(one.operation == "evaluate" for one in seen) == 20_000
    assert_replays_repeat(seen)

    check_turns(turns, of(seen, turns), weights)
    check_keep(keep, of(seen, keep), of(seen, keep, "close"))
    check_release(release, of(seen, release), of(seen, release, "close"))
    for watch in (kept, released):
        assert max(watch.highest.values()) == LIMIT, "the limit was reached, and not passed"


def check_turns(workspace: Workspace, decisions: list[Seen], weights: dict[str, int]) -> None:
    """Where nothing closes: one assignment for each contact, and the rotation of the model, turn by turn."""
    assert_sequences_are_unique(decisions)
    assigned = [one for one in decisions if one.outcome == ASSIGNED]
    owner = {one.contact: one.agent for one in assigned}
    assert len(owner) == len(assigned) == len({one.contact for one in decisions})
    assert all(one.agent == owner[one.contact] for one in decisions)
    assert all(workspace.owner(one) == agent_id for one, agent_id in owner.items())

    model = Model()
    model.configure_roster(workspace.get_roster().roster)
    model.configure_rules(workspace.get_rules().rule_set)
    expected = [model.evaluate(CREATED, contact(one.contact)).agent_id for one in assigned]
    assert [one.agent for one in assigned] == expected
    assert workspace.open_counts() == dict(Counter(expected))
    assert set(expected) == set(weights)


def check_keep(workspace: Workspace, decisions: list[Seen], closes: list[Seen]) -> None:
    """Where the owner stays on close: one assignment and one owner for each contact, for ever."""
    assert_sequences_are_unique(decisions)
    for who in {one.contact for one in decisions}:
        answers = [one for one in decisions if one.contact == who]
        outcomes = [one.outcome for one in answers]
        waited = outcomes.count(NO_AGENT_AVAILABLE)
        owned = len(outcomes) - waited
        expected = [NO_AGENT_AVAILABLE] * waited + [ASSIGNED] * bool(owned) + [ALREADY_ASSIGNED] * (owned - 1)
        assert outcomes == expected, who
        owners = {one.agent for one in answers if one.agent}
        assert owners == ({workspace.owner(who)} if owned else set()), who
    assert max(Counter(one.contact for one in closes if one.outcome).values()) == 1, "nothing opens again"
    assert_counts_follow_records(workspace, {one.contact for one in decisions})
    assert_limit_was_kept(decisions, closes, LIMIT)


def check_release(workspace: Workspace, decisions: list[Seen], closes: list[Seen]) -> None:
    """Where the owner goes on close: between two assignments of a contact there is exactly one close."""
    assert_sequences_are_unique(decisions)
    closed = Counter(one.contact for one in closes if one.outcome)
    for who in {one.contact for one in decisions}:
        owner, assigned = "", 0
        for one in (one for one in decisions if one.contact == who):
            if one.outcome == ASSIGNED:
                owner, assigned = one.agent, assigned + 1
            elif one.outcome == ALREADY_ASSIGNED:
                assert one.agent == owner, "the owner of the latest assignment"
        record = workspace.contact(who)
        assert assigned - closed[who] == record.open, who
        assert record.owner_id == (owner if record.open else "")
    assert_counts_follow_records(workspace, {one.contact for one in decisions})
    assert_limit_was_kept(decisions, closes, LIMIT)


def test_batches_race_single_calls(addresses: list[str], replicas: list[Service]):
    """Batches and single calls about the same contacts, all at once: one owner each, and an exact rotation."""
    chance = random.Random(3)
    workspace = Workspace(uuid.uuid4().hex, *replicas)
    people = [f"a{number}" for number in range(7)]
    workspace.roster(*people)
    workspace.rules(rule("r", to=agents(*people)))
    plans = []
    for number in range(CLIENTS):
        some = [[f"c{chance.randrange(3000)}" for _ in range(200)] for _ in range(5)]
        if number % 2:
            plans.append([Step(workspace.id, "batch", ",".join(batch)) for batch in some])
        else:
            plans.append([Step(workspace.id, "evaluate", one) for one in list(chain(*some))[:400]])
    seen = race(plans, addresses)
    decisions = sorted(seen, key=lambda one: one.sequence)
    assert_sequences_are_unique(decisions)
    assigned = [one for one in decisions if one.outcome == ASSIGNED]
    owner = {one.contact: one.agent for one in assigned}
    assert len(owner) == len(assigned)
    assert all(one.agent == owner[one.contact] for one in decisions)
    assert [one.agent for one in assigned] == [people[place % 7] for place in range(len(assigned))]
    assert_counts_follow_records(workspace, owner)


def test_no_decision_under_old_rules(replicas: list[Service]):
    """From the moment ConfigureRules returns, no replica makes a decision under an older revision."""
    name = uuid.uuid4().hex
    workspace = Workspace(name, replicas[0])
    workspace.roster("ann", "bob")
    workspace.rules(rule("revision-1"))
    returned = [(time.monotonic(), 1)]
    over = threading.Event()
    decisions: list[tuple[float, int, int, str]] = []

    def evaluate(number: int) -> None:
        mine = Workspace(name, replicas[number % REPLICAS])
        place = 0
        while not over.is_set():
            place += 1
            sent = time.monotonic()
            decision = mine.created(f"c{number}-{place}")
            decisions.append((sent, decision.sequence, decision.rules_revision, decision.rule_id))

    threads = [threading.Thread(target=evaluate, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    try:
        for revision in range(2, 60):
            answer = Workspace(name, replicas[revision % REPLICAS]).rules(rule(f"revision-{revision}"))
            returned.append((time.monotonic(), answer.revision))
            time.sleep(0.01)
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert len(decisions) > 200
    assert [revision for _, revision in returned] == list(range(1, 60))
    for sent, _, revision, rule_id in decisions:
        in_force = max(known for moment, known in returned if moment <= sent)
        assert revision >= in_force
        assert rule_id == f"revision-{revision}"
    revisions = [revision for _, _, revision, _ in sorted(decisions, key=lambda one: one[1])]
    assert revisions == sorted(revisions), "in the order of decisions, revisions only go up"
