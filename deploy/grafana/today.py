"""The panels that an operations manager asks for first: today, by team, against the fair share and its bound."""

from __future__ import annotations

from typing import TYPE_CHECKING

from panels import columns
from parts import PERCENT, Query, Unit
from pools import GOT, WEIGHT, by_name_and_team, by_round_robin

if TYPE_CHECKING:
    from grafana_foundation_sdk.cog.builder import Builder
    from grafana_foundation_sdk.models.dashboard import Panel

# deploy/adr/0002-rotation.md: two agents who are alike never part by more than a contact of the lightest, counted from
# the beginning; counted from any moment on, such as midnight, by two.
_BOUND = 2.0


def today() -> list[Builder[Panel]]:
    """Return them."""
    # Without those who left the team, and those who are added up as other: they have no weight to hold it against.
    got = f"({GOT} and on (pool, agent) {WEIGHT})"
    share = f"{got} / on (pool) group_left () (sum by (pool) ({got}) > 0)"
    fair = f"{WEIGHT} / on (pool) group_left () sum by (pool) ({WEIGHT})"
    # For its weight, and for the average of its pool, so many contacts of an agent of the least weight.
    ahead = (
        f"({got} / on (pool, agent) {WEIGHT} "
        f"- on (pool) group_left () sum by (pool) ({got}) / sum by (pool) ({WEIGHT})) "
        f"* on (pool) group_left () min by (pool) ({WEIGHT})"
    )
    return [
        columns(
            "Each agent's share, against the fair share",
            "Each agent's share of the contacts that its team was assigned today, beside the fair share, which is its "
            "share of the weight, in teams by round robin.",
            PERCENT,
            Query(by_name_and_team(by_round_robin(share)), "Share"),
            Query(by_name_and_team(by_round_robin(fair)), "Fair share"),
            by="label",
            order="order",
            width=24,
        ).time_from("now/d"),
        columns(
            "Ahead of the fair share, or behind",
            "By how many contacts (of an agent of the least weight) each agent is ahead of the fair share today: round "
            "robin, of whose teams these are, keeps those who could be chosen all day within the dashed lines, and who "
            "was away is behind.",
            Unit(counts="contacts ahead, or behind", decimals=1),
            Query(by_name_and_team(by_round_robin(ahead)), "Ahead"),
            by="label",
            order="order",
            width=24,
            bound=_BOUND,
        ).time_from("now/d"),
    ]
