"""Round robin: whoever has had the least for their weight comes first, by virtual time (see `rotation`).

Start-time fair queueing (Goyal, Vin and Cheng, 1996), with agents for flows.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from strategies.strategy import Share, Standing, Strategy

if TYPE_CHECKING:
    from fractions import Fraction


def order(standing: Standing) -> Fraction:
    """Least virtual time first."""
    return standing.virtual_time


STRATEGY = Strategy(
    number=1,
    name="ROUND_ROBIN",
    label="round robin",
    sentence="it was {agent}'s turn",
    promise="for agents eligible throughout, |n_i/w_i - n_j/w_j| <= max(1/w_i, 1/w_j) at every prefix",
    share=Share.ASSIGNED,
    order=order,
    lua=Path(__file__).with_suffix(".lua"),
)
