"""Virtual time: weighted fair queueing of agents instead of packets, view by view.

An assignment, by whatever strategy, moves the agent's virtual time on by 1/weight in every view of the pool, whether it
is eligible there or not. When an agent becomes eligible in a view, its time there, and there alone, is lifted to the
least among those who are: so who was away is owed nothing, and a turn already taken is not forgotten by a blink of
absence. deploy/adr/0002-rotation.md says what follows from that.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction


@dataclass
class VirtualTimes:
    """The virtual times of a pool's agents in one view.

    Attributes:
        times: each agent's, as far as it is not 0.
        eligible: who is eligible now.
        emptied: the time of the last one who was, when nobody was left; 0 if that never happened.
    """

    times: dict[str, Fraction] = field(default_factory=dict)
    eligible: set[str] = field(default_factory=set)
    emptied: Fraction = Fraction(0)

    def of(self, agent: str) -> Fraction:
        """Return the agent's time."""
        return self.times.get(agent, Fraction(0))

    @property
    def least(self) -> Fraction:
        """The least time among the eligible; where nobody is, that of when the view became empty."""
        return min(map(self.of, self.eligible), default=self.emptied)

    def enter(self, agent: str) -> None:
        """Note that the agent became eligible."""
        self.times[agent] = max(self.of(agent), self.least)
        self.eligible.add(agent)

    def leave(self, agent: str) -> None:
        """Note that the agent is no longer eligible."""
        self.eligible.remove(agent)
        if not self.eligible:
            self.emptied = self.of(agent)

    def assigned(self, agent: str, weight: int) -> None:
        """Note that the agent was assigned a contact of this pool, in whatever view."""
        self.times[agent] = self.of(agent) + Fraction(1, weight)


def bound(weight: int, other_weight: int) -> Fraction:
    """Return how far the shares n/weight of two agents eligible throughout can ever be apart."""
    return max(Fraction(1, weight), Fraction(1, other_weight))
