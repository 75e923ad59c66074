"""What a strategy is: an order among the eligible agents of a view, and how people and figures speak of it.

An order is written twice, on purpose: in Lua, as the service runs it inside Redis, and in Python, as exact fractions,
as people and tests read it. What an assignment does to virtual time is the pool's business, whatever the strategy: see
`rotation`. Source of the orders: deploy/adr/0006, "Strategies".
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from fractions import Fraction
    from pathlib import Path

# A turn of an agent of weight 1, in the whole units that Redis counts virtual time in. A weight that divides it
# is exact: 1 to 16, 18, 20, 24, 25, 50, 75, 100 and many more. 2 ** 53 / TURN leaves 600 million turns a pool.
TURN = 2**6 * 3**2 * 5**2 * 7 * 11 * 13


class Share(Enum):
    """What a strategy levels among its agents."""

    ASSIGNED = "contacts assigned within a while, for the weight"
    ASSIGNED_ALIKE = "contacts assigned within a while, whatever the weight"
    OPEN_CONTACTS = "contacts open now, for the weight"


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one agent stands in a view.

    Attributes:
        weight: the agent's share relative to the others, at least 1.
        open_contacts: how many open contacts the agent has, from whatever pool.
        virtual_time: turns taken in this pool, each counted as 1/weight, as the view sees them.
        last: sequence of the agent's last assignment in this pool; 0 if there was none.
        position: place in the order in which the pool's agents stand.
        last_anywhere: sequence of the agent's last assignment in any pool of the workspace; 0 if there was none.
    """

    weight: int
    open_contacts: int
    virtual_time: Fraction
    last: int
    position: int
    last_anywhere: int

    @property
    def tie(self) -> tuple[int, int]:
        """What breaks every tie: longest since the last assignment in this pool, then as they stand."""
        return self.last, self.position


@dataclass(frozen=True, slots=True)
class Strategy:
    """One way to choose among the eligible.

    Attributes:
        number: its value in the contract's enum `evenhand.v1.Strategy`.
        name: its name there, without the prefix.
        label: what people call it.
        sentence: why an agent was chosen, with `{agent}` for its name.
        promise: what holds of its choices.
        share: what it levels.
        order: the sort key of a standing; the smallest is chosen, and ties are broken alike by all strategies.
        lua: the file with the same in Lua.
    """

    number: int
    name: str
    label: str
    sentence: str
    promise: str
    share: Share
    order: Callable[[Standing], Fraction | int]
    lua: Path

    def choose(self, eligible: dict[str, Standing]) -> str:
        """Return the agent who comes first. `eligible` must not be empty."""
        return min(eligible, key=lambda agent: (self.order(eligible[agent]), *eligible[agent].tie))
