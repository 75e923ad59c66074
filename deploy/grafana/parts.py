"""What a panel is told: what it asks, what its values are, how its series look, and where their names stand."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence


class Query(NamedTuple):
    """What a panel asks.

    Attributes:
        expression: PromQL.
        legend: the name of each series.
    """

    expression: str
    legend: str


class Unit(NamedTuple):
    """What values are.

    Attributes:
        name: Grafana's, short, since it stands on every tick and beside every value.
        counts: what is counted, in words along the axis; empty where the title says it.
        decimals: how many; None for as many as a value takes.
    """

    name: str = "locale"
    counts: str = ""
    decimals: int | None = None


PERCENT = Unit("percentunit")
SECONDS = Unit("s")
BYTES = Unit("bytes")


def count_of(what: str) -> Unit:
    """Return the unit of whole things."""
    return Unit(counts=what, decimals=0)


class Look(NamedTuple):
    """How one of the series looks, whatever others there are.

    Attributes:
        color: one of Grafana's.
        name: how it is called; empty for as its query says.
    """

    color: str
    name: str = ""


class Limits(NamedTuple):
    """From where on a value is bad, and from where on it is worth a look.

    Attributes:
        bad: red from here on.
        warn: yellow from here on, if there is such a thing.
    """

    bad: float
    warn: float | None = None


class Names(NamedTuple):
    """Where the names of series stand.

    Attributes:
        figures: of each series, in this order; without any, names follow each other and take least room.
        beside: right of the lines, where there is room for many.
    """

    figures: Sequence[str] = ("lastNotNull", "max")
    beside: bool = False


BELOW = Names()
BESIDE = Names(beside=True)
IN_LINE = Names(figures=())
