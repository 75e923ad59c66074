"""Round robin by virtual time: weighted fair queueing of agents instead of packets.

An assignment moves the agent's virtual time on by 1/weight, from no earlier than the pool's clock (start-time fair
queueing, Goyal, Vin and Cheng, 1996). So who was away starts level with the others, and a turn already taken is
not forgotten by a blink of absence.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from strategies.strategy import Standing, Strategy


def order(standing: Standing, clock: Fraction) -> tuple[Fraction, int, int]:
    """Least virtual time; then longest since the last assignment in this pool; then as they stand."""
    return max(standing.virtual_time, clock), standing.last, standing.position


def advance(standing: Standing, clock: Fraction) -> Fraction:
    """An assignment adds 1/weight."""
    return max(standing.virtual_time, clock) + Fraction(1, standing.weight)


def bound(weight: int, other_weight: int) -> Fraction:
    """Return how far the shares n/weight of two agents eligible throughout can ever be apart."""
    return max(Fraction(1, weight), Fraction(1, other_weight))


STRATEGY = Strategy(
    number=1,
    name="ROUND_ROBIN",
    promise="for agents eligible throughout, |n_i/w_i - n_j/w_j| <= max(1/w_i, 1/w_j) at every prefix",
    order=order,
    advance=advance,
    lua=Path(__file__).with_suffix(".lua"),
)
