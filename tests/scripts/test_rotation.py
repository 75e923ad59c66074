"""The strategies' Lua against the same strategies in Python, on a real Redis, with no server between."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.redis_client.client import RedisClient
from service.rules.plan import AgentPlan, Change, Place, View
from service.store.values import Case, Choice, NewRules, PresenceReport
from strategies import STRATEGIES, Standing
from tests.support.processes import RedisServer
from tests.support.stores import decide, open_store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.store.store import RedisStore

ONLINE, OFFLINE = 1, 3
ASSIGNED, NO_AGENT_AVAILABLE = 1, 3
POOL = "t:sales"
# Weights that divide a turn, so that Python's fractions and Redis's whole units are exactly the same.
WEIGHTS = (1, 1, 1, 2, 3, 7, 10, 25, 100)
# Every way in which the rules of these tests look at the pool: strategy, online only, limit.
VIEWS = [(number, online, limit) for number in STRATEGIES for online in (False, True) for limit in (0, 3)]


@pytest.fixture(scope="module")
def store() -> Iterator[RedisStore]:
    """A store on a Redis of its own."""
    with RedisServer() as server:
        redis = RedisClient(server.url, 5.0)
        yield open_store(redis)
        redis.close()


@dataclass
class Rotation:
    """One pool in one workspace, kept in Redis and, beside it, in plain Python."""

    store: RedisStore
    name: str
    weights: list[int]
    limits: list[int]
    standings: dict[str, Standing] = field(default_factory=dict)
    online: set[str] = field(default_factory=set)
    clock: Fraction = Fraction(0)
    contacts: int = 0

    def __post_init__(self) -> None:
        self.workspace = self.store.workspace(self.name)
        agents = [f"agent-{at}" for at in range(len(self.weights))]
        self.limit = dict(zip(agents, self.limits, strict=True))
        self.standings = {
            agent: Standing(weight, 0, Fraction(0), 0, at)
            for at, (agent, weight) in enumerate(zip(agents, self.weights, strict=True), 1)
        }
        views = tuple(View(*view) for view in VIEWS)
        planned = [
            AgentPlan(
                agent, agent, standing.weight, self.limit[agent], True, (Place(POOL, standing.position, "", views),)
            )
            for agent, standing in self.standings.items()
        ]
        revision = self.workspace.configure(
            self.workspace.configuration(),
            Change([], planned, [], []),
            rules=NewRules(b"", b""),
            unassign_on_close=False,
        )
        assert revision == 1

    def set_presence(self, agents: list[str], presence: int) -> None:
        """Report the same presence of several agents."""
        assert self.workspace.set_presence([PresenceReport(agent, presence, 0) for agent in agents]) == []
        self.online = self.online | set(agents) if presence == ONLINE else self.online - set(agents)

    def decide(self, view: tuple[int, bool, int]) -> str:
        """Decide about a new contact in Redis and in Python; both must choose the same agent, who is returned."""
        number, online_only, limit = view
        self.contacts += 1
        choice = Choice.of(POOL, number, limit, "rule", "sales", online_only=online_only, fallback=False)
        case = Case(f"contact-{self.contacts}", "", False, "", choice, "")
        (answer,) = decide(self.store, self.name, 1, [case])
        eligible = {
            agent: standing
            for agent, standing in self.standings.items()
            if (agent in self.online or not online_only)
            and (not self.limit[agent] or standing.open_contacts < self.limit[agent])
            and (not limit or standing.open_contacts < limit)
        }
        if not eligible:
            assert (answer.outcome, answer.agent) == (NO_AGENT_AVAILABLE, b"")
            return ""
        expected = STRATEGIES[number].choose(eligible, self.clock)
        assert (answer.outcome, answer.agent.decode()) == (ASSIGNED, expected)
        self.standings[expected], self.clock = STRATEGIES[number].after(expected, eligible, self.clock, answer.sequence)
        return expected

    def close(self, contact: int) -> None:
        """Close a contact by its number."""
        owner, closed = self.workspace.close(f"contact-{contact}")
        if closed:
            standing = self.standings[owner]
            self.standings[owner] = replace(standing, open_contacts=standing.open_contacts - 1)


AGENTS = st.lists(st.tuples(st.sampled_from(WEIGHTS), st.sampled_from((0, 0, 0, 1, 2, 5))), min_size=1, max_size=7)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("decide"), st.sampled_from(VIEWS)),
        st.tuples(st.just("online"), st.sets(st.integers(0, 6))),
        st.tuples(st.just("offline"), st.sets(st.integers(0, 6))),
        st.tuples(st.just("close"), st.integers(1, 40)),
    ),
    max_size=60,
)


@given(agents=AGENTS, steps=STEPS)
@settings(max_examples=150)
def test_lua_chooses_as_python_does(store, agents, steps):
    """Redis chooses exactly whom the strategies' Python says, through any mixture of rules on one pool."""
    rotation = Rotation(store, uuid4().hex, [weight for weight, _ in agents], [limit for _, limit in agents])
    names = list(rotation.standings)
    for kind, what in steps:
        if kind == "decide":
            rotation.decide(what)
        elif kind == "close":
            rotation.close(what)
        elif chosen := [names[at] for at in what if at < len(names)]:
            rotation.set_presence(chosen, ONLINE if kind == "online" else OFFLINE)


@pytest.mark.parametrize("others", [63, 64, 65, 200])
def test_the_clock_catches_up_with_many(store, others):
    """However many agents the clock has passed while another rule decided, the next choice is still the right one."""
    rotation = Rotation(store, f"many-{others}", [1] * (others + 1), [0] * (others + 1))
    names = list(rotation.standings)
    # Everyone but the last takes turns by presence; the rule that sees all has not been asked for a while.
    rotation.set_presence(names[:-1], ONLINE)
    for _ in range(2 * others + 7):
        rotation.decide((1, True, 0))
    assert rotation.decide((1, False, 0)) == names[-1]
    for _ in range(others + 5):
        rotation.decide((1, False, 0))


def test_a_turn_that_does_not_divide_is_carried():
    """Weights that do not divide a turn still share to the last contact, over any length."""
    with RedisServer() as server:
        redis = RedisClient(server.url, 5.0)
        store = open_store(redis)
        weights = [97, 89, 7]
        rotation = Rotation(store, "odd", weights, [0, 0, 0])
        counts = dict.fromkeys(rotation.standings, 0)
        choice = Choice.of(POOL, 1, 0, "rule", "sales", online_only=False, fallback=False)
        rounds = 20
        cases = [Case(f"odd-{at}", "", False, "", choice, "") for at in range(rounds * sum(weights))]
        for answer in decide(store, "odd", 1, cases):
            counts[answer.agent.decode()] += 1
        assert list(counts.values()) == [rounds * weight for weight in weights]
        redis.close()
