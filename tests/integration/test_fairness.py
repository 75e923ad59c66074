"""What the strategies promise, at every prefix, for weights of every kind, while other agents come and go."""

from __future__ import annotations

import itertools
import math
import time
import uuid
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.builders import LEAST_OPEN_CONTACTS, agent, agents, rule
from tests.support.client import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.support.backends import Backend

WEIGHTS = st.sampled_from([1, 1, 1, 2, 3, 5, 7, 33, 97, 991, 1000])


def assert_bound(who: Sequence[str], weights: dict[str, int]) -> None:
    """|n_i/w_i - n_j/w_j| <= max(1/w_i, 1/w_j) for these agents at every prefix of who got the contacts."""
    got = dict.fromkeys(weights, 0)
    for place, one in enumerate(who, 1):
        if one not in got:
            continue
        got[one] += 1
        # Only the share that has just grown can have broken the bound from above.
        grown = Fraction(got[one], weights[one])
        for other, weight in weights.items():
            most = max(Fraction(1, weights[one]), Fraction(1, weight))
            assert abs(grown - Fraction(got[other], weight)) <= most, f"contact {place}: {one} against {other}: {got}"


@dataclass
class Step:
    """So many contacts, single or in one batch, then one who comes or goes, and some contacts that close."""

    contacts: int
    in_batch: bool
    comer: int
    comes: bool
    closes: int


steps = st.lists(
    st.builds(
        Step,
        contacts=st.integers(1, 25),
        in_batch=st.booleans(),
        comer=st.integers(0, 3),
        comes=st.booleans(),
        closes=st.integers(0, 10),
    ),
    min_size=1,
    max_size=12,
)


class Line:
    """Contacts that come in, and those among them that are still open."""

    def __init__(self, backend: Backend) -> None:
        self.workspace = Workspace(uuid.uuid4().hex, backend.service())
        self.who: list[str] = []
        self._ids: Iterator[str] = (f"c{number}" for number in itertools.count())
        self._open: list[str] = []

    def take(self, count: int, *, in_batch: bool = True) -> list[str]:
        """Who gets the next contacts."""
        ids = list(itertools.islice(self._ids, count))
        decisions = self.workspace.created_in_batch(ids) if in_batch else [self.workspace.created(one) for one in ids]
        self._open += ids
        got = [one.agent_id for one in decisions]
        self.who += got
        return got

    def close(self, count: int) -> None:
        """The oldest of the open contacts close."""
        for one in self._open[:count]:
            self.workspace.close(one)
        del self._open[:count]


@settings(max_examples=40)
@given(stayers=st.lists(WEIGHTS, min_size=2, max_size=5), comers=st.lists(WEIGHTS, min_size=4, max_size=4), plan=steps)
def test_the_bound_holds_while_others_come_and_go(
    backend: Backend, stayers: list[int], comers: list[int], plan: list[Step]
):
    """Agents eligible throughout keep the bound at every prefix, whoever else comes, goes, fills up and empties."""
    line = Line(backend)
    weights = {f"s{number}": weight for number, weight in enumerate(stayers)}
    others = [agent(f"x{number}", weight=weight, max_open_contacts=3) for number, weight in enumerate(comers)]
    line.workspace.roster(*others[:2], *(agent(one, weight=weight) for one, weight in weights.items()), *others[2:])
    line.workspace.rules(rule("r", online_only=True))
    line.workspace.online(*weights)
    for step in plan:
        line.take(step.contacts, in_batch=step.in_batch)
        comer = others[step.comer].id
        line.workspace.online(comer) if step.comes else line.workspace.offline(comer)
        line.close(step.closes)
    assert_bound(line.who, weights)


@pytest.mark.parametrize("weights", [(1, 1, 1), (7, 33, 97, 1000), (983, 991, 997), (89, 97), (999, 1000), (1, 1000)])
def test_the_bound_holds_for_long(backend: Backend, weights: tuple[int, ...]):
    """After 8,000 contacts no rounding has added up: the bound still holds at every prefix."""
    line = Line(backend)
    people = {f"a{weight}-{place}": weight for place, weight in enumerate(weights)}
    line.workspace.roster(*(agent(one, weight=weight) for one, weight in people.items()))
    line.workspace.rules(rule("r"))
    for _ in range(8):
        line.take(1000)
    assert_bound(line.who, people)


@settings(max_examples=25)
@given(
    count=st.integers(2, 9),
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=6),
    in_batch=st.booleans(),
)
def test_equal_agents_get_equal_shares(backend: Backend, count: int, sizes: list[int], in_batch: bool):
    """After any multiple of n contacts, n equal agents have exactly the same number each, single or in batches."""
    line = Line(backend)
    people = [f"a{number}" for number in range(count)]
    line.workspace.roster(*people)
    line.workspace.rules(rule("r", to=agents(*reversed(people))))
    for size in sizes:
        line.take(size, in_batch=in_batch)
    for end in range(0, len(line.who) + 1, count):
        assert {line.who[:end].count(one) for one in people} == {end // count}
    assert line.who[:count] == people[::-1][: len(line.who)]


@settings(max_examples=25)
@given(
    people=st.lists(st.tuples(st.sampled_from([1, 1, 2, 3, 5, 7]), st.integers(0, 12)), min_size=2, max_size=5),
    in_batch=st.booleans(),
)
def test_least_open_contacts_levels_out(backend: Backend, people: list[tuple[int, int]], in_batch: bool):
    """However uneven it begins, open counts level out, and from then on never part by more than one assignment."""
    line = Line(backend)
    weights = {f"a{number}": weight for number, (weight, _) in enumerate(people)}
    counts = {f"a{number}": count for number, (_, count) in enumerate(people)}
    line.workspace.roster(*(agent(one, weight=weight) for one, weight in weights.items()))
    line.workspace.rules(rule("r", strategy=LEAST_OPEN_CONTACTS))
    for one, count in counts.items():
        for number in range(count):
            line.workspace.assign(f"hand-{one}-{number}", one)
    highest = max(Fraction(counts[one], weight) for one, weight in weights.items())
    to_level = sum(max(0, math.ceil(highest * weight) - counts[one]) for one, weight in weights.items())
    for place, got in enumerate(line.take(to_level + 20, in_batch=in_batch), 1):
        counts[got] += 1
        shares = [Fraction(counts[one], weight) for one, weight in weights.items()]
        assert place < to_level or max(shares) - min(shares) <= max(Fraction(1, weight) for weight in weights.values())
    assert line.workspace.open_counts() == counts


@settings(max_examples=20)
@given(away=st.integers(2, 150), weight=st.sampled_from([1, 2, 5]), again=st.integers(1, 40))
def test_no_burst_on_return(backend: Backend, away: int, weight: int, again: int):
    """Who was away for any number of contacts then gets a fair share from the first contact on, and no more."""
    line = Line(backend)
    weights = {"ann": 1, "bob": 3, "back": weight}
    line.workspace.roster(*(agent(one, weight=share) for one, share in weights.items()))
    line.workspace.rules(rule("r", online_only=True))
    line.workspace.online("ann", "bob")
    line.take(away)
    line.workspace.online("back")
    since = line.take(again)
    for end in range(again + 1):
        share = Fraction(since[:end].count("back"), weight)
        for other in ("ann", "bob"):
            # Level at first, up to the turn that the other has already begun, and the bound from there on.
            slack = Fraction(1, weight) + Fraction(1, weights[other])
            assert abs(share - Fraction(since[:end].count(other), weights[other])) <= slack
    assert since[0] == "back", "and not at the end of the line either"


@pytest.mark.parametrize("flap", ["presence", "lease", "limit", "disabled"])
def test_flapping_gains_nothing(backend: Backend, flap: str):
    """An agent who leaves and returns after each contact gets no more than its share, and holds nobody up."""
    line = Line(backend)
    workspace = line.workspace
    workspace.roster("ann", "bob", "flap")
    workspace.rules(rule("r", online_only=True))
    workspace.online("ann", "bob", "flap")
    leave: dict[str, Callable[[], object]] = {
        "presence": lambda: workspace.offline("flap"),
        "lease": lambda: (workspace.online("flap", lease_ms=1), time.sleep(0.003)),
        "limit": lambda: workspace.roster("ann", "bob", agent("flap", max_open_contacts=1)),
        "disabled": lambda: workspace.roster("ann", "bob", agent("flap", disabled=True)),
    }
    for _ in range(30):
        line.take(1)
        leave[flap]()
        workspace.roster("ann", "bob", "flap")
        workspace.online("flap")
    assert {one: line.who.count(one) for one in ("ann", "bob", "flap")} == {"ann": 10, "bob": 10, "flap": 10}
    assert_bound(line.who, {"ann": 1, "bob": 1, "flap": 1})


def test_flapping_between_others_contacts_gains_nothing(backend: Backend):
    """An agent who is there for every second contact only never gets more than one who is always there."""
    line = Line(backend)
    line.workspace.roster("ann", "bob", "flap")
    line.workspace.rules(rule("r", online_only=True))
    line.workspace.online("ann", "bob")
    for _ in range(40):
        line.take(1)
        line.workspace.online("flap")
        line.take(1)
        line.workspace.offline("flap")
    got = {one: line.who.count(one) for one in ("ann", "bob", "flap")}
    assert got["flap"] <= min(got.values()), got
    assert_bound(line.who, {"ann": 1, "bob": 1})
