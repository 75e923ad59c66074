"""How fair a pool is: from what its agents hold, sampled again and again. No I/O.

Only agents who were eligible in every sample of the window are compared, since an agent who was away owes nothing and
is owed nothing. What is compared is what the strategy levels (`Strategy.share`), per weight where it counts weights.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from strategies import STRATEGIES, Share

if TYPE_CHECKING:
    from collections.abc import Sequence

MIXED = "mixed"


class Standing(NamedTuple):
    """An agent in a pool.

    Attributes:
        agent_id: the agent.
        weight: at least 1.
        assigned: contacts that it was assigned in this pool, ever.
        open_contacts: contacts that it has open, from whatever pool.
        online: whether it is.
        eligible: whether a rule that uses the pool could choose it.
        strategies: of the rules that use the pool; none if the agent has left it, or no rule uses it.
        name: what people call the agent.
    """

    agent_id: str
    weight: int
    assigned: int
    open_contacts: int
    online: bool
    eligible: bool
    strategies: frozenset[int]
    name: str = ""


class Sample:
    """A pool as of one moment.

    Attributes:
        strategy: the name of the strategy by which rules use it, or `mixed`.
        share: what that levels; of a mixture, what is assigned.
        standings: its agents, by id.
    """

    __slots__ = ("share", "standings", "strategy")

    def __init__(self, standings: Sequence[Standing]) -> None:
        self.standings = {one.agent_id: one for one in standings}
        used = {strategy for one in standings for strategy in one.strategies}
        only = STRATEGIES.get(used.pop()) if len(used) == 1 else None
        self.strategy = only.name.lower() if only else MIXED
        self.share = only.share if only else Share.ASSIGNED


class Fairness(NamedTuple):
    """How fair a pool is.

    Attributes:
        compared: how many agents were eligible throughout the window.
        spread: the largest share minus the smallest one, in contacts, per unit of weight where weights count.
        jain_index: Jain's index of the shares: 1 if all are equal, 1/n if one of n has all (Jain, Chiu, Hawe 1984).
    """

    compared: int
    spread: float
    jain_index: float


class Window:
    """The samples of one pool within the last so many seconds."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._samples: deque[tuple[float, Sample]] = deque()

    def add(self, at: float, sample: Sample) -> None:
        """Take a sample, and drop what is older than the window; `at` is in seconds, and ascends."""
        self._samples.append((at, sample))
        while self._samples[0][0] < at - self._seconds:
            self._samples.popleft()

    def fairness(self) -> Fairness:
        """Compare the agents who were eligible throughout; with less than two of them nothing can be unfair."""
        first, latest = self._samples[0][1], self._samples[-1][1]
        throughout = [
            agent
            for agent in latest.standings
            if all(agent in seen.standings and seen.standings[agent].eligible for _, seen in self._samples)
        ]
        if latest.share is Share.OPEN_CONTACTS:
            held = [latest.standings[agent].open_contacts for agent in throughout]
        else:
            held = [latest.standings[agent].assigned - first.standings[agent].assigned for agent in throughout]
        if latest.share is Share.ASSIGNED_ALIKE:
            return compare(held)
        return compare(
            [contacts / latest.standings[agent].weight for agent, contacts in zip(throughout, held, strict=True)]
        )


def compare(shares: Sequence[float]) -> Fairness:
    """Compare shares, none of which is negative."""
    squares = sum(share * share for share in shares)
    spread = max(shares) - min(shares) if shares else 0.0
    return Fairness(len(shares), spread, sum(shares) ** 2 / (len(shares) * squares) if squares else 1.0)
