"""Fewest open contacts relative to weight first: the order of quality, since nobody is given more than others have.

Source: "Assign to the user with least open contacts", the high-quality strategy of IS-Messenger.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from strategies.strategy import Share, Standing, Strategy


def order(standing: Standing) -> Fraction:
    """Fewest open contacts for the weight first."""
    return Fraction(standing.open_contacts, standing.weight)


STRATEGY = Strategy(
    number=2,
    name="LEAST_OPEN_CONTACTS",
    label="least open contacts",
    sentence="{agent} had the fewest for their weight",
    promise="open counts of agents eligible throughout level out, and never part by more than one assignment",
    share=Share.OPEN_CONTACTS,
    order=order,
    lua=Path(__file__).with_suffix(".lua"),
)
