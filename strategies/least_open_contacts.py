"""Fewest open contacts relative to weight first: the order of quality, since nobody is given more than others have.

Source: "Assign to the user with least open contacts", the high-quality strategy of IS-Messenger.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from strategies.strategy import Standing, Strategy


def order(standing: Standing, _clock: Fraction) -> tuple[Fraction, int, int]:
    """Fewest open contacts for the weight; then longest since the last assignment in this pool; then as they stand."""
    return Fraction(standing.open_contacts, standing.weight), standing.last, standing.position


def advance(standing: Standing, _clock: Fraction) -> Fraction:
    """The open count says it all: virtual time stays, and with it the pool's rotation."""
    return standing.virtual_time


STRATEGY = Strategy(
    number=2,
    name="LEAST_OPEN_CONTACTS",
    promise="open counts of agents eligible throughout level out, and never part by more than one assignment",
    order=order,
    advance=advance,
    lua=Path(__file__).with_suffix(".lua"),
)
