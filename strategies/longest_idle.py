"""Longest idle: whoever has gone without an assignment for longest comes first, whatever pool the last one was from.

So somebody in two teams gets no double share, as every assignment sends them to the end of all lines at once. Weights
play no part, and contacts that a person hands over are no assignments.
"""

from __future__ import annotations

from pathlib import Path

from strategies.strategy import Share, Standing, Strategy


def order(standing: Standing) -> int:
    """Longest since the last assignment from any pool first; never assigned first of all."""
    return standing.last_anywhere


STRATEGY = Strategy(
    number=3,
    name="LONGEST_IDLE",
    label="longest idle",
    sentence="no rule had assigned {agent} a contact for longest",
    promise="nobody eligible throughout has waited longer than one who is chosen",
    share=Share.ASSIGNED_ALIKE,
    order=order,
    lua=Path(__file__).with_suffix(".lua"),
)
