"""What LONGEST_IDLE promises: the longest idle of the eligible is chosen, and two teams are no double share."""

from __future__ import annotations

import uuid
from collections import Counter
from dataclasses import dataclass, field
from itertools import permutations
from typing import TYPE_CHECKING

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from tests.support.builders import (
    ASSIGNED,
    EVERYONE,
    LEAST_OPEN_CONTACTS,
    LONGEST_IDLE,
    NO_AGENT_AVAILABLE,
    ROUND_ROBIN,
    agent,
    agents,
    rule,
    tag,
    team,
)
from tests.support.client import Workspace

if TYPE_CHECKING:
    from evenhand.v1 import rules_pb2
    from evenhand.v1.decision_pb2 import Decision

    from tests.support.backends import Backend

PEOPLE = ["ann", "bob", "cy", "di", "eve"]
TEAMS = ["sales", "support"]
SOME = st.lists(st.sampled_from(PEOPLE), min_size=1, max_size=4, unique=True)
NUMBERS = st.sampled_from([1, 1, 1, 2, 5])


@dataclass
class Look:
    """How a rule looks at its pool: who stands there, by which strategy, who of them may be chosen."""

    target: str | list[str]
    strategy: int
    online_only: bool
    limit: int

    def rule(self, name: str) -> rules_pb2.Rule:
        """The rule, for contacts with its name as their tag."""
        targets = {"everyone": EVERYONE, **{each: team(each) for each in TEAMS}}
        to = targets[self.target] if isinstance(self.target, str) else agents(*self.target)
        asked = {"online_only": self.online_only, "max_open_contacts": self.limit}
        return rule(name, when=tag(any_of=[name]), to=to, strategy=self.strategy, **asked)


def looks_by(*strategies: int, limits: tuple[int, ...] = (0,)) -> st.SearchStrategy[list[Look]]:
    """Some rules by these strategies, mostly on pools that have agents in common."""
    target = st.one_of(st.sampled_from(["everyone", *TEAMS, *TEAMS]), SOME)
    look = st.builds(Look, target, st.sampled_from(strategies), st.booleans(), st.sampled_from(limits))
    return st.lists(look, min_size=1, max_size=4)


@dataclass
class Office:
    """A workspace, and beside it what its answers said: who is open with whom, and who was last assigned when."""

    workspace: Workspace
    limits: dict[str, int]
    teams: dict[str, list[str]] = field(default_factory=dict)
    looks: list[Look] = field(default_factory=list)
    online: set[str] = field(default_factory=set)
    owners: dict[str, str] = field(default_factory=dict)
    last: Counter[str] = field(default_factory=Counter)
    contacts: int = 0

    def settle(self, teams: dict[str, list[str]], looks: list[Look]) -> None:
        """Change the teams and the rules."""
        self.teams, self.looks = teams, looks
        people = [agent(one, max_open_contacts=self.limits[one]) for one in PEOPLE]
        self.workspace.roster(*people, **teams)
        self.workspace.rules(*(look.rule(f"r{at}") for at, look in enumerate(looks)))

    def report(self, who: list[str], *, online: bool) -> None:
        """Some come or go."""
        (self.workspace.online if online else self.workspace.offline)(*who)
        self.online = self.online | set(who) if online else self.online - set(who)

    def close(self, which: int) -> None:
        """Close one of the open contacts."""
        if self.owners:
            contact_id = list(self.owners)[which % len(self.owners)]
            self.workspace.close(contact_id)
            del self.owners[contact_id]

    def pool(self, look: Look) -> list[str]:
        """The agents of the look's pool, in their order."""
        pools = {"everyone": PEOPLE, **self.teams}
        return pools[look.target] if isinstance(look.target, str) else look.target

    def eligible(self, look: Look) -> list[str]:
        """Whom the rule may choose, in their order."""
        held = Counter(self.owners.values())
        return [
            one
            for one in self.pool(look)
            if (one in self.online or not look.online_only)
            and all(held[one] < most for most in (look.limit, self.limits[one]) if most)
        ]

    def decide(self, which: int, number: int) -> list[str]:
        """Have new contacts decided by one of the rules, several in one batch; each choice must be a right one."""
        which %= len(self.looks)
        ids = [f"c{self.contacts + at}" for at in range(number)]
        self.contacts += number
        if number == 1:
            return [self.check(ids[0], self.looks[which], self.workspace.created(ids[0], tags=[f"r{which}"]))]
        answers = self.workspace.created_in_batch(ids, tags=[f"r{which}"])
        return [self.check(one, self.looks[which], answer) for one, answer in zip(ids, answers, strict=True)]

    def check(self, contact_id: str, look: Look, answer: Decision) -> str:
        """Check one choice by what was said before, and remember it."""
        eligible = self.eligible(look)
        if not eligible:
            assert answer.outcome == NO_AGENT_AVAILABLE
            return ""
        assert answer.outcome == ASSIGNED
        assert answer.agent_id in eligible
        if look.strategy == LONGEST_IDLE:
            longest = min(eligible, key=self.last.__getitem__)  # of those never assigned, the first as they stand
            assert answer.agent_id == longest, f"{longest} has waited longer: {self.last}"
        self.owners[contact_id] = answer.agent_id
        self.last[answer.agent_id] = answer.sequence
        return answer.agent_id


HAPPENS = st.one_of(
    *[st.tuples(st.just("decide"), st.integers(0, 3), NUMBERS)] * 4,
    st.tuples(st.just("online"), SOME),
    st.tuples(st.just("offline"), SOME),
    st.tuples(st.just("close"), st.integers(0, 40)),
)
MEMBERS = st.fixed_dictionaries(dict.fromkeys(TEAMS, SOME))
MIXED = looks_by(LONGEST_IDLE, LONGEST_IDLE, ROUND_ROBIN, LEAST_OPEN_CONTACTS, limits=(0, 0, 1, 4))
SETTLES = st.tuples(st.just("settle"), MEMBERS, MIXED)
LIMITS = st.fixed_dictionaries(dict.fromkeys(PEOPLE, st.sampled_from([0, 0, 0, 1, 4])))


@given(limits=LIMITS, begin=SETTLES, history=st.lists(st.one_of(*[HAPPENS] * 9, SETTLES), min_size=10, max_size=50))
@settings(max_examples=60)
def test_nobody_eligible_has_waited_longer_than_who_is_chosen(backend: Backend, limits, begin, history):
    """Whoever comes, goes, fills up, or changes teams: the last assignment of who is chosen, from any pool, is oldest.

    Assignments by other strategies count as well, also those made before any rule chose by idleness.
    """
    office = Office(Workspace(uuid.uuid4().hex, backend.service()), limits)
    for kind, *what in [begin, *history]:
        match kind:
            case "settle":
                office.settle(*what)
            case "decide":
                office.decide(*what)
            case "close":
                office.close(*what)
            case _:
                office.report(*what, online=kind == "online")


@given(
    teams=MEMBERS,
    looks=looks_by(LONGEST_IDLE),
    online=SOME,
    contacts=st.lists(st.tuples(st.integers(0, 3), NUMBERS), min_size=5, max_size=30),
)
@settings(max_examples=60)
def test_who_is_seen_wherever_another_is_gets_as_many(backend: Backend, teams, looks, online, contacts):
    """Who is eligible in each view that another is gets, over any stretch, one contact more at most."""
    office = Office(Workspace(uuid.uuid4().hex, backend.service()), dict.fromkeys(PEOPLE, 0))
    office.settle(teams, looks)
    office.report(online, online=True)
    seen = {one: {at for at, look in enumerate(looks) if one in office.eligible(look)} for one in PEOPLE}
    pairs = [(one, other) for one, other in permutations(PEOPLE, 2) if seen[one] and seen[one] <= seen[other]]
    event(f"{len(pairs)} pairs")
    ahead, least = Counter(), Counter()
    for which, number in contacts:
        for chosen in office.decide(which, number):
            for pair in pairs:
                ahead[pair] += (chosen == pair[0]) - (chosen == pair[1])
                least[pair] = min(least[pair], ahead[pair])
                assert ahead[pair] - least[pair] <= 1, f"{pair[0]} got a burst over {pair[1]}"


@pytest.mark.parametrize("teams", [2, 3, 5])
def test_who_is_in_every_team_gets_no_more_than_who_is_in_one(workspace: Workspace, teams: int):
    """Teams of one agent each and one agent in all of them, asked in turn: all get exactly the same number."""
    own = [f"own-{at}" for at in range(teams)]
    workspace.roster("all", *own, **{f"team-{at}": ["all", one] for at, one in enumerate(own)})
    workspace.rules(
        *(
            rule(f"r{at}", when=tag(any_of=[f"r{at}"]), to=team(f"team-{at}"), strategy=LONGEST_IDLE)
            for at in range(teams)
        )
    )
    rounds = 4
    got = Counter(
        workspace.created(f"c{at}", tags=[f"r{at % teams}"]).agent_id for at in range(rounds * teams * (teams + 1))
    )
    assert got == dict.fromkeys(["all", *own], rounds * teams)
