"""Virtual time: weighted fair queueing of agents instead of packets, view by view.

An assignment, by whatever strategy, moves the agent's virtual time on by 1/weight in every view of the pool, whether it
is eligible there or not. When an agent becomes eligible in a view, its time there, and there alone, is lifted to the
least among those who are: so who was away is owed nothing, and a turn already taken is not forgotten by a blink of
absence. deploy/adr/0002-rotation.md says what follows from that.

Who is excluded from a decision keeps its time, and one who often is falls behind. So where no more than half of the
eligible are passed over, nobody comes in earlier than who was chosen then: the few who are behind are owed turns, and
those who come are not.
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
        floor: the time before which nobody comes in: of the last one who was eligible, when nobody was left, or of one
            who was chosen past a few who were excluded; 0 if neither ever happened.
    """

    times: dict[str, Fraction] = field(default_factory=dict)
    eligible: set[str] = field(default_factory=set)
    floor: Fraction = Fraction(0)

    def of(self, agent: str) -> Fraction:
        """Return the agent's time."""
        return self.times.get(agent, Fraction(0))

    @property
    def least(self) -> Fraction:
        """The time at which one comes in at the earliest: the least among the eligible, or the floor."""
        return max(self.floor, min(map(self.of, self.eligible), default=self.floor))

    def enter(self, agent: str) -> None:
        """Note that the agent became eligible."""
        self.times[agent] = max(self.of(agent), self.least)
        self.eligible.add(agent)

    def leave(self, agent: str) -> None:
        """Note that the agent is no longer eligible."""
        self.eligible.remove(agent)
        if not self.eligible:
            self.floor = max(self.floor, self.of(agent))

    def passed_over(self, count: int, chosen: str) -> None:
        """Note that an agent is about to be assigned past so many who come before it and are excluded."""
        if 0 < 2 * count <= len(self.eligible):
            self.floor = max(self.floor, self.of(chosen))

    def assigned(self, agent: str, weight: int) -> None:
        """Note that the agent was assigned a contact of this pool, in whatever view."""
        self.times[agent] = self.of(agent) + Fraction(1, weight)


def bound(weight: int, other_weight: int) -> Fraction:
    """Return how far the shares n/weight of two agents eligible throughout can ever be apart."""
    return max(Fraction(1, weight), Fraction(1, other_weight))
