"""One pool in Redis and, beside it, in plain Python: whoever is chosen must be whom the strategies' Python chooses."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import uuid4

from service.store.values import Case, Opens, PresenceReport, revision_of
from strategies import STRATEGIES, Standing
from strategies.rotation import VirtualTimes
from tests.support import plans
from tests.support.stores import decide

if TYPE_CHECKING:
    from collections.abc import Collection

    from service.store.store import RedisStore

ONLINE, OFFLINE = 1, 3
ASSIGNED, NO_AGENT_AVAILABLE = 1, 3
ROUND_ROBIN = 1
POOL = "t:sales"
Look = tuple[int, bool, int]
"""How a rule looks at the pool: strategy, online only, limit of open contacts (0 = none)."""


def view_of(look: Look) -> plans.View:
    """The view, as a rule makes it that sets only what it asks for."""
    number, online_only, limit = look
    asked = {"max_open_contacts": limit, "online_only": online_only}
    return plans.view(POOL, number, **{name: value for name, value in asked.items() if value})


@dataclass
class Agent:
    """What a pool's agent is at the moment."""

    weight: int
    limit: int
    position: int
    online: bool = False
    open_contacts: int = 0
    last: int = 0

    def is_eligible(self, look: Look) -> bool:
        """Whether a rule that looks at the pool like this may choose the agent."""
        _, online_only, limit = look
        return (self.online or not online_only) and all(
            self.open_contacts < most for most in (self.limit, limit) if most
        )


@dataclass
class Pool:
    """One pool in one workspace, kept in Redis and, beside it, in plain Python."""

    store: RedisStore
    name: str
    agents: dict[str, Agent]
    looks: list[Look]
    views: dict[Look, VirtualTimes] = field(default_factory=dict)
    contacts: int = 0

    def __post_init__(self) -> None:
        self.workspace = self.store.workspace(self.name)
        self.views = {look: VirtualTimes() for look in self.looks}
        plan = plans.everyone_in([view_of(look) for look in self.looks], list(self.agents))
        agents = [
            planned._replace(weight=agent.weight, max_open_contacts=agent.limit)
            for planned, agent in zip(plan.agents, self.agents.values(), strict=True)
        ]
        self.version = self.workspace.configure(
            self.workspace.configuration(),
            plan._replace(agents=agents),
            rules=plans.rules(*map(view_of, self.looks)),
            unassign_on_close=False,
        )
        assert revision_of(self.version) == 1
        for name in self.agents:
            self.update(name)

    def update(self, name: str) -> None:
        """The agent may have become eligible in some view, or no longer be."""
        for look, times in self.views.items():
            is_eligible = self.agents[name].is_eligible(look)
            if is_eligible and name not in times.eligible:
                times.enter(name)
            elif name in times.eligible and not is_eligible:
                times.leave(name)

    def set_presence(self, names: list[str], presence: int) -> None:
        """Report the same presence of several agents."""
        assert self.workspace.set_presence([PresenceReport(name, presence, 0) for name in names]) == []
        for name in names:
            self.agents[name].online = presence == ONLINE
            self.update(name)

    def decide(self, look: Look, excluded: Collection[str] = ()) -> str:
        """Decide about a new contact in Redis and in Python; both must choose the same agent, who is returned."""
        self.contacts += 1
        ref = plans.choice(view_of(look)).ref
        case = Case(f"contact-{self.contacts}", "", Opens.NONE, "", ref, "", sorted(excluded))
        (answer,) = decide(self.store, self.name, self.version, [case])
        times = self.views[look]
        left = times.eligible - set(excluded)
        if not left:
            assert (answer.outcome, answer.agent) == (NO_AGENT_AVAILABLE, b"")
            return ""
        expected = STRATEGIES[look[0]].choose({name: self.standing(name, times) for name in left})
        assert (answer.outcome, answer.agent.decode()) == (ASSIGNED, expected)
        if look[0] == ROUND_ROBIN:
            places = {
                name: (times.of(name), self.agents[name].last, self.agents[name].position) for name in times.eligible
            }
            times.passed_over(sum(place < places[expected] for place in places.values()), expected)
        agent = self.agents[expected]
        agent.open_contacts, agent.last = agent.open_contacts + 1, answer.sequence
        for each in self.views.values():
            each.assigned(expected, agent.weight)
        self.update(expected)
        return expected

    def standing(self, name: str, times: VirtualTimes) -> Standing:
        """How the agent stands in a view."""
        agent = self.agents[name]
        return Standing(agent.weight, agent.open_contacts, times.of(name), agent.last, agent.position, agent.last)

    def close(self, contact: int) -> None:
        """Close a contact by its number."""
        owner, closed = self.workspace.close(f"contact-{contact}")
        if closed:
            self.agents[owner].open_contacts -= 1
            self.update(owner)


def pool(store: RedisStore, agents: list[tuple[int, int]], looks: list[Look], name: str = "") -> Pool:
    """A new pool of agents with these weights and limits."""
    named = {f"agent-{at}": Agent(weight, limit, at) for at, (weight, limit) in enumerate(agents, 1)}
    return Pool(store, name or uuid4().hex, named, looks)


Step = tuple[str, object]
"""What happens: `decide` in a look; `exclude`, with a look and places of agents: decide without these; `online` or
`offline`, with places of agents; `close`, with a contact's number."""


def step(of: Pool, kind: str, what: object) -> str:
    """Let something happen; return who was assigned a contact ('' = nobody was)."""
    names = list(of.agents)
    if kind == "decide":
        return of.decide(what)
    if kind == "exclude":
        look, without = what
        return of.decide(look, [names[at] for at in without if at < len(names)])
    if kind == "close":
        of.close(what)
    elif known := [names[at] for at in sorted(what) if at < len(names)]:
        of.set_presence(known, ONLINE if kind == "online" else OFFLINE)
    return ""
