"""The part of the model that takes turns: virtual times, view by view. It shares no code with the service either."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

View = tuple[int, bool, int]
"""How a rule looks at a pool: strategy, online only, limit."""


@dataclass
class Times:
    """The virtual times of a pool's agents in one view: all go on in them, and who becomes eligible is lifted."""

    time: dict[str, Fraction] = field(default_factory=dict)
    eligible: set[str] = field(default_factory=set)
    floor: Fraction = Fraction(0)
    is_new: bool = False  # all who come into it do so at the same moment

    def of(self, agent: str) -> Fraction:
        """The agent's time."""
        return self.time.get(agent, Fraction(0))

    def least(self) -> Fraction:
        """That of the eligible; if there are none, of the last one there was; and never before the floor."""
        return max(self.floor, min(map(self.of, self.eligible), default=self.floor))

    def update(self, agent: str, is_eligible: bool) -> None:
        """The agent may have become eligible, or no longer be."""
        if is_eligible and agent not in self.eligible:
            self.time[agent] = max(self.of(agent), self.floor if self.is_new else self.least())
            self.eligible.add(agent)
        elif agent in self.eligible and not is_eligible:
            self.eligible.remove(agent)
            if not (self.eligible or self.is_new):
                self.floor = max(self.floor, self.of(agent))

    def passed_over(self, count: int, chosen: str) -> None:
        """Somebody is chosen past so many who are excluded; if those are few, nobody comes in before who was chosen."""
        if 0 < 2 * count <= len(self.eligible):
            self.floor = max(self.floor, self.of(chosen))


@dataclass
class Rotation:
    """One pool's rotation: last assignments, and virtual times for each way in which rules look at the pool."""

    last: dict[str, int] = field(default_factory=dict)
    views: dict[View, Times] = field(default_factory=dict)

    def carried_on(self, members: set[str], views: Iterable[View], *, is_new: bool) -> Rotation:
        """The rotation of these members alone, looked at in these ways; `is_new`: in a pool that takes its place.

        A way that is new goes on where the same one stood, or the first of the same strategy; else all are level.
        """
        last = {who: when for who, when in self.last.items() if who in members}
        carried = {}
        for view in views:
            if view in self.views and not is_new:
                carried[view] = self.views[view]
            else:
                alike = [self.views[one] for one in self.views if one[0] == view[0]]
                source = self.views.get(view) or next(iter(alike), Times())
                carried[view] = Times(dict(source.time), set(source.eligible), source.least(), is_new=True)
        return Rotation(last, carried)

    def assigned(self, agent: str, weight: int, turn: int) -> None:
        """One more, by whatever strategy."""
        self.last[agent] = turn
        for times in self.views.values():
            times.time[agent] = times.of(agent) + Fraction(1, weight)
