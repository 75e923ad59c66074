"""What a strategy is: an order among the eligible agents of a pool, and what an assignment does to it.

A strategy is written twice, on purpose: in Lua, as the service runs it inside Redis, and in Python, as exact
fractions, as people and tests read it. Source of the orders: deploy/adr/0006, "Strategies".
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from fractions import Fraction
    from pathlib import Path

# A turn of an agent of weight 1, in the whole units that Redis counts virtual time in. A weight that divides it
# is exact: 1 to 16, 18, 20, 24, 25, 50, 75, 100 and many more. 2 ** 53 / TURN leaves 600 million turns a pool.
TURN = 2**6 * 3**2 * 5**2 * 7 * 11 * 13


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one agent stands in a pool.

    Attributes:
        weight: the agent's share relative to the others, at least 1.
        open_contacts: how many open contacts the agent has, from whatever pool.
        virtual_time: turns taken in this pool, each counted as 1/weight.
        last: sequence of the agent's last assignment in this pool; 0 if there was none.
        position: place in the order in which the pool's agents stand.
    """

    weight: int
    open_contacts: int
    virtual_time: Fraction
    last: int
    position: int


@dataclass(frozen=True, slots=True)
class Strategy:
    """One way to choose among the eligible.

    Attributes:
        number: its value in the contract's enum `evenhand.v1.Strategy`.
        name: its name there, without the prefix.
        promise: what holds of its choices, in a sentence.
        order: the sort key of a standing, given the pool's clock; the smallest is chosen.
        advance: the virtual time after an assignment, given the standing and the pool's clock.
        lua: the file with the same in Lua.
    """

    number: int
    name: str
    promise: str
    order: Callable[[Standing, Fraction], tuple[Fraction, int, int]]
    advance: Callable[[Standing, Fraction], Fraction]
    lua: Path

    def choose(self, eligible: dict[str, Standing], clock: Fraction) -> str:
        """Return the agent who comes first. `eligible` must not be empty."""
        return min(eligible, key=lambda agent: self.order(eligible[agent], clock))

    def after(
        self, chosen: str, eligible: dict[str, Standing], clock: Fraction, sequence: int
    ) -> tuple[Standing, Fraction]:
        """Return the chosen agent's standing after the assignment, and the pool's clock.

        The clock is the least virtual time among those who were eligible. Whoever was not, stands no earlier than
        the clock when next eligible: being away neither saves turns up nor owes them.
        """
        before = eligible[chosen]
        moved = self.advance(before, clock)
        standing = replace(before, open_contacts=before.open_contacts + 1, virtual_time=moved, last=sequence)
        if moved == before.virtual_time:
            return standing, clock
        times = [moved, *(other.virtual_time for agent, other in eligible.items() if agent != chosen)]
        return standing, max(clock, min(times))
